"""Judging while things happen: wait for what may still come, and watch that nothing does.

A check that may yet pass is waited for, `wait_s` at most. An absence that holds is watched until
its time of quiet is over, however short the wait: else "no retry" would be true by impatience.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from mockai.core.checks.base import Check, Evidence, Verdict
from mockai.core.checks.evaluate import evaluate


class World(Protocol):
    """What is judged: a session."""

    def evidence(self, *, called_ns: int, patience: float) -> Evidence: ...
    def now_ns(self) -> int: ...
    async def wait_until(
        self,
        condition: Callable[[], bool],
        *,
        wait_s: float,
        sooner: Callable[[], int | None] = ...,
    ) -> bool: ...


async def judge(
    world: World, checks: Iterable[Check], *, wait_s: float, patience: float
) -> list[Verdict]:
    """Return the verdicts as soon as all are settled, at the latest when all time is over."""
    judging = _Judging(world, tuple(checks), patience)
    await world.wait_until(judging.decided, wait_s=wait_s, sooner=judging.deadline)
    while (left_s := judging.quiet_left_s()) > 0:
        await world.wait_until(judging.decided, wait_s=left_s, sooner=judging.deadline)
    return judging.explained()


class _Judging:
    """The verdicts as they stand; texts are only made at the end."""

    def __init__(self, world: World, checks: tuple[Check, ...], patience: float) -> None:
        self._world, self._checks, self._patience = world, checks, patience
        self._called_ns = world.now_ns()
        self._verdicts: list[Verdict] = []

    def decided(self) -> bool:
        """Judge again; say whether nothing can change any more."""
        self._verdicts = self._judged(explain=False)
        return all(verdict.settled for verdict in self._verdicts)

    def deadline(self) -> int | None:
        """Return the first instant at which time alone settles something."""
        return min(self._settling(), default=None)

    def quiet_left_s(self) -> float:
        """Return for how many seconds an absence that holds must still be watched."""
        last_ns = max(self._settling(passed=True), default=0)
        return (last_ns - self._world.now_ns()) / 1e9

    def explained(self) -> list[Verdict]:
        """Return the verdicts with their texts."""
        return self._judged(explain=True)

    def _settling(self, *, passed: bool = False) -> list[int]:
        return [
            verdict.settles_ns
            for verdict in self._verdicts
            if verdict.settles_ns and not verdict.settled and (verdict.passed or not passed)
        ]

    def _judged(self, *, explain: bool) -> list[Verdict]:
        evidence = self._world.evidence(called_ns=self._called_ns, patience=self._patience)
        return [evaluate(check, evidence, explain=explain) for check in self._checks]
