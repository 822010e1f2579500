"""mockai: the fake OpenAI server with which teams prove that their cancel logic really works."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockai.client import AsyncMockAI, MockAI, Script

__all__ = ["AsyncMockAI", "MockAI", "Script"]


def __getattr__(name: str) -> Any:
    """Load the public names on first use: importing `mockai` alone must cost nothing."""
    if name in __all__:
        return getattr(import_module("mockai.client"), name)
    raise AttributeError(f"module 'mockai' has no attribute {name!r}")
