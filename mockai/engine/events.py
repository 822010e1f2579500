"""What happened in a session, in order: a bounded log that can be followed as it grows.

An event has a number that never comes again in its session, also after a reset, so that a follower
who was cut off can go on where it was. What a reset ends is not in the log of what comes after.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mockai.core.exchange import utc_text
from mockai.engine.pacer import Pacer
from mockai.engine.waiting import Waiters

MOST = 4_096
Fact = str | int | float | None
Facts = tuple[tuple[str, Fact], ...]
NAMES = (
    "exchange.received",
    "exchange.headers",
    "exchange.first_token",
    "exchange.held",
    "exchange.released",
    "exchange.stalled",
    "exchange.half_closed",
    "exchange.disconnected",
    "exchange.ended",
    "mark",
)


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """One event: `facts` are pairs; `at_ns` is monotonic."""

    seq: int
    name: str
    at_ns: int
    exchange: str | None = None
    facts: Facts = ()


class EventLog:
    """The newest events of one session. `wall_s` gives Unix time for stamps that people read."""

    def __init__(self, pacer: Pacer, wall_s: Callable[[], float], most: int = MOST) -> None:
        self._now_ns = pacer.now_ns
        self._origin_s = wall_s() - pacer.now_ns() / 1e9
        # Plain tuples: the collector does not walk what holds nothing but numbers and text.
        self._kept: deque[tuple[str, int, str | None, Facts]] = deque(maxlen=most)
        self._followers = Waiters(pacer)
        self.newest = 0
        self._cleared = self._lost = 0

    def add(self, name: str, exchange: str | None = None, facts: Facts = ()) -> None:
        """Note an event that happens now."""
        self.newest += 1
        self._kept.append((name, self._now_ns(), exchange, facts))
        if self._followers.waiting:
            self._followers.wake()

    def clear(self) -> None:
        """Forget what has happened so far; numbers go on."""
        self._lost, self._cleared = self.lost, self.newest
        self._kept.clear()

    def wake(self) -> None:
        """Let followers look whether there is still something to follow."""
        self._followers.wake()

    @property
    def lost(self) -> int:
        """The newest number that had to make room; whoever has not seen it has missed it."""
        dropped = self.newest - self._cleared - (self._kept.maxlen or 0)
        return self._cleared + dropped if dropped > 0 else self._lost

    @property
    def is_followed(self) -> bool:
        """True while somebody waits for the next event."""
        return bool(self._followers.waiting)

    def after(self, seq: int) -> list[SessionEvent]:
        """Return the events with a greater number that are still kept."""
        oldest = self.newest - len(self._kept) + 1
        numbered = enumerate(self._kept, oldest)
        return [SessionEvent(number, *event) for number, event in numbered if number > seq]

    async def wait(self, seq: int, over: Callable[[], bool], *, wait_s: float) -> None:
        """Wait until there is an event with a greater number, or it is over."""
        await self._followers.wait_until(
            lambda: self.newest > seq or over(), wait_s=wait_s, sooner=lambda: None
        )

    def to_json(self, event: SessionEvent) -> dict[str, Any]:
        """Return the form of the control API; `at` is UTC."""
        at = utc_text(self._origin_s + event.at_ns / 1e9)
        about = {} if event.exchange is None else {"exchange": event.exchange}
        return {"seq": event.seq, "at": at, **about, **dict(event.facts)}
