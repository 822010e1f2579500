"""From a check and the evidence to a verdict: who is judged, and what is said of whom."""

from __future__ import annotations

from typing import Any

import pytest

from mockai.core.checks import CHECKS
from mockai.core.checks.base import Verdict
from mockai.core.checks.cancelled import Cancelled
from mockai.core.checks.completed import Completed
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Exchange, RequestFacts
from tests.support.facts import (
    RECEIVED_NS,
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    mark_at,
    open_exchange,
)
from tests.support.golden import golden


def asked(model: str = "gpt-4o-mini", tag: str | None = None) -> RequestFacts:
    """Return the facts of a request."""
    return RequestFacts(
        path="/v1/chat/completions", endpoint="chat.completions", model=model, tag=tag
    )


FIRST = completed_exchange(id="ex_1", seq=1, scenario="story", request=asked("gpt-4o"))
SECOND = cancelled_exchange(id="ex_2", seq=2, scenario="story", request=asked(tag="t"))
THIRD = completed_exchange(id="ex_3", seq=3, scenario="poem", request=asked())


def verdict_of(check: dict[str, Any], *exchanges: Exchange, **facts: Any) -> Verdict:
    """Judge `completed`."""
    return evaluate(Completed.model_validate(check), evidence_of(*exchanges, **facts))


# ── who is judged ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "where,judged",
    [
        ({}, [1, 2, 3]),
        ({"scenario": "story"}, [1, 2]),
        ({"scenario": "story", "nth": 2}, [2]),
        ({"model": "gpt-4o"}, [1]),
        ({"tag": "t"}, [2]),
        ({"endpoint": "chat.completions"}, [1, 2, 3]),
        ({"endpoint": "models"}, []),
        ({"nth": 3}, [3]),
        ({"nth": 4}, []),
        ({"scenario": "poem", "tag": "t"}, []),
    ],
)
def test_where_selects_by_every_field(where: dict[str, Any], judged: list[int]) -> None:
    """All that are given must fit; `nth` counts those that the others selected."""
    chosen = Completed.model_validate({"where": where}).where.select((FIRST, SECOND, THIRD))
    assert [exchange.seq for exchange in chosen] == judged


def test_every_selected_exchange_must_meet_the_check() -> None:
    """One that does not fails it, whichever it is, and the others stay out of the text."""
    verdict = verdict_of({}, FIRST, SECOND, THIRD)
    assert not verdict.passed
    assert verdict.message == (
        "expected the client to read the answer to its end; "
        "in 1 of 3 exchanges it did not (#2 outcome: cancelled)."
    )
    assert verdict.report.count("exchange #") == 1
    assert verdict_of({}, FIRST, THIRD).passed
    assert verdict_of({}, FIRST, THIRD).message.endswith("to its end (2 exchanges)")


def test_a_failure_shows_every_exchange_that_failed() -> None:
    """Each with its table and timeline."""
    fourth = cancelled_exchange(0.7, 22, id="ex_4", seq=4, request=asked())
    verdict = verdict_of({"where": {"scenario": "story"}}, FIRST, SECOND, fourth)
    assert verdict.report == golden("two_of_three.txt")


# ── nobody, or too many ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["cancelled", "completed"])
def test_without_any_request_no_check_passes(name: str) -> None:
    """The most common mistake of all: the product talks to another server."""
    verdict = evaluate(CHECKS[name].model_validate({}), evidence_of())
    assert (verdict.passed, verdict.settled) == (False, False)
    assert verdict.message.endswith("no request reached mockai: is OPENAI_BASE_URL used?")
    assert verdict.report == verdict.message


def test_when_none_fits_the_text_shows_those_that_came() -> None:
    """A wrong name, or a request that was refused: the nearest first, field by field."""
    refused = open_exchange(
        seq=4, scenario=None, outcome="failed", cause="refused", error="No scenario matches\n  more"
    )
    verdict = verdict_of({"where": {"scenario": "stroy", "nth": 1}}, FIRST, SECOND, THIRD, refused)
    assert (verdict.passed, verdict.settled) == (False, False)
    assert verdict.report == golden("none_fits.txt")
    beyond = verdict_of({"where": {"nth": 9}}, FIRST, SECOND)
    assert beyond.report.count("exchange #") == 2
    assert "The nearest" not in beyond.report


def test_a_count_must_be_met_exactly() -> None:
    """Fewer may still become enough; more never become fewer."""
    few, right, many = (
        verdict_of({"count": 2}, *exchanges)
        for exchanges in ((FIRST,), (FIRST, THIRD), (FIRST, THIRD, FIRST))
    )
    assert (few.passed, few.settled) == (False, False)
    assert (right.passed, right.settled) == (True, True)
    assert (many.passed, many.settled) == (False, True)
    assert few.message == (
        "expected the client to read the answer to its end in exactly 2 exchanges; there is 1."
    )
    assert "exchange #1  POST" in few.report


def test_a_count_does_not_replace_the_judgement() -> None:
    """Two of two, but one was left."""
    assert not verdict_of({"count": 2}, FIRST, SECOND).passed


# ── when it is settled ───────────────────────────────────────────────────────────────────────


def test_one_failure_for_good_settles_the_verdict() -> None:
    """What the others will do does not matter any more."""
    assert verdict_of({}, SECOND, open_exchange(seq=4)).settled
    assert not verdict_of({}, FIRST, open_exchange(seq=4)).settled


def test_the_earliest_instant_settles() -> None:
    """Of several open exchanges, the first whose time is over fails the check."""
    early = open_exchange(seq=1, marks=(mark_at(0.4),))
    late = open_exchange(seq=2, marks=(mark_at(0.6),))
    check = Cancelled.model_validate({"within": 1})
    verdict = evaluate(check, evidence_of(late, early, now_s=0.7))
    assert (verdict.settled, verdict.settles_ns) == (False, RECEIVED_NS + 1_400_000_001)


def test_the_verdict_says_from_where_it_measured() -> None:
    """Also when it passed."""
    left = cancelled_exchange(0.5, marks=(mark_at(0.4),))
    verdict = evaluate(Cancelled.model_validate({}), evidence_of(left))
    assert (verdict.passed, verdict.measured_from) == (True, "mark 'stop'")


# ── our own bugs ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["cancelled", "completed"])
def test_a_bug_of_ours_fails_every_verdict(name: str) -> None:
    """Also of exchanges that it did not touch: what the session says cannot be trusted."""
    broken = open_exchange(seq=2, outcome="failed", cause="internal", error="KeyError: 'x'")
    right = {"cancelled": cancelled_exchange(), "completed": completed_exchange()}[name]
    check = CHECKS[name].model_validate({"where": {"scenario": "story", "nth": 1}})
    assert evaluate(check, evidence_of(right)).passed
    verdict = evaluate(check, evidence_of(right, broken))
    assert (verdict.passed, verdict.settled) == (False, True)
    assert verdict.message.startswith("mockai itself failed in exchange #2 (KeyError: 'x'); no ")
