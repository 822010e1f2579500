"""Waiting for a change: told at once, unless looking itself takes long."""

from __future__ import annotations

import asyncio

from mockai.engine.pacer import VirtualPacer
from mockai.engine.waiting import Waiters


class Look:
    """A condition that takes some time to look at; it counts, and holds once told so."""

    def __init__(self, pacer: VirtualPacer, cost_s: float) -> None:
        self.count = 0
        self.holds = False
        self._pacer, self._cost_s = pacer, cost_s

    def __call__(self) -> bool:
        """Look."""
        self.count += 1
        self._pacer.advance(self._cost_s)
        return self.holds


def looks_at_hundred_changes(cost_s: float) -> tuple[int, bool]:
    """Return how often a hundred changes, 10 ms apart, were looked at; the last one counts."""

    async def run() -> tuple[int, bool]:
        pacer = VirtualPacer()
        waiters, look = Waiters(pacer), Look(pacer, cost_s)
        waiting = asyncio.ensure_future(
            waiters.wait_until(look, wait_s=60.0, sooner=lambda: None),
        )
        for number in range(100):
            look.holds = number == 99
            waiters.wake()
            pacer.advance(0.01)
            for _ in range(5):
                await asyncio.sleep(0)
        pacer.advance(10.0)
        return look.count, await waiting

    return asyncio.run(run())


def test_each_change_is_looked_at() -> None:
    """A look that takes no time is never put off."""
    count, held = looks_at_hundred_changes(0.0)
    assert held
    assert count >= 99


def test_a_look_that_takes_long_is_not_repeated_on_every_change() -> None:
    """Judging a thousand streams must not make them late; what has changed is still seen."""
    count, held = looks_at_hundred_changes(0.02)
    assert held
    assert count < 30
