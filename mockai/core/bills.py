"""A ledger's JSON form from the bills of exchanges, where there is no ledger any more: from a file.

Costs are linear in tokens and decimals are exact, so the sum of bills is the ledger's own sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from mockai.core.billing import accepted
from mockai.core.exchange import Bill, Exchange
from mockai.core.ledger import NO_KEY, Totals, entry_of
from mockai.core.prices import dollars

Billed = tuple[Exchange, Bill]
_LABELS: Mapping[str, Callable[[Billed], str]] = {
    "by_model": lambda pair: pair[0].request.model or "",
    "by_policy": lambda pair: pair[1].policy,
    "by_key": lambda pair: pair[0].request.key_id or NO_KEY,
}


def ledger_of(exchanges: Iterable[Exchange]) -> dict[str, Any]:
    """Return sums and entries; late corrections of the provider's pages are not in a bill."""
    entries = [(item, item.bill) for item in exchanges if item.bill is not None]
    booked = [pair for pair in entries if accepted(pair[0]) and pair[0].completion_id is not None]
    return {
        "totals": asdict(_totals(booked)),
        **{name: _groups(booked, label) for name, label in _LABELS.items()},
        "unpriced": sorted({item.request.model or "" for item, bill in booked if _lacks(bill)}),
        "corrections": 0,
        "entries": [entry_of(item, bill) for item, bill in entries],
    }


def _groups(booked: Iterable[Billed], label: Callable[[Billed], str]) -> dict[str, Any]:
    groups: dict[str, list[Billed]] = {}
    for pair in booked:
        groups.setdefault(label(pair), []).append(pair)
    return {name: asdict(_totals(groups[name])) for name in sorted(groups)}


def _totals(booked: Iterable[Billed]) -> Totals:
    bills = [bill for _, bill in booked]
    charged = [bill for bill in bills if bill.prompt_tokens + bill.completion_tokens]
    known = not charged or any(bill.cost_usd is not None for bill in charged)
    return Totals(
        requests=len(bills),
        prompt_tokens=sum(bill.prompt_tokens for bill in bills),
        cached_tokens=sum(bill.cached_tokens for bill in bills),
        completion_tokens=sum(bill.completion_tokens for bill in bills),
        wasted_tokens=sum(bill.wasted_tokens for bill in bills),
        cost_usd=_sum(bill.cost_usd for bill in bills) if known else None,
        wasted_usd=_sum(bill.wasted_usd for bill in bills) if known else None,
    )


def _sum(amounts: Iterable[str | None]) -> str:
    return dollars(sum((Decimal(amount) for amount in amounts if amount), Decimal(0)))


def _lacks(bill: Bill) -> bool:
    """Say whether something was billed that has no price."""
    return bill.cost_usd is None and bill.prompt_tokens + bill.completion_tokens > 0
