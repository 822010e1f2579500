"""Waiting until something has happened, or an instant has come: told by events, never polled.

Time is the pacer's, so that in virtual time a wait takes none. A look that takes long (a thousand
exchanges to judge) is not repeated on every change, or streams would be late for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mockai.engine.pacer import NEVER, Pacer

_FELT_NS = 1_000_000
"""A look that takes longer makes others late."""
_SHARE = 9
"""Then so many times as long is rested: looking takes a tenth of the time ..."""
_LONGEST_REST_NS = 100_000_000
"""... but an answer is never put off for longer than people notice."""


class Waiters:
    """Those who wait for a change of one session."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self.waiting: set[_Waiter] = set()
        """Those who wait now; empty most of the time, which is looked at on every event."""

    def wake(self) -> None:
        """Let all look again: something has changed."""
        for waiter in self.waiting:
            waiter.wake()

    async def wait_until(
        self, condition: Callable[[], bool], *, wait_s: float, sooner: Callable[[], int | None]
    ) -> bool:
        """Wait until `condition` holds; looked at on every change, and at the instant `sooner`."""
        begun_ns = self._pacer.now_ns()
        end_ns = begun_ns + round(wait_s * 1e9)
        while not condition():
            now_ns = self._pacer.now_ns()
            if now_ns >= end_ns:
                return False
            early_ns = sooner() or end_ns
            await self._next_change(early_ns if now_ns < early_ns < end_ns else end_ns)
            cost_ns = now_ns - begun_ns
            if cost_ns > _FELT_NS:
                rest_ns = min(_SHARE * cost_ns, _LONGEST_REST_NS)
                await self._until(min(now_ns + rest_ns, end_ns))
            begun_ns = self._pacer.now_ns()
        return True

    async def _next_change(self, until_ns: int) -> None:
        """Wait for a change, at most until an instant."""
        waiter = _Waiter(asyncio.get_running_loop().create_future())
        self.waiting.add(waiter)
        try:
            await self._woken(waiter, until_ns)
        finally:
            self.waiting.discard(waiter)

    async def _until(self, at_ns: int) -> None:
        """Wait for an instant, whatever changes."""
        await self._woken(_Waiter(asyncio.get_running_loop().create_future()), at_ns)

    async def _woken(self, waiter: _Waiter, until_ns: int) -> None:
        self._pacer.schedule(waiter, until_ns)
        try:
            await waiter.woken
        finally:
            self._pacer.cancel(waiter)


class _Waiter:
    """One wait, as the pacer sees it: woken by a change or by its instant."""

    def __init__(self, woken: asyncio.Future[None]) -> None:
        self.due_tick = NEVER
        self.woken = woken

    def wake(self) -> None:
        if not self.woken.done():
            self.woken.set_result(None)

    def tick(self, now_ns: int) -> int | None:
        self.wake()
        return None

    def crashed(self, error: Exception) -> None:
        self.wake()
