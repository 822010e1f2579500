"""The pacer: the only thing that sleeps. One ticker wakes all streams, each at its deadline.

Deadlines are absolute and stand in a wheel of ticks; a late wake-up is caught up by the stream
itself, so nothing drifts. Each wake-up is guarded: what one stream raises concerns that stream.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol

_log = logging.getLogger("mockai")

TICK_NS = 500_000
"""Width of one tick: deadlines are rounded up to it, never down, so nothing is early."""


NEVER = 1 << 62
"""The tick of what has no deadline: later than any."""

SLICE_NS = 1_000_000
"""For so long the pacer keeps the loop: a client that leaves meanwhile is noticed no later."""


class Timed(Protocol):
    """Something that is woken at its deadlines."""

    due_tick: int
    """The tick at which it is woken, at first `NEVER`: the wheel's note, kept where it looks."""

    def tick(self, now_ns: int) -> int | None:
        """Do what is due; return the next deadline, or `None` to sleep until told otherwise."""

    def crashed(self, error: Exception) -> None:
        """`tick` raised: end, and say so."""


class Pacer(Protocol):
    """Keeps deadlines. Nanoseconds of one monotonic clock."""

    def now_ns(self) -> int:
        """Return the present instant."""

    def schedule(self, timed: Timed, at_ns: int) -> None:
        """Wake `timed` at `at_ns` (as soon as possible if that is past), in place of before."""

    def cancel(self, timed: Timed) -> None:
        """Forget the deadline of `timed`, if it has one."""


class _Buckets(dict[int, dict[Timed, None]]):
    """Those that have a deadline, by tick; a tick is in the `order` (a heap) as long as in here."""

    __slots__ = ("order",)

    def __init__(self) -> None:
        super().__init__()
        self.order: list[int] = []

    def __missing__(self, tick: int) -> dict[Timed, None]:
        heapq.heappush(self.order, tick)
        bucket = self[tick] = {}
        return bucket

    def pop_first(self) -> dict[Timed, None]:
        return self.pop(heapq.heappop(self.order))


class Wheel:
    """Deadlines by tick: cheap to add, to cancel and to take in order.

    What is due is gathered and then woken one after the other, in as many turns as that takes:
    who is gathered is woken once before anybody is a second time.
    """

    __slots__ = ("_buckets", "_gathered", "_ready")

    def __init__(self) -> None:
        self._buckets = _Buckets()
        self._ready: Iterator[Timed] | None = None
        """Who was due at the tick `_gathered`, and is not woken yet; some have new deadlines."""
        self._gathered = 0

    def __len__(self) -> int:
        """Return how many deadlines are still to be gathered."""
        return sum(map(len, self._buckets.values()))

    def put(self, timed: Timed, at_ns: int) -> None:
        """Set the one deadline of `timed`."""
        if timed.due_tick != NEVER:
            self.drop(timed)
        timed.due_tick = tick = -(-at_ns // TICK_NS)
        self._buckets[tick][timed] = None

    def drop(self, timed: Timed) -> None:
        """Forget the deadline of `timed`, if it has one."""
        bucket = self._buckets.get(timed.due_tick)
        if bucket is not None:
            bucket.pop(timed, None)
        timed.due_tick = NEVER

    def next_ns(self) -> int | None:
        """Return the earliest deadline, rounded up to its tick; 0 where something is due."""
        if self._ready is not None:
            return 0
        order = self._buckets.order
        while order:
            if self._buckets[order[0]]:
                return order[0] * TICK_NS
            self._buckets.pop_first()
        return None

    def turn(self, clock: Callable[[], int], most_ns: int) -> None:
        """Wake those that are due, for `most_ns` at most; each notes its next deadline.

        A crash stays its own: what one stream raises does not stop the others.
        """
        now_ns = clock()
        end_ns = now_ns + most_ns
        if self._ready is None:
            self._ready = self._gather(now_ns)
        gathered, buckets = self._gathered, self._buckets
        for timed in self._ready:
            if timed.due_tick > gathered:  # it was cancelled or moved meanwhile
                continue
            timed.due_tick = NEVER
            try:
                at_ns = timed.tick(now_ns)
            except Exception as error:  # noqa: BLE001 - see above
                _end(timed, error)
            else:
                if at_ns is not None:  # as `put` does, without a call
                    timed.due_tick = tick = -(-at_ns // TICK_NS)
                    buckets[tick][timed] = None
            now_ns = clock()
            if now_ns > end_ns:
                return
        self._ready = None

    def _gather(self, now_ns: int) -> Iterator[Timed]:
        """Take all whose deadline has come, earliest first."""
        due: list[dict[Timed, None]] = []
        self._gathered = now_ns // TICK_NS
        order = self._buckets.order
        while order and order[0] <= self._gathered:
            due.append(self._buckets.pop_first())
        return chain.from_iterable(due)


def _end(timed: Timed, error: Exception) -> None:
    try:
        timed.crashed(error)
    except Exception:  # noqa: BLE001 - nor may a bug in ending
        _log.exception("%r failed, and could not even say so", timed)


class LoopPacer:
    """The pacer of a running event loop. `clock` is not the loop's own: that may be coarse."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._loop = loop
        self.now_ns = clock
        self._wheel = Wheel()
        self._handle: asyncio.Handle | None = None
        self._armed_ns: int | None = None

    def schedule(self, timed: Timed, at_ns: int) -> None:
        """Wake `timed` at `at_ns`."""
        self._wheel.put(timed, at_ns)
        if self._armed_ns is None or at_ns < self._armed_ns:
            self._arm()

    def cancel(self, timed: Timed) -> None:
        """Forget the deadline of `timed`."""
        self._wheel.drop(timed)

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._armed_ns = at_ns = self._wheel.next_ns()
        if at_ns is None:
            self._handle = None
            return
        # Also what is due is a timer, not `call_soon`: the loop runs timers after what it has just
        # read, so that who leaves is seen before more is sent.
        wait_s = max(0.0, (at_ns - self.now_ns()) / 1e9)
        self._handle = self._loop.call_later(wait_s, self._fire)

    def _fire(self) -> None:
        """Wake what is due, for a millisecond at most: then it is the turn of those who leave."""
        self._handle = None
        self._wheel.turn(self.now_ns, SLICE_NS)
        self._arm()


class VirtualPacer:
    """Time as a number: it passes only when told to, and then everything due happens in order."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._wheel = Wheel()

    def now_ns(self) -> int:
        """Return the virtual instant."""
        return self._now_ns

    def schedule(self, timed: Timed, at_ns: int) -> None:
        """Wake `timed` at `at_ns`."""
        self._wheel.put(timed, at_ns)

    def cancel(self, timed: Timed) -> None:
        """Forget the deadline of `timed`."""
        self._wheel.drop(timed)

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake everything whose deadline comes meanwhile."""
        self.advance_to(self._now_ns + round(seconds * 1e9))

    def advance_to(self, until_ns: int) -> None:
        """Let time pass until `until_ns`."""
        while (at_ns := self._wheel.next_ns()) is not None and at_ns <= until_ns:
            self._now_ns = max(self._now_ns, at_ns)
            self._wheel.turn(self.now_ns, SLICE_NS)  # no time passes meanwhile, so all of them
        self._now_ns = max(self._now_ns, until_ns)

    def run(self) -> None:
        """Let time pass until nothing is due any more."""
        while (at_ns := self._wheel.next_ns()) is not None:
            self.advance_to(at_ns)
