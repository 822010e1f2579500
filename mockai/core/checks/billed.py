"""The check `billed`: what the exchange costs under its policy stays within a budget."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from mockai.core.checks.base import Check, Evidence, Judgement, Row
from mockai.core.exchange import Bill, Exchange


class Billed(Check):
    """The bill of each exchange is at most this much."""

    name: ClassVar[str] = "billed"

    max_tokens: int | None = Field(default=None, ge=0, description="completion tokens billed")
    max_cost_usd: Decimal | None = Field(
        default=None, ge=0, description="US dollars, exact decimal"
    )

    def sentence(self) -> str:
        """Return what is expected of the client."""
        limits = []
        if self.max_tokens is not None:
            limits.append(f"at most {self.max_tokens} completion tokens")
        if self.max_cost_usd is not None:
            limits.append(f"at most ${self.max_cost_usd}")
        return f"be billed {' and '.join(limits) or 'something'}"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; a bill exists once the exchange has ended."""
        bill = exchange.bill
        if bill is None:
            return Judgement((Row("bill", "final", exchange.outcome, ok=False),), settled=False)
        return Judgement(tuple(self._rows(bill)))

    def _rows(self, bill: Bill) -> list[Row]:
        rows = []
        if self.max_tokens is not None:
            seen = bill.completion_tokens
            rows.append(
                Row("billed", f"≤ {self.max_tokens} tokens", f"{seen}", seen <= self.max_tokens)
            )
        if self.max_cost_usd is not None:
            rows.append(_cost_row(self.max_cost_usd, bill.cost_usd))
        return rows


def _cost_row(limit: Decimal, cost: str | None) -> Row:
    if cost is None:
        return Row("cost", f"≤ ${limit}", "no price for this model", ok=False)
    return Row("cost", f"≤ ${limit}", f"${cost}", Decimal(cost) <= limit)
