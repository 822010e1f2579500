"""Where in a reply its holds and faults stand: before which frame, and when.

A place that no play reaches is refused, with where it is written; unless the reply depends on the
request, which may make it short. Knows columns. Must not know how they came about.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mockai.core.errors import UnplayableError
from mockai.core.mistakes import Loc
from mockai.core.reply import HoldPoint, PlacedFault
from mockai.core.scenario import Scenario
from mockai.core.steps.faults import Cut, Fault, Silence
from mockai.core.steps.pacing import HoldArguments
from mockai.core.units import counted, show_seconds

NS = 1_000_000_000
LONGEST_S = 365 * 86_400

What = TypeVar("What")


@dataclass(frozen=True, slots=True)
class Asked(Generic[What]):
    """What step number `step` asks for: before `frame`, at `at_s` of the timeline."""

    what: What
    frame: int
    at_s: float
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The places of one finished reply: `due_s` and `tokens` are its columns, head to tail."""

    scenario: Scenario
    turn: int
    encoding: str
    due_s: Sequence[float]
    tokens: Sequence[int]
    ns: Callable[[float], int]
    """From seconds of the script to nanoseconds of the timeline."""
    choice: int = 0
    """Of several, holds and faults are those of the first: the others may be shorter."""

    def holds(self, asked: Sequence[Asked[HoldArguments]]) -> tuple[HoldPoint, ...]:
        """Return the holds in the order in which a play reaches them."""
        points = [self._hold(each, place) for place, each in enumerate(asked, 1)]
        # By the time of the script: at infinite speed all are due at once.
        return tuple(
            point
            for _, point in sorted(points, key=lambda item: (item[1].frame, item[0]))
            if point.frame < len(self.due_s)
        )

    def faults(self, asked: Sequence[Asked[Fault]]) -> tuple[PlacedFault, ...]:
        """Return the faults in the order in which they are written."""
        return tuple(map(self._fault, asked))

    def _hold(self, asked: Asked[HoldArguments], place: int) -> tuple[float, HoldPoint]:
        hold, frame, at_s = asked.what, asked.frame, asked.at_s
        if hold.at_token is not None:
            frame = self._frame_after(hold.at_token, asked.step)
            at_s = self.due_s[frame - 1]
        elif hold.at is not None:
            frame = {"headers": 0, "first_token": 1, "done": len(self.due_s) - 1}[hold.at]
            at_s = self.due_s[frame - 1] if frame else 0.0
        return at_s, HoldPoint(
            name=hold.name or f"hold-{place}",
            frame=frame,
            token=self.tokens[frame - 1] if frame else 0,
            due_ns=self.ns(at_s),
            timeout_ns=round(min(hold.timeout, LONGEST_S) * NS),
        )

    def _fault(self, asked: Asked[Fault]) -> PlacedFault:
        fault, frame, at_s = asked.what, asked.frame, asked.at_s
        if isinstance(fault, Silence | Cut) and fault.headers:
            return PlacedFault(fault, 0, self.ns(at_s if fault.at is None else fault.at))
        if fault.at_token is not None:
            return PlacedFault(fault, self._frame_after(fault.at_token, asked.step))
        if fault.at is not None:
            at_s = fault.at
            frame = self._frame_at(at_s, asked.step)
        return PlacedFault(fault, frame, self.ns(max(0.0, at_s - self.due_s[frame - 1])))

    def _frame_after(self, token: int, step: int) -> int:
        """Return the frame before which exactly `token` tokens (or the next whole one) are out."""
        total = self.tokens[-1]
        if token <= total:
            return bisect_left(self.tokens, token) + 1
        why = f"at token {token}: the reply has only {counted(total, 'token')} of {self.encoding}"
        return self._beyond(why, step, "at_token")

    def _frame_at(self, seconds: float, step: int) -> int:
        """Return the frame before which so much time has passed; never the head."""
        if seconds <= self.due_s[-1]:
            return max(1, bisect_left(self.due_s, seconds))
        ends = show_seconds(self.due_s[-1])
        return self._beyond(f"at {show_seconds(seconds)}: the reply ends at {ends}", step, "at")

    def _beyond(self, why: str, step: int, field: str) -> int:
        if self.choice or self.scenario.looks_at_request(self.turn):
            return len(self.due_s)
        loc = loc_of(self.scenario, self.turn, step)
        raise UnplayableError(self.scenario.name, f"{loc[-1]} {why}", (*loc, field))


def loc_of(scenario: Scenario, turn: int, step: int) -> Loc:
    """Return where the arguments of a step stand in its scenario."""
    where: Loc = ("reply",) if scenario.turns is None else ("turns", turn)
    return (*where, step, scenario.steps_of(turn)[step].kind)
