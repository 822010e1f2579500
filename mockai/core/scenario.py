"""A scenario: what to match, what to reply, at what pace, under which policy, what to expect.

One model for YAML, JSON, Python and HTTP. A step is a mapping with one key, its kind; to add a
kind, write its model and register it in `STEPS`. Nothing here plays anything: see `reply`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, field_validator

from mockai.core.checks import CheckEntry
from mockai.core.model import Model, Name
from mockai.core.policy import PolicyChoice
from mockai.core.units import Duration

HOLD_TIMEOUT_S = 60.0


# ── match ────────────────────────────────────────────────────────────────────────────────────


class TextMatch(Model):
    """What a text must be; all that are given must hold."""

    contains: str | None = None
    equals: str | None = None


class Match(Model):
    """Which requests the scenario answers; a field that is left out matches everything."""

    model: str | None = Field(
        default=None, description="glob over the requested model, such as gpt-4*"
    )
    last_user: TextMatch | None = Field(
        default=None, description="the text of the last user message"
    )
    stream: bool | None = Field(default=None, description="whether the request asks for a stream")


# ── reply ────────────────────────────────────────────────────────────────────────────────────


def _shorthand(key: str) -> BeforeValidator:
    """Let `faker: 400` stand for `faker: {tokens: 400}`."""

    def widen(value: Any) -> Any:
        return value if isinstance(value, dict | BaseModel) else {key: value}

    return BeforeValidator(widen)


class TextStep(Model):
    """Send this text, token by token."""

    text: str


class FakerArguments(Model):
    """Exactly `tokens` tokens of filler words, seeded."""

    tokens: int = Field(gt=0, le=1_000_000)


class FakerStep(Model):
    """Send exactly N tokens of seeded filler; `faker: 400` is short for `{tokens: 400}`."""

    faker: Annotated[FakerArguments, _shorthand("tokens")]


class HoldArguments(Model):
    """Where to hold and for how long at most; without a position, at its place in the list."""

    name: Name | None = None
    at_token: int | None = Field(
        default=None, ge=0, description="after this many tokens of the reply"
    )
    at: Literal["headers", "first_token", "done"] | None = None
    timeout: Duration = HOLD_TIMEOUT_S


class HoldStep(Model):
    """Stop at a gate until it is released; `hold: NAME` is short for `{name: NAME}`."""

    hold: Annotated[HoldArguments, _shorthand("name")]


class PauseStep(Model):
    """Say nothing for this long."""

    pause: Duration


class FinishStep(Model):
    """Why the reply ends; must be the last step."""

    finish: Literal["stop", "length", "content_filter"]


STEPS: dict[str, type[Model]] = {
    "text": TextStep,
    "faker": FakerStep,
    "hold": HoldStep,
    "pause": PauseStep,
    "finish": FinishStep,
}


def _kind(value: Any) -> str | None:
    """Return the kind of a step: its only key. `None` makes pydantic say what is allowed."""
    keys = list(value) if isinstance(value, dict) else list(type(value).model_fields)
    known = [key for key in keys if key in STEPS]
    return known[0] if len(known) == 1 else None


Step = Annotated[
    Annotated[TextStep, Tag("text")]
    | Annotated[FakerStep, Tag("faker")]
    | Annotated[HoldStep, Tag("hold")]
    | Annotated[PauseStep, Tag("pause")]
    | Annotated[FinishStep, Tag("finish")],
    Discriminator(
        _kind,
        custom_error_type="unknown_step",
        custom_error_message=f"a step is a mapping with one key of: {', '.join(STEPS)}",
    ),
]


# ── pace and the whole ───────────────────────────────────────────────────────────────────────


class Pace(Model):
    """How fast: without `tokens_per_second` everything goes out at once, coalesced."""

    ttft: Duration = 0.0
    tokens_per_second: float | None = Field(default=None, gt=0)


class Scenario(Model):
    """A script on paper.

    >>> Scenario.model_validate({"name": "hi", "reply": [{"text": "Hello!"}]}).pace.ttft
    0.0
    """

    name: Name
    match: Match = Match()
    reply: tuple[Step, ...]
    pace: Pace = Pace()
    policy: PolicyChoice | None = Field(
        default=None, description="a preset's name or its own knobs; default: the session's"
    )
    expect: tuple[CheckEntry, ...] = ()
    seed: int = 0
    times: int | None = Field(default=None, ge=1, description="answers this often, then is spent")

    @field_validator("reply")
    @classmethod
    def _finish_is_last(cls, reply: tuple[Model, ...]) -> tuple[Model, ...]:
        for place, step in enumerate(reply[:-1]):
            if isinstance(step, FinishStep):
                raise ValueError(f"step {place + 1} comes after finish; finish must be the last")
        return reply


DEFAULT_SCENARIO = Scenario.model_validate(
    {
        "name": "default",
        "reply": [{"faker": 100}],
        "pace": {"ttft": "200ms", "tokens_per_second": 50},
    }
)
"""Answers while a session has no scripts; paced, so that a cancel can be seen."""
