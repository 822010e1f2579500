"""Steps about the end: why the reply finishes, and which usage it reports."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mockai.core.model import Model
from mockai.core.steps.base import Builder, Step


class FinishStep(Step):
    """Why the reply ends; must be the last step."""

    kind: ClassVar[str] = "finish"
    finish: Literal["stop", "length", "content_filter", "tool_calls"]

    def build(self, to: Builder) -> None:
        """Say it."""
        to.finish(self.finish)

    def ends(self) -> bool:
        """It does."""
        return True


class UsageFigures(Model):
    """Figures to report in place of those counted."""

    prompt_tokens: int | None = Field(default=None, ge=0)
    completion_tokens: int | None = Field(default=None, ge=0)
    cached_tokens: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _cached_is_a_part(self) -> Self:
        prompt, cached = self.prompt_tokens, self.cached_tokens
        if prompt is not None and cached is not None and cached > prompt:
            raise ValueError(f"cached_tokens are some of prompt_tokens: {cached} of {prompt}")
        return self


class UsageStep(Step):
    """Report other figures than were counted: `usage: {cached_tokens: 1024}`."""

    kind: ClassVar[str] = "usage"
    usage: UsageFigures

    def build(self, to: Builder) -> None:
        """Report them."""
        to.report(self.usage.model_dump(exclude_none=True))
