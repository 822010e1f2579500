"""Compile a scenario's steps into a `Reply`: what leaves when, and where it holds.

To add a kind of step, add its case to `_Builder.add`. Compiling happens once per scenario and
encoding; nothing here knows a single request.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from mockai.core.errors import ScenarioError
from mockai.core.filler import filler
from mockai.core.reply import HoldPoint, Reply
from mockai.core.scenario import (
    FakerStep,
    FinishStep,
    HoldArguments,
    HoldStep,
    PauseStep,
    Scenario,
    TextStep,
)
from mockai.core.text import Piece, split
from mockai.core.tokens import Encoding

NS = 1_000_000_000
LONGEST_S = 365 * 86_400


def compile_reply(scenario: Scenario, encoding: Encoding, *, speed: float = 1.0) -> Reply:
    """Compile the reply of a scenario. Raises `ScenarioError` for one that cannot be."""
    builder = _Builder(scenario, encoding, speed)
    for step in scenario.reply:
        builder.add(step)
    return builder.finish()


class _Builder:
    """Walks the steps once and keeps the clock of the timeline, in seconds."""

    def __init__(self, scenario: Scenario, encoding: Encoding, speed: float) -> None:
        self.scenario = scenario
        self.encoding = encoding
        self.speed = speed
        rate = scenario.pace.tokens_per_second
        self.per_token_s = 1 / rate if rate else 0.0
        self.clock_s = 0.0
        self.deltas: list[Piece] = []
        self.due_s = [0.0]
        self.tokens = [0]
        self.asked: list[tuple[HoldArguments, int, float]] = []
        self.finish_reason = "stop"

    def add(self, step: object) -> None:
        match step:
            case TextStep(text=text):
                self._text(text)
            case FakerStep(faker=arguments):
                self._text(filler(arguments.tokens, self.scenario.seed, joined=bool(self.deltas)))
            case PauseStep(pause=seconds):
                self.clock_s += seconds
            case HoldStep(hold=arguments):
                self.asked.append((arguments, len(self.due_s), self.clock_s))
            case FinishStep(finish=reason):
                self.finish_reason = reason

    def _text(self, text: str) -> None:
        base = self.tokens[-1]
        cuts = {n - base for n in _cuts(self.scenario) if n > base}
        for piece in split(text, self.encoding, cuts=cuts):
            first = not self.deltas
            self.clock_s += self.scenario.pace.ttft if first else 0.0
            self.clock_s += (piece.tokens - first) * self.per_token_s
            self.deltas.append(piece)
            self.due_s.append(self.clock_s)
            self.tokens.append(self.tokens[-1] + piece.tokens)

    def finish(self) -> Reply:
        if not self.deltas:
            self.clock_s += self.scenario.pace.ttft
        self.due_s.append(self.clock_s)
        self.tokens.append(self.tokens[-1])
        if self.clock_s / self.speed > LONGEST_S:
            raise ScenarioError(f"{self.scenario.name}: the reply would take more than a year")
        return Reply(
            deltas=tuple(self.deltas),
            due_ns=array("q", (self._ns(seconds) for seconds in self.due_s)),
            tokens=array("q", self.tokens),
            holds=self._holds(),
            finish_reason=self.finish_reason,
            paced=self.clock_s > 0,
            speed=self.speed,
        )

    def _holds(self) -> tuple[HoldPoint, ...]:
        points = [self._hold(place, *asked) for place, asked in enumerate(self.asked, 1)]
        return tuple(sorted(points, key=lambda point: (point.frame, point.due_ns)))

    def _hold(self, place: int, asked: HoldArguments, frame: int, at_s: float) -> HoldPoint:
        if asked.at_token is not None:
            frame = self._frame_after(asked.at_token)
            at_s = self.due_s[frame - 1]
        elif asked.at is not None:
            frame = {"headers": 0, "first_token": 1, "done": len(self.due_s) - 1}[asked.at]
            at_s = self.due_s[frame - 1] if frame else 0.0
        return HoldPoint(
            name=asked.name or f"hold-{place}",
            frame=frame,
            token=self.tokens[frame - 1] if frame else 0,
            due_ns=self._ns(at_s),
            timeout_ns=round(asked.timeout * NS),
        )

    def _frame_after(self, token: int) -> int:
        """Return the frame before which exactly `token` tokens (or the next whole one) are out."""
        if token > self.tokens[-1]:
            raise ScenarioError(
                f"{self.scenario.name}: hold at token {token}: "
                f"the reply has only {self.tokens[-1]} tokens"
            )
        return bisect_left(self.tokens, token) + 1

    def _ns(self, seconds: float) -> int:
        return round(seconds / self.speed * NS)


def _cuts(scenario: Scenario) -> set[int]:
    return {
        step.hold.at_token
        for step in scenario.reply
        if isinstance(step, HoldStep) and step.hold.at_token is not None
    }
