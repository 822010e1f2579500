"""The time to live of a session: it ends by itself when nobody has used it for so long."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from mockai.engine.pacer import NEVER, Pacer

_log = logging.getLogger("mockai")


class Used(Protocol):
    """What lives: a session. `used_ns` is the instant of its last use."""

    @property
    def used_ns(self) -> int: ...
    @property
    def ended_at_ns(self) -> int | None: ...
    def is_unused(self) -> bool: ...


class Lifetime:
    """Looks when the time may be over; who is in use then gets all of it anew."""

    def __init__(self, used: Used, pacer: Pacer, ttl_s: float, expire: Callable[[], None]) -> None:
        self.due_tick = NEVER
        self._used, self._expire = used, expire
        self._ttl_ns = round(ttl_s * 1e9)
        pacer.schedule(self, used.used_ns + self._ttl_ns)

    def tick(self, now_ns: int) -> int | None:
        """End what was not used, or come back when it may be."""
        if self._used.ended_at_ns is not None:
            return None
        if not self._used.is_unused():
            return now_ns + self._ttl_ns
        over_ns = self._used.used_ns + self._ttl_ns
        if now_ns < over_ns:
            return over_ns
        self._expire()
        return None

    def crashed(self, error: Exception) -> None:
        """Say that the session lives on."""
        _log.error("a session could not be ended in time", exc_info=error)
