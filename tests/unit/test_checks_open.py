"""The check `open`: nothing is left open, from the call or from a mark on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mockai.core.checks.base import Verdict
from mockai.core.checks.evaluate import evaluate
from mockai.core.checks.open import Open
from mockai.core.exchange import Exchange
from tests.support.facts import (
    RECEIVED_NS,
    SECOND,
    cancelled_exchange,
    evidence_of,
    hold_at,
    mark_at,
    open_exchange,
    stamp_at,
)
from tests.support.golden import golden


def left(at_s: float, seq: int = 1, **facts: Any) -> Exchange:
    """Return an exchange whose client left at an instant."""
    return cancelled_exchange(at_s, id=f"ex_{seq}", seq=seq, **facts)


def still(seq: int = 2, **facts: Any) -> Exchange:
    """Return an exchange that is open."""
    return open_exchange(id=f"ex_{seq}", seq=seq, **facts)


def judge(check: dict[str, Any], *exchanges: Exchange, **facts: Any) -> Verdict:
    """Judge; the call was at 9 s, and now it is 10 s."""
    return evaluate(Open.model_validate(check), evidence_of(*exchanges, **facts))


@pytest.mark.parametrize(
    "exchanges,right,wrong",
    [
        ((left(1), still()), {"max": 1}, {}),
        ((left(1), still(), still(3)), {"max": 2}, {"max": 1}),
        ((left(1), still()), {"where": {"tag": "t"}}, {"where": {"scenario": "story"}}),
        ((left(1.4),), {"after": "stop", "within": 0.4}, {"after": "stop", "within": 0.3}),
        ((left(3), left(3, 2)), {"after": "stop", "max": 2}, {"after": "stop", "max": 1}),
        ((left(1), still()), {"count": 2, "max": 1}, {"count": 1, "max": 1}),
    ],
)
def test_every_limit_can_pass_and_can_fail(
    exchanges: tuple[Exchange, ...], right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    """At the limit it holds, beyond it fails."""
    marks = (stamp_at(1),)
    assert judge(right, *exchanges, marks=marks).passed
    assert not judge(wrong, *exchanges, marks=marks).passed


@pytest.mark.parametrize(
    "check", [{"max": -1}, {"within": -1}, {"after": "no name"}, {"quiet": 99}]
)
def test_a_check_that_makes_no_sense_is_refused(check: dict[str, Any]) -> None:
    """A slip of the pen is an error when it is read."""
    with pytest.raises(ValidationError):
        Open.model_validate(check)


# ── from the call ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("now_s,settled", [(9.0, False), (9.999, False), (10.0, True)])
def test_who_is_open_has_until_the_limit(now_s: float, *, settled: bool) -> None:
    """It is waited for, for a second if nothing else is said."""
    verdict = judge({}, still(), now_s=now_s)
    assert (verdict.passed, verdict.settled) == (False, settled)
    assert verdict.settles_ns == RECEIVED_NS + 10 * SECOND


def test_as_soon_as_few_enough_are_open_it_is_settled() -> None:
    """From the call there is nothing to watch."""
    verdict = judge({"max": 1}, left(1), still(), now_s=9.0)
    assert (verdict.passed, verdict.settled, verdict.measured_from) == (True, True, "the call")


def test_nothing_that_fits_is_nothing_open() -> None:
    """An absence passes on none; but not when no request came at all."""
    assert judge({"where": {"scenario": "other"}}, still()).passed
    empty = judge({})
    assert (empty.passed, empty.settled) == (False, False)
    assert "no request reached mockai" in empty.message


# ── after a mark ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("now_s,settled", [(9.0, False), (9.999, False), (10.0, True)])
def test_after_a_mark_it_must_stay_so(now_s: float, *, settled: bool) -> None:
    """It passes all along, and is sure after the time of quiet."""
    verdict = judge({"after": "stop"}, left(1), marks=(stamp_at(1),), now_s=now_s)
    assert (verdict.passed, verdict.settled) == (True, settled)
    assert verdict.measured_from == "mark 'stop'"


def test_before_its_limit_nothing_can_be_said_after_a_mark() -> None:
    """Who has a second to leave may still be there after half of it."""
    late = judge({"after": "stop"}, still(), marks=(stamp_at(9.5),), now_s=10.2)
    assert (late.passed, late.settled, late.settles_ns) == (
        True,
        False,
        RECEIVED_NS + 10_500_000_000,
    )


def test_one_that_came_and_went_after_the_mark_breaks_it() -> None:
    """It is closed now, but it was open when nothing should have been."""
    again = left(0.5, 2, received_ns=RECEIVED_NS + 5 * SECOND)
    verdict = judge({"after": "stop"}, left(1), again, marks=(stamp_at(1),), now_s=9.1)
    assert (verdict.passed, verdict.settled) == (False, True)


def test_a_mark_that_was_never_set_fails() -> None:
    """It may still come."""
    verdict = judge({"after": "stpo"}, left(1))
    assert (verdict.passed, verdict.settled) == (False, False)


def test_what_the_journal_has_dropped_may_have_been_open() -> None:
    """So nothing is known; from the call it does not matter, for what is open is never dropped."""
    verdict = judge({"after": "stop"}, left(1), marks=(stamp_at(1),), evicted=2)
    assert (verdict.passed, verdict.settled) == (False, True)
    assert verdict.message.endswith("that is not known (journal: 2 exchanges were dropped).")
    assert judge({}, left(1), evicted=2).passed


# ── the text ─────────────────────────────────────────────────────────────────────────────────


def test_the_text_for_a_stream_that_is_left_open() -> None:
    """Where it stands, and what closes it."""
    held = still(holds=(hold_at(0.42),), marks=(mark_at(0.5),))
    assert judge({}, left(1), held).report == golden("open_left.txt")


@pytest.mark.parametrize(
    "check,sentence",
    [
        ({}, "have no stream open within 1 s"),
        ({"max": 1, "within": "250ms"}, "have at most 1 stream open within 0.25 s"),
        ({"max": 2, "after": "a"}, "have at most 2 streams open from 1 s after mark 'a' on"),
        ({"where": {"tag": "t"}}, "have no stream (tag 't') open within 1 s"),
    ],
)
def test_the_sentence_says_what_is_expected(check: dict[str, Any], sentence: str) -> None:
    """How many, of which, and from when on."""
    made = Open.model_validate(check)
    assert made.sentence() == sentence
    assert made.achieved() == f"the client {sentence.replace('have', 'had', 1)}"
