"""The check `wasted`: what was billed beyond the stop stays within a budget.

The stop is the newest mark while the exchange was open, else the disconnect.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from mockai.core.checks.base import Check, Evidence, Judgement, Row
from mockai.core.checks.billed import bill_of, budget, money_row, tokens_row, unbilled, under
from mockai.core.exchange import Bill, Exchange
from mockai.core.policy import PolicyChoice

NO_STOP = "no mark was set while it was open, so nothing is known of waste: set one"


class Wasted(Check):
    """Completion tokens billed after the stop are at most this many; without a limit, none."""

    name: ClassVar[str] = "wasted"

    max_tokens: int | None = Field(
        default=None, ge=0, description="completion tokens billed after the stop"
    )
    max_cost_usd: Decimal | None = Field(
        default=None, ge=0, description="US dollars, exact decimal"
    )
    policy: PolicyChoice | None = Field(
        default=None, description="judge by this one instead of the exchange's own"
    )

    def sentence(self) -> str:
        """Return what is expected of the client."""
        limits = budget(self._max_tokens, self.max_cost_usd)
        return f"waste {limits} after the stop of {self.subject('each answer')}{under(self.policy)}"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; a bill exists once the exchange has ended."""
        bill = bill_of(exchange, self.policy, evidence)
        if bill is None:
            return unbilled(exchange)
        has_no_stop = exchange.outcome == "completed" and not exchange.marks
        return Judgement(tuple(self._rows(bill)), remark=NO_STOP if has_no_stop else None)

    @property
    def _max_tokens(self) -> int | None:
        """The limit in tokens: 0 where no limit was named."""
        return 0 if self.max_tokens is None and self.max_cost_usd is None else self.max_tokens

    def _rows(self, bill: Bill) -> list[Row]:
        rows = []
        if self._max_tokens is not None:
            rows.append(tokens_row("wasted", self._max_tokens, bill.wasted_tokens))
        if self.max_cost_usd is not None:
            rows.append(money_row("wasted cost", self.max_cost_usd, bill.wasted_usd))
        return rows
