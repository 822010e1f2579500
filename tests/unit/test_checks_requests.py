"""The check `requests`: what came is counted, and that nothing comes is watched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from mockai.core.checks.base import Verdict
from mockai.core.checks.evaluate import evaluate
from mockai.core.checks.requests import Requests
from mockai.core.exchange import Exchange
from tests.support.facts import (
    RECEIVED_NS,
    SECOND,
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    mark_at,
    stamp_at,
)
from tests.support.golden import golden


def came(at_s: float, seq: int = 1, *, again: str | None = None, left: bool = False) -> Exchange:
    """Return an exchange that was received at an instant; `left`: cancelled soon afterwards."""
    make = cancelled_exchange if left else completed_exchange
    received_ns = RECEIVED_NS + round(at_s * SECOND)
    return make(id=f"ex_{seq}", seq=seq, received_ns=received_ns, retry_of=again)


def judge(check: dict[str, Any], *exchanges: Exchange, **facts: Any) -> Verdict:
    """Judge; the call was at 9 s, and now it is 10 s."""
    return evaluate(Requests.model_validate(check), evidence_of(*exchanges, **facts))


FIRST, SECOND_ONE = came(0, 1, left=True), came(2, 2, again="ex_1")
STOP = (stamp_at(1),)


@pytest.mark.parametrize(
    "right,wrong",
    [
        ({"count": 2}, {"count": 1}),
        ({"count": 2}, {"count": 3}),
        ({"count": 2}, {"count": 0}),
        ({"max": 2}, {"max": 1}),
        ({"after": "stop", "max": 1}, {"after": "stop"}),
        ({"after": "stop", "count": 1}, {"after": "stop", "count": 2}),
        ({"after": "stop", "where": {"tag": "t"}}, {"after": "stop", "max": 0}),
        ({"only": "retries", "max": 1}, {"only": "retries"}),
        ({"only": "retries_after_cancel", "count": 1}, {"only": "retries_after_cancel"}),
        ({"where": {"scenario": "other"}, "count": 0}, {"where": {"scenario": "story"}, "max": 0}),
    ],
)
def test_every_limit_can_pass_and_can_fail(right: dict[str, Any], wrong: dict[str, Any]) -> None:
    """At the limit it holds, beyond it fails; a mark, a kind and a choice narrow what counts."""
    assert judge(right, FIRST, SECOND_ONE, marks=STOP).passed
    assert not judge(wrong, FIRST, SECOND_ONE, marks=STOP).passed


@pytest.mark.parametrize(
    "check",
    [
        {},
        {"quiet": 2},
        {"where": {"scenario": "story"}},
        {"count": 1, "max": 2},
        {"max": -1},
        {"count": -1},
        {"max": 1, "quiet": 61},
        {"max": 1, "quiet": -1},
        {"after": "no name"},
        {"only": "all"},
    ],
)
def test_what_could_not_fail_or_makes_no_sense_is_refused(check: dict[str, Any]) -> None:
    """Without a number or a kind nothing is said."""
    with pytest.raises(ValidationError):
        Requests.model_validate(check)


def test_the_newest_mark_of_a_name_counts() -> None:
    """A test that stops twice asks about its last stop."""
    marks = (stamp_at(1), stamp_at(3, seq=2))
    assert judge({"after": "stop"}, FIRST, SECOND_ONE, marks=marks).passed


def test_a_mark_that_was_never_set_fails_and_may_still_come() -> None:
    """A misspelt mark must not pass every client."""
    verdict = judge({"after": "stpo"}, FIRST)
    assert (verdict.passed, verdict.settled) == (False, False)
    assert verdict.message.endswith("that is not known (mark: was never set).")


# ── absence ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "now_s,settled", [(9.0, False), (9.999, False), (10.0, True), (12.0, True)]
)
def test_an_absence_is_settled_when_it_has_been_quiet(now_s: float, *, settled: bool) -> None:
    """It passes all along, but only after a second it is sure: the first retry would have come."""
    verdict = judge({"max": 1}, FIRST, now_s=now_s)
    assert (verdict.passed, verdict.settled) == (True, settled)
    assert verdict.settles_ns == RECEIVED_NS + 10 * SECOND


def test_quiet_counts_from_the_last_request_that_came() -> None:
    """Who came during the watch may be followed by another."""
    late = came(9.5, 2)
    assert judge({"count": 2}, FIRST, late, now_s=10.4).settled is False
    assert judge({"count": 2}, FIRST, late, now_s=10.5).settled


def test_quiet_of_zero_judges_what_there_is_so_far() -> None:
    """Nobody has to wait who knows that nothing more can come."""
    assert judge({"count": 1, "quiet": 0}, FIRST, now_s=9.0).settled


def test_patience_stretches_the_quiet() -> None:
    """On a slow machine a retry comes later, too."""
    assert not judge({"max": 1}, FIRST, now_s=10.5, patience=2.0).settled


def test_a_broken_absence_is_settled_at_once() -> None:
    """What has come cannot be undone."""
    verdict = judge({"max": 1}, FIRST, SECOND_ONE, now_s=9.0)
    assert (verdict.passed, verdict.settled, verdict.settles_ns) == (False, True, None)


def test_too_few_may_still_become_enough() -> None:
    """So it is waited for."""
    verdict = judge({"count": 2}, FIRST, now_s=30.0)
    assert (verdict.passed, verdict.settled) == (False, False)


def test_an_absence_passes_on_none_but_not_without_any_request() -> None:
    """A product that talks to another server makes no request after the stop either."""
    assert judge({"after": "stop"}, FIRST, marks=STOP).passed
    verdict = judge({"after": "stop"}, marks=STOP)
    assert (verdict.passed, verdict.settled) == (False, False)
    assert verdict.message.endswith("no request reached mockai: is OPENAI_BASE_URL used?")


def test_an_absence_does_not_pass_when_the_journal_has_dropped_something() -> None:
    """What was dropped cannot be counted; a broken limit is broken all the same."""
    verdict = judge({"max": 1}, FIRST, evicted=3)
    assert (verdict.passed, verdict.settled) == (False, True)
    assert "journal: 3 exchanges were dropped" in verdict.message
    assert "requests: 2" in judge({"max": 1}, FIRST, SECOND_ONE, evicted=3).message


# ── retries ──────────────────────────────────────────────────────────────────────────────────


def test_only_what_repeats_is_a_retry() -> None:
    """A user who asks something else after the stop has every right to."""
    other = came(2, 2)
    assert judge({"only": "retries_after_cancel"}, FIRST, other).passed
    assert judge({"only": "retries"}, FIRST, other).passed


def test_without_a_cancel_there_is_nothing_to_retry() -> None:
    """The check waits for one: else it would pass for a client that cancels nothing."""
    verdict = judge({"only": "retries_after_cancel"}, came(0))
    assert (verdict.passed, verdict.settled) == (False, False)
    assert verdict.message == (
        "expected the client to make no retry of what was cancelled; "
        "that is not known (cancelled requests: 0)."
    )


def test_a_retry_of_an_error_is_none_of_a_cancel() -> None:
    """The official clients do that by default, and may."""
    failed = replace(came(0), outcome="failed", cause="scripted")
    again = came(1, 2, again="ex_1", left=True)
    assert judge({"only": "retries_after_cancel"}, failed, again).passed
    assert not judge({"only": "retries"}, failed, again).passed


# ── the text ─────────────────────────────────────────────────────────────────────────────────


def test_the_text_for_a_retry_after_the_stop() -> None:
    """Who came again, when, and the finding that explains it."""
    stopped = replace(FIRST, marks=(mark_at(0.45),))
    check = {"only": "retries_after_cancel"}
    report = judge(check, stopped, came(1.25, 2, again="ex_1"), marks=STOP).report
    assert report == golden("requests_retried.txt")


def test_the_text_for_too_many_requests() -> None:
    """The first five beyond the limit are shown."""
    many = [came(place, place + 1) for place in range(9)]
    assert judge({"max": 2}, *many).report == golden("requests_too_many.txt")


@pytest.mark.parametrize(
    "check,sentence",
    [
        ({"count": 1}, "make exactly 1 request"),
        ({"max": 3}, "make at most 3 requests"),
        ({"max": 0, "where": {"tag": "t"}}, "make no request (tag 't')"),
        ({"after": "stop"}, "make no request after mark 'stop'"),
        ({"only": "retries", "max": 2}, "make at most 2 retries"),
    ],
)
def test_the_sentence_says_what_is_expected(check: dict[str, Any], sentence: str) -> None:
    """How many, of which, since when."""
    made = Requests.model_validate(check)
    assert made.sentence() == sentence
    assert made.achieved() == f"the client {sentence.replace('make', 'made', 1)}"
