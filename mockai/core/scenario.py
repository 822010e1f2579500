"""A scenario: what to match, what to reply, at what pace, under which policy, what to expect.

One model for YAML, JSON, Python and HTTP. What a reply can consist of stands in `steps`, how
requests are matched in `matching`. Nothing here plays anything: see `compile`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mockai.core.checks import CheckEntry, check_of
from mockai.core.checks.base import Check
from mockai.core.expecting import gates_of, never_seen
from mockai.core.match_fields import Match
from mockai.core.model import Model, Name, misplaced
from mockai.core.policy import PolicyChoice
from mockai.core.steps import AnyStep, Step
from mockai.core.steps.base import MOST_TOKENS
from mockai.core.steps.contradictions import contradictions
from mockai.core.units import Duration

_PERCENT = r"^\s*(\d+(?:\.\d+)?)\s*%\s*$"


def _percent(value: Any) -> Any:
    found = re.match(_PERCENT, value) if isinstance(value, str) else None
    return float(found[1]) / 100 if found else value


_Fraction = Annotated[float, Field(ge=0, le=2)] | Annotated[str, Field(pattern=_PERCENT)]


class Pace(Model):
    """How fast: without `tokens_per_second` everything goes out at once, coalesced.

    `jitter` is the spread of the gaps between tokens (lognormal, seeded, mean unchanged). Without
    `coalesce` each event has a write of its own, also when several are due.
    """

    ttft: Duration = 0.0
    tokens_per_second: float | None = Field(default=None, gt=0)
    tokens_per_chunk: int = Field(default=1, ge=1)
    coalesce: bool = True
    jitter: Annotated[
        Annotated[float, Field(ge=0, le=2)],
        BeforeValidator(_percent, json_schema_input_type=_Fraction),
    ] = Field(default=0.0, description='a fraction, or text such as "10%"')


class RateLimit(Model):
    """Buckets that the session's requests to this scenario draw from, as the API's limits do."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["requests_per_minute"]}, {"required": ["tokens_per_minute"]}]
        }
    )

    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.requests_per_minute is None and self.tokens_per_minute is None:
            raise ValueError("needs requests_per_minute or tokens_per_minute")
        return self


Steps = tuple[AnyStep, ...]


def _asked_tokens(turns: Iterable[Iterable[Step]]) -> int:
    return sum(step.asked_tokens() for steps in turns for step in steps)


class Scenario(Model):
    """A script on paper.

    >>> Scenario.model_validate({"name": "hi", "reply": [{"text": "Hello!"}]}).pace.ttft
    0.0
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["reply"]}, {"required": ["turns"]}]}
    )

    name: Name
    description: str | None = None
    match: Match = Match()
    reply: Steps | None = None
    turns: tuple[Steps, ...] | None = Field(
        default=None, min_length=1, description="replies for consecutive calls, in place of reply"
    )
    pace: Pace = Pace()
    rate_limit: RateLimit | None = None
    obey_limits: bool = Field(
        default=True, description="obey max_tokens and stop of the request, as the real API does"
    )
    policy: PolicyChoice | None = Field(
        default=None, description="a preset's name or its own knobs; default: the session's"
    )
    expect: tuple[CheckEntry, ...] = ()
    seed: int = 0
    times: int | None = Field(default=None, ge=1, description="answers this often, then is spent")

    @field_validator("reply", "turns")
    @classmethod
    def _makes_sense(cls, value: Any) -> Any:
        is_turns = bool(value) and isinstance(value[0], tuple)
        turns = value if is_turns else (value or (),)
        for turn, steps in enumerate(turns):
            for at, text in contradictions(steps):
                raise misplaced(text, (turn, *at) if is_turns else at)
        asked = _asked_tokens(turns)
        if asked > MOST_TOKENS:
            raise ValueError(f"must be {MOST_TOKENS:,} tokens at most in all (got {asked:,})")
        return value

    @field_validator("expect")
    @classmethod
    def _can_be_seen(cls, value: Any, info: ValidationInfo) -> Any:
        replies = info.data.get("turns") or (info.data.get("reply") or (),)
        gates = gates_of(replies)
        for place, entry in enumerate(value):
            check = check_of(entry)
            for field, text in never_seen(check, gates):
                raise misplaced(text, (place, check.name, check.name, field))
        return value

    @model_validator(mode="after")
    def _one_reply(self) -> Self:
        if (self.reply is None) == (self.turns is None):
            raise ValueError("needs either reply or turns")
        return self

    @property
    def asked_tokens(self) -> int:
        """How many tokens it asks for by number, all its replies together."""
        return _asked_tokens(self.turns or (self.reply or (),))

    @property
    def plays(self) -> int | None:
        """How often it answers before it is spent; `None` is for ever."""
        return self.times if self.turns is None or self.times is not None else len(self.turns)

    @property
    def checks(self) -> tuple[Check, ...]:
        """What `expect` demands, of this scenario's exchanges."""
        found = [check_of(entry) for entry in self.expect]
        return tuple(
            check.model_copy(
                update={"where": check.where.model_copy(update={"scenario": self.name})}
            )
            for check in found
        )

    def steps_of(self, turn: int) -> tuple[Step, ...]:
        """Return the steps of one turn; after the last turn the first comes again."""
        if self.turns is None:
            return self.reply or ()
        return self.turns[turn % len(self.turns)]

    def choices_of(self, turn: int) -> int:
        """Return how many choices of one turn have steps of their own; at least one."""
        return max((step.choices_told() for step in self.steps_of(turn)), default=1)

    def looks_at_request(self, turn: int) -> bool:
        """Say whether a step of this turn needs the request."""
        return any(step.asks_request() for step in self.steps_of(turn))


DEFAULT_SCENARIO = Scenario.model_validate(
    {
        "name": "default",
        "reply": [{"faker": 100}],
        "pace": {"ttft": "200ms", "tokens_per_second": 50},
    }
)
"""Answers while a session has no scripts; paced, so that a cancel can be seen."""
