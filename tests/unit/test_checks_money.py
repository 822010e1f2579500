"""The checks about money: `billed`, `wasted` and `usage`, also under a foreign policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mockai.core.checks import CheckEntry, check_of
from mockai.core.checks.base import Verdict
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Exchange
from mockai.core.prices import shipped_prices
from tests.support.facts import (
    ASKED,
    billed,
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    mark_at,
    open_exchange,
    schedule_of,
)

ENTRY: TypeAdapter[Any] = TypeAdapter(CheckEntry)


LEFT = billed(cancelled_exchange(0.43, request=replace(ASKED, stream=True), schedule=schedule_of()))
DRAINED = billed(completed_exchange(marks=(mark_at(0.43),)))


def verdict(kind: str, *exchanges: Exchange, **arguments: Any) -> Verdict:
    """Judge exchanges by one check in its single-key form."""
    check = check_of(ENTRY.validate_python({kind: arguments}))
    return evaluate(check, evidence_of(*exchanges, prices=shipped_prices()))


@pytest.mark.parametrize(
    "kind, exchange, arguments, passed",
    [
        ("billed", LEFT, {"max_tokens": 12}, True),
        ("billed", LEFT, {"max_tokens": 11}, False),
        ("billed", LEFT, {"max_cost_usd": "0.00001035"}, True),
        ("billed", LEFT, {"max_cost_usd": "0.00001034"}, False),
        ("billed", LEFT, {"max_tokens": 22, "policy": "stop-lag"}, True),
        ("billed", LEFT, {"max_tokens": 21, "policy": "stop-lag"}, False),
        ("billed", LEFT, {"max_tokens": 12, "policy": "bill-in-full"}, False),
        ("billed", LEFT, {"max_tokens": 15, "policy": {"notice": {"tokens": 3}}}, True),
        ("wasted", LEFT, {}, True),
        ("wasted", DRAINED, {}, False),
        ("wasted", DRAINED, {"max_tokens": 388}, True),
        ("wasted", DRAINED, {"max_tokens": 387}, False),
        ("wasted", DRAINED, {"max_cost_usd": "0.0002328"}, True),
        ("wasted", DRAINED, {"max_cost_usd": "0.0002327"}, False),
        ("wasted", LEFT, {"policy": "bill-in-full"}, False),
        ("wasted", LEFT, {"policy": "unreported-free"}, True),
        ("usage", LEFT, {"prompt_tokens": 21, "completion_tokens": 12, "total_tokens": 33}, True),
        ("usage", LEFT, {"total_tokens": 21}, False),
        ("usage", LEFT, {"completion_tokens": 10, "tolerance": 2}, True),
        ("usage", LEFT, {"completion_tokens": 10, "tolerance": 1}, False),
        ("usage", LEFT, {"completion_tokens": 400, "policy": "drain-for-usage"}, True),
    ],
)
def test_a_budget_is_kept_or_not(
    kind: str, exchange: Exchange, arguments: dict[str, Any], *, passed: bool
) -> None:
    """Each limit passes at its edge and fails beyond it, by the own or by a foreign policy."""
    assert verdict(kind, exchange, **arguments).passed is passed


def test_a_foreign_policy_is_named_in_the_verdict() -> None:
    """Who judges by another provider's rules must see it."""
    failed = verdict("billed", LEFT, max_tokens=20, policy="bill-in-full")
    assert failed.message == (
        "expected the client to be billed at most 20 completion tokens for each answer under "
        "'bill-in-full'; it was not (billed: 400)."
    )


def test_waste_without_a_limit_means_none() -> None:
    """`wasted: {}` is the strict form."""
    failed = verdict("wasted", DRAINED)
    assert failed.message == (
        "expected the client to waste at most 0 completion tokens after the stop of each answer; "
        "it did not (wasted: 388)."
    )


def test_a_model_without_a_price_fails_a_budget_of_money() -> None:
    """Unknown is not cheap; tokens can be judged all the same."""
    unknown = billed(cancelled_exchange(request=replace(ASKED, model="my-model")))
    failed = verdict("billed", unknown, max_cost_usd=100)
    assert not failed.passed
    assert "no price for this model" in failed.report
    assert verdict("billed", unknown, max_tokens=12).passed


@pytest.mark.parametrize(
    "kind, arguments",
    [
        ("billed", {"max_tokens": 400, "policy": "bill-in-full"}),
        ("wasted", {"max_tokens": 400}),
        ("usage", {"total_tokens": 33}),
        ("usage", {"total_tokens": 33, "in_all": True}),
    ],
)
def test_an_open_exchange_has_no_bill_yet(kind: str, arguments: dict[str, Any]) -> None:
    """The verdict may still change, so that a wait goes on."""
    early = verdict(kind, open_exchange(), **arguments)
    assert (early.passed, early.settled) == (False, False)


def test_figures_can_be_for_all_exchanges_together() -> None:
    """A hidden retry is billed twice and booked once: only the sum shows it."""
    first, second = LEFT, replace(LEFT, id="ex_2", seq=2)
    assert verdict("usage", first, second, total_tokens=33).passed
    assert verdict("usage", first, second, total_tokens=66, in_all=True).passed
    hidden = verdict("usage", first, second, total_tokens=33, in_all=True)
    assert not hidden.passed
    assert "66 billed" in hidden.report
    assert "33 booked" in hidden.report


@pytest.mark.parametrize(
    "entry, said",
    [
        ({"usage": {}}, "say what was booked: prompt_tokens, completion_tokens, total_tokens"),
        ({"usage": {"total_tokens": 1, "tolerance": -1}}, "greater than or equal to 0"),
        ({"billed": {"max_tokens": 1, "policy": "free"}}, "unknown policy 'free'; allowed are"),
        ({"wasted": {"max_tokens": -1}}, "greater than or equal to 0"),
    ],
)
def test_a_check_that_says_nothing_usable_is_refused(entry: dict[str, Any], said: str) -> None:
    """A typo in a check is an error, never a pass."""
    with pytest.raises(ValidationError) as caught:
        ENTRY.validate_python(entry)
    assert said in str(caught.value)
