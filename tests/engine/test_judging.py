"""Judging while things happen, in virtual time: what is waited for, and how absence is watched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mockai.core.checks import ENTRIES, check_of
from mockai.core.checks.base import Verdict
from mockai.core.exchange import Connection, RequestFacts
from mockai.engine.pacer import VirtualPacer
from mockai.engine.session import Session, Settings

QUIET_S = 1.0


class World:
    """A session in virtual time, and one check that is being judged."""

    def __init__(self) -> None:
        self.pacer = VirtualPacer()
        self.session = Session("test", self.pacer, (), Settings())
        self._judging: asyncio.Task[list[Verdict]] | None = None

    def receive(self) -> Any:
        """Have a request come."""
        return self.session.receive(RequestFacts(), Connection("c1"), wall_s=0.0)

    def complete(self, recorder: Any) -> None:
        """Have it answered to its end."""
        self.session.ended(recorder.complete_now(self.pacer.now_ns()))

    async def judge(self, *, wait_s: float = 5.0, patience: float = 1.0, **checks: Any) -> None:
        """Begin to judge, all checks together."""
        wanted = [
            check_of(ENTRIES[name].model_validate({name: said})) for name, said in checks.items()
        ]
        self._judging = asyncio.ensure_future(
            self.session.check(wanted, wait_s=wait_s, patience=patience)
        )
        await self._settle()

    async def after(self, seconds: float) -> Verdict | None:
        """Let time pass; return the first verdict if they are there now."""
        verdicts = await self.all_after(seconds)
        return verdicts[0] if verdicts else None

    async def all_after(self, seconds: float) -> list[Verdict]:
        """Let time pass; return the verdicts, none before all are settled."""
        self.pacer.advance(seconds)
        await self._settle()
        assert self._judging is not None
        return self._judging.result() if self._judging.done() else []

    async def _settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def test_an_absence_takes_its_time_of_quiet_and_not_more() -> None:
    """Nothing came for a second: it passes then, not before."""

    async def main() -> None:
        world = World()
        world.receive()
        await world.judge(requests={"max": 1})
        assert await world.after(0.99) is None
        verdict = await world.after(0.011)
        assert verdict is not None
        assert verdict.passed

    asyncio.run(main())


def test_an_absence_is_watched_however_short_the_wait_is() -> None:
    """`wait` is for what may still come; that nothing comes is seen by looking."""

    async def main() -> None:
        world = World()
        world.receive()
        await world.judge(wait_s=0.0, requests={"max": 1})
        assert await world.after(0.5) is None
        world.receive()
        broken = await world.after(0.0)
        assert broken is not None
        assert not broken.passed
        assert "<<<<<" in broken.report

    asyncio.run(main())


def test_a_broken_absence_ends_early() -> None:
    """The second request is one too many, whatever comes then."""

    async def main() -> None:
        world = World()
        world.receive()
        await world.judge(requests={"max": 1, "quiet": 30})
        assert await world.after(0.3) is None
        world.receive()
        verdict = await world.after(0.0)
        assert verdict is not None
        assert not verdict.passed

    asyncio.run(main())


def test_what_is_still_missing_is_waited_for_and_then_watched() -> None:
    """Two are expected: the second comes late, and after it there must be quiet."""

    async def main() -> None:
        world = World()
        world.receive()
        await world.judge(requests={"count": 2})
        assert await world.after(4.5) is None
        world.receive()
        assert await world.after(0.9) is None
        verdict = await world.after(0.2)
        assert verdict is not None
        assert verdict.passed

    asyncio.run(main())


def test_what_never_comes_is_given_up_after_the_wait() -> None:
    """Two are expected, one came."""

    async def main() -> None:
        world = World()
        world.receive()
        await world.judge(wait_s=2.0, requests={"count": 2})
        assert await world.after(1.99) is None
        verdict = await world.after(0.02)
        assert verdict is not None
        assert (
            verdict.message == "expected the client to make exactly 2 requests; it did not ("
            "requests: 1)."
        )

    asyncio.run(main())


@pytest.mark.parametrize("ends_s, passed", [(0.4, True), (0.6, False)])
def test_what_is_open_has_its_time(ends_s: float, *, passed: bool) -> None:
    """It is looked at when something ends, and when the time is over."""

    async def main() -> None:
        world = World()
        recorder = world.receive()
        await world.judge(open={"within": "500ms"})
        await world.after(ends_s)
        world.complete(recorder)
        verdict = await world.after(0.0)
        assert verdict is not None
        assert verdict.passed is passed

    asyncio.run(main())


def test_patience_stretches_the_quiet() -> None:
    """Three seconds in place of one."""

    async def main() -> None:
        world = World()
        world.receive()
        await world.judge(patience=3.0, requests={"max": 1})
        assert await world.after(2.9) is None
        assert await world.after(0.2) is not None

    asyncio.run(main())


def test_several_checks_wait_together() -> None:
    """One answer, when the last is settled."""

    async def main() -> None:
        world = World()
        recorder = world.receive()
        await world.judge(completed={}, requests={"max": 1, "quiet": 2})
        world.complete(recorder)
        assert await world.all_after(1.9) == []
        verdicts = await world.all_after(0.2)
        assert [verdict.passed for verdict in verdicts] == [True, True]

    asyncio.run(main())
