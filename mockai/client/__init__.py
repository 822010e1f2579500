"""The Python face of the control API: `MockAI`, `AsyncMockAI` and what they hand out.

It speaks HTTP, as any other language does; the server is imported only when one is started.
"""

from __future__ import annotations

from mockai.client.aio import AsyncMockAI, AsyncScript
from mockai.client.sync import MockAI, Script
from mockai.client.views import Exchange, Exchanges, Gate, Held, Mark, Request

__all__ = [
    "AsyncMockAI",
    "AsyncScript",
    "Exchange",
    "Exchanges",
    "Gate",
    "Held",
    "Mark",
    "MockAI",
    "Request",
    "Script",
]
