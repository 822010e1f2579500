"""The steps of a reply, each a unit of its own; to add one, register it here.

A step is a mapping with one key, its kind: `{"text": "Hello"}`, `{"faker": 400}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from mockai.core.steps.base import Step, one_of
from mockai.core.steps.choices import ChoicesStep
from mockai.core.steps.ending import FinishStep, UsageStep
from mockai.core.steps.faults import CutStep, ErrorStep, MangleStep, SilenceStep
from mockai.core.steps.logprobs import LogprobsStep
from mockai.core.steps.pacing import HoldStep, PaceStep, PauseStep
from mockai.core.steps.saying import FakerStep, JsonStep, ReasoningStep, RefusalStep, TextStep
from mockai.core.steps.tool_call import ToolCallStep
from mockai.core.steps.verbatim import KeepaliveStep, RawStep

_ALL: tuple[type[Step], ...] = (
    TextStep,
    FakerStep,
    ReasoningStep,
    ToolCallStep,
    RefusalStep,
    JsonStep,
    LogprobsStep,
    ChoicesStep,
    HoldStep,
    PauseStep,
    PaceStep,
    UsageStep,
    FinishStep,
    RawStep,
    KeepaliveStep,
    ErrorStep,
    CutStep,
    SilenceStep,
    MangleStep,
)
STEPS: dict[str, type[Step]] = {step.kind: step for step in _ALL}

if TYPE_CHECKING:
    AnyStep: TypeAlias = Step
else:
    AnyStep = one_of(_ALL, "a step")
"""A step in its single-key form."""

__all__ = ["STEPS", "AnyStep", "Step"]
