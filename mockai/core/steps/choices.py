"""The step `choices`: what each of several answers to one request says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, TypeAlias

from pydantic import Field

from mockai.core.steps.base import Builder, Step, one_of
from mockai.core.steps.ending import FinishStep
from mockai.core.steps.logprobs import LogprobsStep
from mockai.core.steps.pacing import PaceStep, PauseStep
from mockai.core.steps.saying import FakerStep, JsonStep, ReasoningStep, RefusalStep, TextStep
from mockai.core.steps.tool_call import ToolCallStep

_OWN: tuple[type[Step], ...] = (
    TextStep,
    FakerStep,
    ReasoningStep,
    ToolCallStep,
    RefusalStep,
    JsonStep,
    LogprobsStep,
    PauseStep,
    PaceStep,
    FinishStep,
)
"""What belongs to one choice; gates, faults, comments and figures belong to the whole stream."""

if TYPE_CHECKING:
    ChoiceStep: TypeAlias = Step
else:
    ChoiceStep = one_of(_OWN, "a step of a choice")


class ChoicesStep(Step):
    """Say something else in each choice, where `n` asks for several; then the first comes again."""

    kind: ClassVar[str] = "choices"
    choices: Annotated[tuple[tuple[ChoiceStep, ...], ...], Field(min_length=1)]

    def build(self, to: Builder) -> None:
        """Build those of this choice."""
        for step in self.choices[to.choice % len(self.choices)]:
            step.build(to)

    def ends(self) -> bool:
        """Say whether a choice does."""
        return any(step.ends() for steps in self.choices for step in steps)

    def asked_tokens(self) -> int:
        """Return those of the longest choice."""
        return max(sum(step.asked_tokens() for step in steps) for steps in self.choices)

    def choices_told(self) -> int:
        """Return how many there are."""
        return len(self.choices)

    def asks_request(self) -> bool:
        """Say whether a step of a choice does."""
        return any(step.asks_request() for steps in self.choices for step in steps)
