"""How sure of its tokens the model says it was."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from mockai.core.steps.base import Builder, Step

Logprob = Annotated[float, Field(ge=-9999, le=0)]
"""A natural logarithm; the real API says -9999 of what is very unlikely."""


class LogprobsStep(Step):
    """The log probabilities of the next tokens, told where a request asks for them.

    `logprobs: [-0.01, -2.3]`; what comes after these tokens has made-up ones again.
    """

    kind: ClassVar[str] = "logprobs"
    logprobs: Annotated[tuple[Logprob, ...], Field(min_length=1, max_length=10_000)]

    def build(self, to: Builder) -> None:
        """Keep them for what is said next."""
        to.tell_logprobs(self.logprobs)
