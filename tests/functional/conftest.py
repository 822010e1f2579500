from __future__ import annotations

from tests.support.fixtures import connect, control, server

__all__ = ["connect", "control", "server"]
