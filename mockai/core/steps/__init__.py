"""The steps of a reply, each a unit of its own; to add one, register it here.

A step is a mapping with one key, its kind: `{"text": "Hello"}`, `{"faker": 400}`.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Discriminator, Tag

from mockai.core.steps.base import Step
from mockai.core.steps.ending import FinishStep, UsageStep
from mockai.core.steps.faults import CutStep, ErrorStep, MangleStep, SilenceStep
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


def _kind(value: Any) -> str | None:
    """Return the kind of a step: its only key. `None` makes pydantic say what is allowed."""
    if isinstance(value, Step):
        return value.kind
    keys = list(value) if isinstance(value, dict) else []
    return keys[0] if len(keys) == 1 and keys[0] in STEPS else None


if TYPE_CHECKING:
    AnyStep: TypeAlias = Step
else:
    AnyStep = Annotated[
        reduce(or_, (Annotated[step, Tag(kind)] for kind, step in STEPS.items())),
        Discriminator(
            _kind,
            custom_error_type="unknown_step",
            custom_error_message=f"a step is a mapping with one key of: {', '.join(STEPS)}",
        ),
    ]
"""A step in its single-key form."""

__all__ = ["STEPS", "AnyStep", "Step"]
