"""The check `usage`: the figures that the client has booked agree with the bill."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from mockai.core.checks.base import Check, Evidence, Judgement, Row
from mockai.core.checks.billed import bill_of, unbilled, under
from mockai.core.exchange import Bill, Exchange
from mockai.core.policy import PolicyChoice
from mockai.core.units import counted


class Usage(Check):
    """What the test says that the client booked, in the field names of OpenAI's `usage`."""

    name: ClassVar[str] = "usage"

    prompt_tokens: int | None = Field(default=None, ge=0)
    completion_tokens: int | None = Field(default=None, ge=0)
    total_tokens: int | None = Field(default=None, ge=0)
    tolerance: int = Field(default=0, ge=0, description="tokens by which a figure may be off")
    in_all: bool = Field(
        default=False, description="the figures are for all selected exchanges together"
    )
    policy: PolicyChoice | None = Field(
        default=None, description="judge by this one instead of the exchange's own"
    )

    @model_validator(mode="after")
    def _has_a_figure(self) -> Self:
        if self.prompt_tokens is self.completion_tokens is self.total_tokens is None:
            raise ValueError("say what was booked: prompt_tokens, completion_tokens, total_tokens")
        return self

    def sentence(self) -> str:
        """Return what is expected of the client."""
        within = f" within {counted(self.tolerance, 'token')}" if self.tolerance else ""
        return f"book the usage that was billed{within}{under(self.policy)}"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; a bill exists once an exchange has ended."""
        meant = self.where.select(evidence.exchanges) if self.in_all else (exchange,)
        bills = []
        for each in meant:
            bill = bill_of(each, self.policy, evidence)
            if bill is None:
                return unbilled(each)
            bills.append(bill)
        return Judgement(tuple(self._rows(bills)))

    def _rows(self, bills: list[Bill]) -> list[Row]:
        prompt = sum(bill.prompt_tokens for bill in bills)
        completion = sum(bill.completion_tokens for bill in bills)
        pairs = (
            ("prompt tokens", self.prompt_tokens, prompt),
            ("completion tokens", self.completion_tokens, completion),
            ("total tokens", self.total_tokens, prompt + completion),
        )
        return [
            self._row(name, booked, billed) for name, booked, billed in pairs if booked is not None
        ]

    def _row(self, field: str, booked: int, billed: int) -> Row:
        margin = f" ± {self.tolerance}" if self.tolerance else ""
        ok = abs(booked - billed) <= self.tolerance
        return Row(field, f"{billed}{margin} billed", f"{booked} booked", ok)
