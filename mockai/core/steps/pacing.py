"""Steps about time: hold at a gate, pause, change the pace."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from mockai.core.mistakes import shown
from mockai.core.model import Model, Name
from mockai.core.steps.base import Builder, Step, shorthand
from mockai.core.units import Duration

HOLD_TIMEOUT_S = 60.0


def _no_token(value: Any) -> Any:
    """Tell who writes `hold: 12` what to write: a name is text."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"{shown(value)} is no name: write {{at_token: {shown(value)}}}")
    return value


class HoldArguments(Model):
    """Where to hold and for how long at most; without a position, at its place in the list."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["at_token", "at"]}})

    name: Annotated[Name | None, BeforeValidator(_no_token, json_schema_input_type=Name | None)] = (
        None
    )
    at_token: int | None = Field(
        default=None, ge=0, description="after this many tokens of the reply"
    )
    at: Literal["headers", "first_token", "done"] | None = None
    timeout: Duration = HOLD_TIMEOUT_S

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.at_token is not None and self.at is not None:
            raise ValueError("stands at one place: either at_token or at")
        return self


class HoldStep(Step):
    """Stop at a gate until it is released; `hold: NAME` is short for `{name: NAME}`."""

    kind: ClassVar[str] = "hold"
    hold: Annotated[HoldArguments, shorthand("name", Name | HoldArguments | None)]

    def build(self, to: Builder) -> None:
        """Ask for the hold; it is placed when the whole reply is known."""
        to.hold(self.hold)


class PauseStep(Step):
    """Say nothing for this long."""

    kind: ClassVar[str] = "pause"
    pause: Duration

    def build(self, to: Builder) -> None:
        """Let the time pass."""
        to.wait(self.pause)


class PaceChange(Model):
    """The pace from here on; what is left out stays."""

    tokens_per_second: float | None = Field(default=None, gt=0)
    tokens_per_chunk: int | None = Field(default=None, ge=1)


class PaceStep(Step):
    """Change the pace from here on: `pace: {tokens_per_second: 5}`."""

    kind: ClassVar[str] = "pace"
    pace: PaceChange

    def build(self, to: Builder) -> None:
        """Change it."""
        to.set_pace(self.pace.tokens_per_second, self.pace.tokens_per_chunk)
