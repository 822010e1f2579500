"""Compile a scenario's steps into a `Reply`: what leaves when, and where it holds or breaks.

A step builds itself through the `Builder`; nothing here knows the kinds of steps. Compiling
happens once per scenario and encoding, unless a step looks at the request.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from mockai.core.errors import ScenarioError, UnplayableError
from mockai.core.placing import LONGEST_S, NS, Asked, Places, loc_of
from mockai.core.reply import WITH_LOGPROBS, Channel, Delta, Reply
from mockai.core.scenario import Scenario
from mockai.core.shelf import Shelf
from mockai.core.steps import Step
from mockai.core.steps.base import RequestFields
from mockai.core.steps.faults import Fault
from mockai.core.steps.pacing import HoldArguments
from mockai.core.text import split
from mockai.core.tokens import Encoding


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
    seed: int | None = None,
    request: RequestFields | None = None,
    turn: int = 0,
    choice: int = 0,
) -> Reply:
    """Compile one reply of a scenario, or return what was compiled of the same script before.

    `seed` stands in place of the scenario's own. `turn` counts the replies of `turns`; `choice`
    those of one answer, each with words of its own. Raises `ScenarioError` for a place beyond the
    end of a reply that is the same for all requests.
    """
    own = 7919 * choice + (scenario.seed if seed is None else seed)

    def compiled() -> Reply:
        asked = request or NoRequest()
        return _Compiler(scenario, encoding, speed, asked, turn, choice=choice, seed=own).reply()

    if scenario.looks_at_request(turn):
        return compiled()
    script = (scenario.steps_of(turn), scenario.pace, encoding.name, speed, own, choice)
    known = repr(script).encode("utf-8", "backslashreplace")
    return _COMPILED.get(blake2b(known).hexdigest(), lambda: compiled().shared())


_COMPILED = Shelf[Reply](most=200_000)
"""Replies of so many frames in all, about 40 MB, and as much again once they have been rendered."""


class _Compiler:
    """The builder of one reply: walks the steps once and keeps the clock, in seconds."""

    def __init__(
        self,
        scenario: Scenario,
        encoding: Encoding,
        speed: float,
        request: RequestFields,
        turn: int,
        *,
        choice: int,
        seed: int,
    ) -> None:
        self.request = request
        self._seed = seed
        self._number = 0
        self._seeded = 0
        self._steps = scenario.steps_of(turn)
        self._scenario, self._encoding, self._speed = scenario, encoding, speed
        self._turn, self._choice = turn, choice
        self._rate = scenario.pace.tokens_per_second
        self._per_chunk = scenario.pace.tokens_per_chunk
        self._cuts = _cuts(self._steps)
        self._clock_s = 0.0
        self._deltas: list[Delta] = []
        self._due_s = [0.0]
        self._tokens = [0]
        self._holds: list[Asked[HoldArguments]] = []
        self._faults: list[Asked[Fault]] = []
        self._reason: str | None = None
        self._figures: dict[str, int] = {}
        self._tools = 0
        self._logprobs: list[float] = []

    # ── what steps ask for ───────────────────────────────────────────────────────────────────

    @property
    def choice(self) -> int:
        return self._choice

    @property
    def begun(self) -> bool:
        return any(delta.channel == "content" for delta in self._deltas)

    def seed(self) -> int:
        """Return another number each time, so that no two steps say the same words."""
        self._seeded += 1
        return self._seed + 104_729 * self._number + 1_299_709 * (self._seeded - 1)

    def say(self, text: str, channel: Channel = "content", *, tool: int = 0) -> None:
        base = self._tokens[-1]
        cuts = {n - base for n in self._cuts if n > base}
        pieces = split(text, self._encoding, tokens_per_chunk=self._per_chunk, cuts=cuts)
        deltas = [Delta(said, n, channel, self._choice, tool) for said, n in pieces]
        if self._logprobs and channel in WITH_LOGPROBS:
            deltas = list(map(self._with_logprobs, deltas))
        self._extend(deltas)

    def tell_logprobs(self, logprobs: Sequence[float]) -> None:
        self._logprobs += logprobs

    def _with_logprobs(self, delta: Delta) -> Delta:
        """Hand out the log probabilities that the script has told."""
        told = tuple(self._logprobs[: delta.tokens])
        del self._logprobs[: delta.tokens]
        return delta._replace(logprobs=told)

    def emit(self, delta: Delta) -> None:
        self._extend([delta])

    def _extend(self, deltas: list[Delta]) -> None:
        """Send deltas at the present pace. The hot path of compiling: locals, no calls."""
        clock_s, total, rate = self._clock_s, self._tokens[-1], self._rate
        due_s, tokens = self._due_s, self._tokens
        for delta in deltas:
            size = delta.tokens
            if total == 0 and size:
                clock_s += self._scenario.pace.ttft
                clock_s += (size - 1) / rate if rate else 0.0
            elif rate:
                clock_s += size / rate
            total += size
            due_s.append(clock_s)
            tokens.append(total)
        self._deltas += deltas
        self._clock_s = clock_s

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
        self._holds.append(Asked(place, len(self._due_s), self._clock_s, self._number))

    def fault(self, fault: Fault) -> None:
        self._faults.append(Asked(fault, len(self._due_s), self._clock_s, self._number))

    def finish(self, reason: str) -> None:
        self._reason = reason

    def report(self, figures: Mapping[str, int]) -> None:
        self._figures.update(figures)

    # ── what comes of it ─────────────────────────────────────────────────────────────────────

    def reply(self) -> Reply:
        for self._number, step in enumerate(self._steps):  # noqa: B020 - a step asks for its seed
            self._build(step)
        if self._tokens[-1] == 0 and not self._faults:
            self._clock_s += self._scenario.pace.ttft
        self._due_s.append(self._clock_s)
        self._tokens.append(self._tokens[-1])
        if self._clock_s / self._speed > LONGEST_S:
            why = "the reply would take more than a year"
            raise UnplayableError(self._scenario.name, why, ("pace",))
        places = self._places()
        return Reply(
            deltas=tuple(self._deltas),
            due_ns=array("q", (self._ns(seconds) for seconds in self._due_s)),
            tokens=array("q", self._tokens),
            holds=places.holds(self._holds),
            finish_reason=self._reason or ("tool_calls" if self._tools else "stop"),
            paced=self._ns(self._clock_s) > 0,
            coalesce=self._scenario.pace.coalesce,
            faults=places.faults(self._faults),
            usage=self._figures,
            speed=self._speed,
            reasons=any(delta.channel in {"thinking", "reasoning"} for delta in self._deltas),
        )

    def _build(self, step: Step) -> None:
        self._seeded = 0
        try:
            step.build(self)
        except ScenarioError as error:  # a locale without words
            where = loc_of(self._scenario, self._turn, self._number)
            raise UnplayableError(self._scenario.name, str(error), where) from None

    def _places(self) -> Places:
        return Places(
            scenario=self._scenario,
            turn=self._turn,
            choice=self._choice,
            due_s=self._due_s,
            tokens=self._tokens,
            encoding=self._encoding.name,
            ns=self._ns,
        )

    def _ns(self, seconds: float) -> int:
        return round(seconds / self._speed * NS)


def _cuts(steps: tuple[Step, ...]) -> set[int]:
    """Return the token counts at which a delta must end: a hold or a fault stands there."""
    places = (getattr(getattr(step, step.kind, None), "at_token", None) for step in steps)
    return {place for place in places if place is not None}
