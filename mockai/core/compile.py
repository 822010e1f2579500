"""Compile a scenario's steps into a `Reply`: what leaves when, and where it holds or breaks.

A step builds itself through the `Builder`; nothing here knows the kinds of steps. Compiling
happens once per scenario and encoding, unless a step looks at the request.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from random import Random

from mockai.core.errors import ScenarioError
from mockai.core.reply import Channel, Delta, HoldPoint, PlacedFault, Reply
from mockai.core.scenario import Scenario
from mockai.core.steps import Step
from mockai.core.steps.base import RequestFields
from mockai.core.steps.faults import Fault, Silence
from mockai.core.steps.pacing import HoldArguments, HoldStep
from mockai.core.text import split
from mockai.core.tokens import Encoding

NS = 1_000_000_000
LONGEST_S = 365 * 86_400


class NoRequest:
    """Stands for the request while a scenario is only being checked."""

    model = ""
    last_user = ""
    body: Mapping[str, object] = {}


def compile_reply(
    scenario: Scenario,
    encoding: Encoding,
    *,
    speed: float = 1.0,
    request: RequestFields | None = None,
    turn: int = 0,
    choice: int = 0,
) -> Reply:
    """Compile one reply of a scenario. Raises `ScenarioError` for a place beyond its end.

    `turn` counts the replies of `turns`; `choice` those of one answer, each with its own seed.
    """
    steps = scenario.steps_of(turn)
    compiler = _Compiler(
        scenario, encoding, speed, request or NoRequest(), turn=turn, choice=choice
    )
    for number, step in enumerate(steps):
        compiler.number = number
        step.build(compiler)
    return compiler.reply()


class _Compiler:
    """The builder of one reply: walks the steps once and keeps the clock, in seconds."""

    def __init__(
        self,
        scenario: Scenario,
        encoding: Encoding,
        speed: float,
        request: RequestFields,
        *,
        turn: int,
        choice: int,
    ) -> None:
        self.request = request
        self.number = 0
        self._scenario, self._encoding, self._speed = scenario, encoding, speed
        self._choice = choice
        self._rate = scenario.pace.tokens_per_second
        self._per_chunk = scenario.pace.tokens_per_chunk
        self._cuts = _cuts(scenario.steps_of(turn))
        self._clock_s = 0.0
        self._deltas: list[Delta] = []
        self._due_s = [0.0]
        self._tokens = [0]
        self._holds: list[tuple[HoldArguments, int, float]] = []
        self._faults: list[tuple[Fault, int, float]] = []
        self._reason: str | None = None
        self._figures: dict[str, int] = {}
        self._tools = 0

    # ── what steps ask for ───────────────────────────────────────────────────────────────────

    @property
    def begun(self) -> bool:
        return any(delta.channel == "content" for delta in self._deltas)

    def seed(self) -> int:
        return self._scenario.seed + 7919 * self._choice

    def random(self) -> Random:
        return Random(f"{self.seed()}:{self.number}")

    def say(self, text: str, channel: Channel = "content", *, tool: int = 0) -> None:
        base = self._tokens[-1]
        cuts = {n - base for n in self._cuts if n > base}
        for piece in split(text, self._encoding, tokens_per_chunk=self._per_chunk, cuts=cuts):
            self.emit(Delta(piece.text, piece.tokens, channel, self._choice, tool))

    def emit(self, delta: Delta) -> None:
        first = self._tokens[-1] == 0 and delta.tokens > 0
        self._clock_s += self._scenario.pace.ttft if first else 0.0
        if self._rate:
            self._clock_s += max(0, delta.tokens - first) / self._rate
        self._deltas.append(delta)
        self._due_s.append(self._clock_s)
        self._tokens.append(self._tokens[-1] + delta.tokens)

    def call_tool(self, name: str, arguments: str) -> None:
        tool = self._tools
        self._tools += 1
        tokens = max(1, self._encoding.count(name))
        self.emit(Delta(name, tokens, "tool_name", self._choice, tool))
        self.say(arguments, "tool_arguments", tool=tool)

    def wait(self, seconds: float) -> None:
        self._clock_s += seconds

    def set_pace(self, tokens_per_second: float | None, tokens_per_chunk: int | None) -> None:
        self._rate = tokens_per_second or self._rate
        self._per_chunk = tokens_per_chunk or self._per_chunk

    def hold(self, place: HoldArguments) -> None:
        self._holds.append((place, len(self._due_s), self._clock_s))

    def fault(self, fault: Fault) -> None:
        self._faults.append((fault, len(self._due_s), self._clock_s - self._due_s[-1]))

    def finish(self, reason: str) -> None:
        self._reason = reason

    def report(self, figures: Mapping[str, int]) -> None:
        self._figures.update(figures)

    # ── what comes of it ─────────────────────────────────────────────────────────────────────

    def reply(self) -> Reply:
        if self._tokens[-1] == 0 and not self._faults:
            self._clock_s += self._scenario.pace.ttft
        self._due_s.append(self._clock_s)
        self._tokens.append(self._tokens[-1])
        if self._clock_s / self._speed > LONGEST_S:
            raise ScenarioError(f"{self._scenario.name}: the reply would take more than a year")
        return Reply(
            deltas=tuple(self._deltas),
            due_ns=array("q", (self._ns(seconds) for seconds in self._due_s)),
            tokens=array("q", self._tokens),
            holds=self._placed_holds(),
            finish_reason=self._reason or ("tool_calls" if self._tools else "stop"),
            paced=self._ns(self._clock_s) > 0,
            faults=tuple(self._placed_faults()),
            usage=self._figures,
            speed=self._speed,
            reasons=any(delta.channel in {"thinking", "reasoning"} for delta in self._deltas),
        )

    def _placed_holds(self) -> tuple[HoldPoint, ...]:
        points = [self._hold(place, *asked) for place, asked in enumerate(self._holds, 1)]
        return tuple(sorted(points, key=lambda point: (point.frame, point.due_ns)))

    def _hold(self, place: int, asked: HoldArguments, frame: int, at_s: float) -> HoldPoint:
        if asked.at_token is not None:
            frame = self._frame_after(asked.at_token, "hold")
            at_s = self._due_s[frame - 1]
        elif asked.at is not None:
            frame = {"headers": 0, "first_token": 1, "done": len(self._due_s) - 1}[asked.at]
            at_s = self._due_s[frame - 1] if frame else 0.0
        timeout_ns = round(min(asked.timeout, LONGEST_S) * NS)
        return self._point(asked.name or f"hold-{place}", frame, at_s, timeout_ns)

    def _point(self, name: str, frame: int, at_s: float, timeout_ns: int) -> HoldPoint:
        token = self._tokens[frame - 1] if frame else 0
        return HoldPoint(name, frame, token, self._ns(at_s), timeout_ns)

    def _placed_faults(self) -> list[PlacedFault]:
        return [self._placed(*asked) for asked in self._faults]

    def _placed(self, fault: Fault, frame: int, wait_s: float) -> PlacedFault:
        placed = self._fault_frame(fault, frame)
        # A pause before it counts where it stands in the list, not where it names its place.
        return PlacedFault(fault, placed, self._ns(wait_s) if placed == frame else 0)

    def _fault_frame(self, fault: Fault, frame: int) -> int:
        if isinstance(fault, Silence) and fault.headers:
            return 0
        if fault.at_token is not None:
            return self._frame_after(fault.at_token, "a fault")
        if fault.at is not None:
            return min(bisect_left(self._due_s, fault.at), len(self._due_s) - 1)
        return frame

    def _frame_after(self, token: int, what: str) -> int:
        """Return the frame before which exactly `token` tokens (or the next whole one) are out."""
        if token > self._tokens[-1]:
            raise ScenarioError(
                f"{self._scenario.name}: {what} at token {token}: "
                f"the reply has only {self._tokens[-1]} tokens of {self._encoding.name}"
            )
        return bisect_left(self._tokens, token) + 1

    def _ns(self, seconds: float) -> int:
        return round(seconds / self._speed * NS)


def _cuts(steps: tuple[Step, ...]) -> set[int]:
    """Return the token counts at which a delta must end, so that a hold can stand there."""
    return {
        step.hold.at_token
        for step in steps
        if isinstance(step, HoldStep) and step.hold.at_token is not None
    }
