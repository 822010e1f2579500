"""The check `billed`: each limit holds and can fail, and one without a limit is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mockai.core.checks.base import Verdict
from mockai.core.checks.billed import Billed
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Bill, Exchange
from tests.support.facts import (
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    mark_at,
    open_exchange,
)
from tests.support.golden import golden


def billed(tokens: int, cost_usd: str | None = None) -> Exchange:
    """Return an exchange with this bill."""
    return cancelled_exchange(bill=Bill("stop-now", 21, tokens, 0, cost_usd))


def verdict_of(check: dict[str, Any], *exchanges: Exchange) -> Verdict:
    """Judge it."""
    return evaluate(Billed.model_validate(check), evidence_of(*exchanges))


@pytest.mark.parametrize(
    "right,false",
    [
        ({"max_tokens": 12}, {"max_tokens": 11}),
        ({"max_cost_usd": "0.0000103"}, {"max_cost_usd": "0.0000102"}),
        ({"max_tokens": 12, "max_cost_usd": 1}, {"max_tokens": 11, "max_cost_usd": 1}),
        ({"max_tokens": 12, "max_cost_usd": 1}, {"max_tokens": 12, "max_cost_usd": 0}),
    ],
)
def test_every_limit_can_pass_and_can_fail(right: dict[str, Any], false: dict[str, Any]) -> None:
    """Exact to the token and to the last digit of a dollar."""
    assert verdict_of(right, billed(12, "0.0000103")).passed
    verdict = verdict_of(false, billed(12, "0.0000103"))
    assert (verdict.passed, verdict.settled) == (False, True)


def test_a_model_without_a_price_is_not_cheap_enough() -> None:
    """Nothing is estimated silently."""
    verdict = verdict_of({"max_cost_usd": 1000}, billed(1))
    assert not verdict.passed
    assert "no price for this model" in verdict.message


def test_an_open_exchange_is_waited_for() -> None:
    """A bill is final when the exchange ends, not before."""
    verdict = verdict_of({"max_tokens": 1000}, open_exchange())
    assert (verdict.passed, verdict.settled) == (False, False)


@pytest.mark.parametrize(
    "check,said",
    [
        ({}, "say how much: max_tokens or max_cost_usd"),
        ({"where": {"scenario": "story"}}, "say how much"),
        ({"max_tokens": None}, "say how much"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_cost_usd": "-0.01"}, "max_cost_usd"),
        ({"max_token": 1}, "max_token"),
    ],
)
def test_a_budget_that_cannot_fail_is_refused(check: dict[str, Any], said: str) -> None:
    """A check without a limit would pass every client, and a typo would be one."""
    with pytest.raises(ValidationError, match=said):
        Billed.model_validate(check)


def test_the_text_for_a_bill_that_is_too_high() -> None:
    """What was billed, and the diagnosis: it read on after the mark."""
    drained = completed_exchange(marks=(mark_at(0.44),))
    check = {"max_tokens": 12, "where": {"scenario": "story"}}
    assert verdict_of(check, drained).report == golden("billed_too_much.txt")


def test_what_was_kept_is_told_in_one_sentence() -> None:
    """As a fact."""
    verdict = verdict_of({"max_tokens": 12}, billed(12))
    assert verdict.message == "the client was billed at most 12 completion tokens for each answer"
