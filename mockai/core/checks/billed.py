"""The check `billed`: what the exchange costs under its policy stays within a budget."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Self

from pydantic import Field, model_validator

from mockai.core.billing import bill
from mockai.core.checks.base import Check, Evidence, Judgement, Row, fate
from mockai.core.exchange import Bill, Exchange
from mockai.core.policy import Policy, PolicyChoice
from mockai.core.prices import dollars
from mockai.core.units import counted


class Billed(Check):
    """The bill of each exchange is at most this much."""

    name: ClassVar[str] = "billed"
    denied: ClassVar[str] = "it was not"

    max_tokens: int | None = Field(default=None, ge=0, description="completion tokens billed")
    max_cost_usd: Decimal | None = Field(
        default=None, ge=0, description="US dollars, exact decimal"
    )
    policy: PolicyChoice | None = Field(
        default=None, description="judge by this one instead of the exchange's own"
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.max_tokens is None and self.max_cost_usd is None:
            raise ValueError("say how much: max_tokens or max_cost_usd; without it nothing fails")
        return self

    def sentence(self) -> str:
        """Return what is expected of the client."""
        return f"be billed {self._limits()}"

    def achieved(self) -> str:
        """Return the same as a fact."""
        return f"the client was billed {self._limits()}"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; a bill exists once the exchange has ended."""
        bill = bill_of(exchange, self.policy, evidence)
        if bill is None:
            return unbilled(exchange)
        return Judgement(tuple(self._rows(bill)))

    def _limits(self) -> str:
        limits = budget(self.max_tokens, self.max_cost_usd)
        return f"{limits} for {self.subject('each answer')}{under(self.policy)}"

    def _rows(self, bill: Bill) -> list[Row]:
        rows = []
        if self.max_tokens is not None:
            rows.append(tokens_row("billed", self.max_tokens, bill.completion_tokens))
        if self.max_cost_usd is not None:
            rows.append(money_row("cost", self.max_cost_usd, bill.cost_usd))
        return rows


def bill_of(exchange: Exchange, policy: Policy | None, evidence: Evidence) -> Bill | None:
    """Return the bill of an exchange, under its own policy or another; `None` while it is open."""
    if policy is None or exchange.bill is None:
        return exchange.bill
    return bill(exchange, policy, evidence.prices)


def unbilled(exchange: Exchange) -> Judgement:
    """Return what can be said while there is no bill."""
    return Judgement((Row("bill", "final", fate(exchange), ok=False),), settled=False)


def budget(max_tokens: int | None, max_cost_usd: Decimal | None) -> str:
    """Return the words for the limits that are given."""
    limits = []
    if max_tokens is not None:
        limits.append(f"at most {counted(max_tokens, 'completion token')}")
    if max_cost_usd is not None:
        limits.append(f"at most ${dollars(max_cost_usd)}")
    return " and ".join(limits)


def under(policy: Policy | None) -> str:
    """Return the words for a foreign policy."""
    return f" under '{policy.name}'" if policy is not None else ""


def tokens_row(field: str, limit: int, seen: int) -> Row:
    """Compare tokens with what is allowed."""
    return Row(field, f"≤ {counted(limit, 'token')}", f"{seen}", seen <= limit)


def money_row(field: str, limit: Decimal, seen: str | None) -> Row:
    """Compare exact dollars with what is allowed; what has no price is not cheap enough."""
    expected = f"≤ ${dollars(limit)}"
    if seen is None:
        return Row(field, expected, "no price for this model", ok=False)
    return Row(field, expected, f"${seen}", Decimal(seen) <= limit)
