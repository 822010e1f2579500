"""The check `order`: named exchanges came in this order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from mockai.core.checks.base import Verdict
from mockai.core.checks.evaluate import evaluate
from mockai.core.checks.order import Order
from mockai.core.exchange import Exchange
from tests.support.facts import ASKED, completed_exchange, evidence_of
from tests.support.golden import golden

WANTED = {"scenarios": ["plan", "search", "answer"]}


def calls(*names: str) -> list[Exchange]:
    """Return one exchange for each scenario name; each has its upper case as its tag."""
    return [
        completed_exchange(
            id=f"ex_{seq}", seq=seq, scenario=name, request=replace(ASKED, tag=name.upper())
        )
        for seq, name in enumerate(names, 1)
    ]


def judge(check: dict[str, Any], *names: str) -> Verdict:
    """Judge."""
    return evaluate(Order.model_validate(check), evidence_of(*calls(*names)))


@pytest.mark.parametrize(
    "names,passed,settled",
    [
        (("plan", "search", "answer"), True, True),
        (("plan", "search", "search", "other", "search", "answer"), True, True),
        (("other", "plan", "search", "answer", "other"), True, True),
        (("other",), False, False),
        (("plan", "search"), False, False),
        (("plan", "answer"), False, True),
        (("search", "plan", "answer"), False, True),
        (("plan", "search", "plan", "answer"), False, True),
        (("plan", "search", "answer", "plan"), False, True),
    ],
)
def test_the_order_is_compared_name_by_name(
    names: tuple[str, ...], *, passed: bool, settled: bool
) -> None:
    """Repetitions in a row count once, others do not count; a right beginning may go on."""
    verdict = judge(WANTED, *names)
    assert (verdict.passed, verdict.settled) == (passed, settled)


def test_tags_can_be_named_instead_of_scenarios() -> None:
    """A program that calls one scenario several times tells its calls apart by a header."""
    assert judge({"tags": ["PLAN", "SEARCH"]}, "plan", "search").passed
    assert not judge({"tags": ["SEARCH", "PLAN"]}, "plan", "search").passed


def test_where_narrows_what_is_looked_at() -> None:
    """Here the first plan only."""
    check = {**WANTED, "where": {"tag": "PLAN"}}
    assert "order: 'plan'" in judge(check, "plan", "search", "answer").message


@pytest.mark.parametrize(
    "check",
    [
        {},
        {"scenarios": ["plan"]},
        {"scenarios": ["plan", "plan"]},
        {"scenarios": ["plan", "search"], "tags": ["a", "b"]},
        {"scenarios": ["no name", "plan"]},
    ],
)
def test_an_order_that_says_nothing_is_refused(check: dict[str, Any]) -> None:
    """It takes two names at least, and the same one twice in a row can never be seen."""
    with pytest.raises(ValidationError):
        Order.model_validate(check)


def test_the_text_shows_both_orders() -> None:
    """And the exchanges, in theirs."""
    report = judge(WANTED, "plan", "answer", "other", "search").report
    assert report == golden("order_wrong.txt")
