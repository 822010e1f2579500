"""What a step is, and what it can ask of the builder of a reply.

A step is written as a mapping with one key, its kind. To add one: write its model in a module
here and register it in `mockai.core.steps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import BaseModel, BeforeValidator, Discriminator, Tag

from mockai.core.model import Model
from mockai.core.reply import Channel, Delta

if TYPE_CHECKING:
    from mockai.core.steps.faults import Fault
    from mockai.core.steps.pacing import HoldArguments


MOST_TOKENS = 1_000_000
"""That one scenario may ask for by number, all its replies together."""


class RequestFields(Protocol):
    """What a step may know of the request that it answers."""

    @property
    def model(self) -> str: ...
    @property
    def last_user(self) -> str: ...
    @property
    def body(self) -> Mapping[str, Any]: ...


class Builder(Protocol):
    """Collects what a reply consists of, in order, and keeps the clock of its timeline."""

    @property
    def begun(self) -> bool:
        """True once something has been said."""

    @property
    def choice(self) -> int:
        """Which of several answers to the request this is, from 0."""

    @property
    def request(self) -> RequestFields:
        """The request that is answered."""

    def seed(self) -> int:
        """Return the seed for what this step draws."""

    def say(self, text: str, channel: Channel = "content", *, tool: int = 0) -> None:
        """Send a text token by token, at the present pace."""

    def emit(self, delta: Delta) -> None:
        """Send one delta as it is, at the present pace."""

    def call_tool(self, name: str, arguments: str) -> None:
        """Send a tool call: its name, then its arguments in fragments."""

    def wait(self, seconds: float) -> None:
        """Let the timeline stand still for a while."""

    def set_pace(self, tokens_per_second: float | None, tokens_per_chunk: int | None) -> None:
        """Change the pace from here on; what is `None` stays."""

    def hold(self, place: HoldArguments) -> None:
        """Stand at a gate, here or at the place that is named."""

    def fault(self, fault: Fault) -> None:
        """Let a fault happen, here or at the place that it names."""

    def tell_logprobs(self, logprobs: Sequence[float]) -> None:
        """Have these as the log probabilities of the next tokens of text."""

    def finish(self, reason: str) -> None:
        """Say why the reply ends."""

    def report(self, figures: Mapping[str, int]) -> None:
        """Report these figures in place of those counted."""


class Step(Model):
    """One element of a reply."""

    kind: ClassVar[str]

    def build(self, to: Builder) -> None:
        """Add what the step stands for."""
        raise AssertionError(self.kind)

    def ends(self) -> bool:
        """Say whether nothing can follow this step."""
        return False

    def asked_tokens(self) -> int:
        """Return how many tokens are asked for by number."""
        return 0

    def choices_told(self) -> int:
        """Return for how many choices this step has something of their own."""
        return 1

    def asks_request(self) -> bool:
        """Say whether this step looks at the request, so that each request has its own reply."""
        return False


def one_of(steps: Sequence[type[Step]], what: str) -> Any:
    """Return the type of a step that is one of these, told by its only key."""
    kinds = {step.kind: step for step in steps}

    def kind(value: Any) -> str | None:
        """Return the kind; `None` makes pydantic say what is allowed."""
        if isinstance(value, Step):
            return value.kind
        keys = list(value) if isinstance(value, dict) else []
        return keys[0] if len(keys) == 1 and keys[0] in kinds else None

    return Annotated[
        reduce(or_, (Annotated[step, Tag(kind)] for kind, step in kinds.items())),
        Discriminator(
            kind,
            custom_error_type="unknown_step",
            custom_error_message=f"{what} is a mapping with one key of: {', '.join(kinds)}",
        ),
    ]


def shorthand(key: str, accepts: Any) -> BeforeValidator:
    """Let `faker: 400` stand for `faker: {tokens: 400}`; `accepts` is what the schema says."""

    def widen(value: Any) -> Any:
        return value if isinstance(value, dict | BaseModel) else {key: value}

    return BeforeValidator(widen, json_schema_input_type=accepts)
