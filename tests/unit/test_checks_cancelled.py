"""The check `cancelled`: it passes on a right exchange, and each of its limits can fail it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from mockai.core.checks.base import Judgement
from mockai.core.checks.cancelled import Cancelled
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Delivery, Disconnect, Exchange, Hold, Schedule, Timing, Tokens
from tests.support.facts import (
    RECEIVED_NS,
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    hold_at,
    mark_at,
    open_exchange,
    reply_of,
    schedule_of,
    stamp_at,
)
from tests.support.golden import golden

STORY = {"where": {"scenario": "story"}}


def judge(check: dict[str, Any], exchange: Exchange, **facts: Any) -> Judgement:
    """Judge one exchange."""
    return Cancelled.model_validate(check).judge(exchange, evidence_of(exchange, **facts))


def wrong(check: dict[str, Any], exchange: Exchange, **facts: Any) -> dict[str, tuple[str, str]]:
    """Return what was expected and what was seen in the fields that fail."""
    rows = judge(check, exchange, **facts).rows
    return {row.field: (row.expected, row.actual) for row in rows if not row.ok}


def report(check: dict[str, Any], exchange: Exchange, **facts: Any) -> str:
    """Return the text of a failure."""
    verdict = evaluate(Cancelled.model_validate(check), evidence_of(exchange, **facts))
    assert not verdict.passed
    return verdict.report


# ── each limit can hold and can fail ─────────────────────────────────────────────────────────

MARKED = cancelled_exchange(0.5, 12, marks=(mark_at(0.4, 10),))
HELD = cancelled_exchange(0.9, 12, holds=(hold_at(0.5, 12),), marks=(mark_at(0.8),))


@pytest.mark.parametrize(
    "exchange,right,false,field",
    [
        (MARKED, {"within": 0.1}, {"within": 0.099}, "latency"),
        (MARKED, {"within": "100ms"}, {"within": "99ms"}, "latency"),
        (MARKED, {"max_tokens": 12}, {"max_tokens": 11}, "tokens sent"),
        (MARKED, {"max_tokens_after": 2}, {"max_tokens_after": 1}, "tokens after mark 'stop'"),
        (MARKED, {"phase": "streaming"}, {"phase": "before_headers"}, "phase"),
        (MARKED, {"while_held": False}, {"while_held": True}, "while held"),
        (HELD, {"while_held": True}, {"while_held": False}, "while held"),
        (HELD, {"while_held": "hold-1"}, {"while_held": "other"}, "while held at"),
        (HELD, {"since": "held", "within": 0.4}, {"since": "held", "within": 0.3}, "latency"),
        (MARKED, {"how": "fin"}, {"how": "reset"}, "left by"),
    ],
)
def test_every_limit_can_pass_and_can_fail(
    exchange: Exchange, right: dict[str, Any], false: dict[str, Any], field: str
) -> None:
    """At the limit it holds; a little beyond, that field fails and no other."""
    assert wrong(right, exchange) == {}
    assert list(wrong(false, exchange)) == [field]


@pytest.mark.parametrize(
    "exchange,outcome",
    [
        (open_exchange(), "open"),
        (completed_exchange(), "completed"),
        (completed_exchange(outcome="failed", cause="shutdown"), "failed (shutdown)"),
    ],
)
def test_only_a_cancel_is_cancelled(exchange: Exchange, outcome: str) -> None:
    """Whatever else became of it fails, and the text says what."""
    assert wrong({}, exchange)["outcome"] == ("cancelled", outcome)


@pytest.mark.parametrize(
    "field,value",
    [
        ("within", -1),
        ("within", "-5ms"),
        ("within", "soon"),
        ("max_tokens", -1),
        ("max_tokens_after", -1),
        ("since", {"token": -1}),
        ("phase", "early"),
        ("how", "politely"),
        ("count", 0),
        ("max_token", 12),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(field: str, value: Any) -> None:
    """A slip of the pen is an error when it is read, not a check that says something else."""
    with pytest.raises(ValidationError, match=field):
        Cancelled.model_validate({field: value})


# ── the anchor: from where latency counts ────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "since,facts,anchor,latency",
    [
        (None, {"marks": (mark_at(0.1, 3, "a"), mark_at(0.4, 10, "b"))}, "mark 'b'", "0.1 s"),
        (None, {"marks": (mark_at(0.4),), "holds": (hold_at(0.3),)}, "mark 'stop'", "0.1 s"),
        (None, {"holds": (hold_at(0.1, 3), hold_at(0.3, 9, "b"))}, "held at 'b'", "0.2 s"),
        ("a", {"marks": (mark_at(0.1, 3, "a"), mark_at(0.4, 10, "b"))}, "mark 'a'", "0.4 s"),
        ("a", {"marks": (mark_at(0.1, 3, "a"), mark_at(0.3, 9, "a"))}, "mark 'a'", "0.2 s"),
        ("held", {"marks": (mark_at(0.4),), "holds": (hold_at(0.2),)}, "held at 'hold-1'", "0.3 s"),
        ({"token": 6}, {"schedule": schedule_of(), "marks": (mark_at(0.4),)}, "token 6", "0.2 s"),
    ],
)
def test_latency_counts_from_the_anchor(
    since: Any, facts: dict[str, Any], anchor: str, latency: str
) -> None:
    """The named one; else the newest mark while it was open, else the newest hold."""
    judgement = judge({"since": since}, cancelled_exchange(0.5, **facts))
    assert (judgement.passed, judgement.measured_from) == (True, anchor)
    assert judgement.rows[1].actual == f"{latency} after {anchor}"


def test_with_an_anchor_the_limit_is_a_second() -> None:
    """Nobody needs to write `within` to be told of a cancel that took two seconds."""
    slow = cancelled_exchange(2.0, marks=(mark_at(0.4),))
    expected = ("≤ 1 s", "1.6 s after mark 'stop', 0.6 s too late")
    assert wrong({}, slow) == {"latency": expected}
    assert wrong({"within": 2}, slow) == {}


def test_without_an_anchor_there_is_no_limit_by_itself() -> None:
    """Leaving is enough; what was asked explicitly counts from the call."""
    plain = cancelled_exchange(9.3)
    assert judge({}, plain, called_s=9.0).measured_from == "the call"
    assert wrong({}, plain, called_s=9.0) == {}
    assert wrong({"within": 0.3}, plain, called_s=9.0) == {}
    late = wrong({"within": 0.2}, plain, called_s=9.0)
    assert late == {"latency": ("≤ 0.2 s", "0.3 s after the call, 0.1 s too late")}


def test_leaving_before_the_call_is_soon_enough() -> None:
    """A check that is asked afterwards does not fail a client that was quicker."""
    rows = judge({"within": 0.2}, cancelled_exchange(0.5), called_s=9.0).rows
    assert [row.actual for row in rows] == ["cancelled", "8.5 s before the call"]


def test_a_mark_that_came_too_late_is_told_so() -> None:
    """The disconnect was noticed before the mark: two lines of the test stand in wrong order."""
    found = wrong({"since": "stop"}, cancelled_exchange(0.5), marks=(stamp_at(0.503),))
    assert found["latency"][1] == "the cancel came 3 ms before the mark: mark first"


def test_of_marks_after_the_end_the_first_counts() -> None:
    """A later one of the same name belongs to something else."""
    marks = (stamp_at(0.1), stamp_at(0.51), stamp_at(3.0))
    found = wrong({"since": "stop"}, cancelled_exchange(0.5), marks=marks)
    assert found["latency"][1].startswith("the cancel came 10 ms before")


@pytest.mark.parametrize(
    "since,why",
    [
        ("stop", "no mark 'stop' while it was open or after"),
        ("held", "it was never held"),
        ({"token": 30}, "token 30 was never sent: only 12 were"),
    ],
)
@pytest.mark.parametrize("within", [None, 0.5])
def test_an_anchor_that_is_named_must_be_there(since: Any, why: str, within: float | None) -> None:
    """With or without a limit: else a misspelt mark would pass every client."""
    left = cancelled_exchange(0.5, schedule=schedule_of())
    assert wrong({"since": since, "within": within}, left)["latency"][1] == why


def test_tokens_after_need_something_to_count_from() -> None:
    """The call of the check is no instant of the stream."""
    found = wrong({"max_tokens_after": 5}, cancelled_exchange(0.5))
    assert found == {"tokens after": ("≤ 5", "nothing to count from: set a mark")}


def test_tokens_after_a_token() -> None:
    """`since: {token: 6}`: six more were sent until it left."""
    left = cancelled_exchange(0.5, schedule=schedule_of())
    assert wrong({"since": {"token": 6}, "max_tokens_after": 6}, left) == {}
    assert wrong({"since": {"token": 6}, "max_tokens_after": 5}, left) != {}


def test_tokens_after_count_what_was_sent_not_what_was_thought() -> None:
    """20 tokens of hidden reasoning before the hold are no room for 20 that leak after it."""
    reply = reply_of({"reasoning": 20}, {"faker": 50}, pace={"tokens_per_second": 50})
    left = cancelled_exchange(
        2.0, token=15, holds=(hold_at(0.5, 25),), schedule=Schedule(reply, start_s=0.0)
    )
    assert wrong({"max_tokens_after": 9, "within": 9}, left) == {
        "tokens after held at 'hold-1'": ("≤ 9", "10")
    }
    assert wrong({"max_tokens_after": 10, "within": 9}, left) == {}
    # The sixth visible token is the 26th of all: from 0.5 s on.
    assert left.token_at_s(6) == pytest.approx(0.5)


def test_tokens_after_a_hold_are_never_fewer_than_none() -> None:
    """An answer in one body is sent at its end; without its plan, a hold is what was written."""
    asked = replace(open_exchange().request, stream=False)
    body = cancelled_exchange(0.5, token=0, request=asked, holds=(hold_at(0.2),))
    assert "tokens after" not in str(wrong({"max_tokens_after": 0}, body))
    assert judge({"max_tokens_after": 0}, body).rows[2].actual == "0"
    read = cancelled_exchange(0.5, token=5, holds=(hold_at(0.2, 25),), schedule=None)
    assert judge({"max_tokens_after": 0}, read).rows[2].actual == "0"


def test_patience_stretches_every_limit_and_says_so() -> None:
    """A slow machine needs another yardstick, and the text shows both."""
    slow = cancelled_exchange(2.0, marks=(mark_at(0.4),))
    assert wrong({"within": 0.8}, slow, patience=2.0) == {}
    assert wrong({}, slow, patience=2.0) == {}
    found = wrong({"within": 0.5}, slow, patience=3.0)
    assert found["latency"][0] == "≤ 1.5 s (× patience 3)"


# ── while it may still come ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "now_s,settled,passed", [(0.5, False, False), (0.9, False, False), (0.900001, True, False)]
)
def test_an_open_exchange_is_settled_when_its_time_is_over(
    now_s: float, *, settled: bool, passed: bool
) -> None:
    """Until then the client may still leave in time; afterwards waiting is of no use."""
    waiting = open_exchange(marks=(mark_at(0.4),))
    judgement = judge({"within": 0.5}, waiting, now_s=now_s)
    assert (judgement.settled, judgement.passed) == (settled, passed)
    assert judgement.settles_ns == RECEIVED_NS + 900_000_001


def test_leaving_at_the_last_moment_is_in_time() -> None:
    """The instant at which it settles is the first one that is too late."""
    waiting = open_exchange(marks=(mark_at(0.4),))
    settles_ns = judge({"within": 0.5}, waiting, now_s=0.5).settles_ns
    assert settles_ns is not None
    at_limit = cancelled_exchange((settles_ns - 1 - RECEIVED_NS) / 1e9, marks=(mark_at(0.4),))
    assert wrong({"within": 0.5}, at_limit) == {}


def test_an_open_exchange_without_a_limit_waits_for_an_event() -> None:
    """No instant settles it: the caller decides how long to wait."""
    judgement = judge({}, open_exchange(), now_s=60)
    assert (judgement.settled, judgement.settles_ns) == (False, None)


def test_from_the_call_an_open_exchange_settles_too() -> None:
    """`within` counts from the call, patience included."""
    judgement = judge({"within": 0.5}, open_exchange(), called_s=9.0, now_s=9.2, patience=2.0)
    assert judgement.settles_ns == RECEIVED_NS + 10_000_000_001


def test_a_mark_may_still_come_after_the_end() -> None:
    """A cancelled exchange without the named mark is judged again; one that has it is settled."""
    left = cancelled_exchange(0.5)
    assert not judge({"since": "stop"}, left).settled
    assert judge({"since": "stop"}, left, marks=(stamp_at(0.6),)).settled
    assert judge({"since": "held"}, left).settled
    assert judge({}, left).settled


@pytest.mark.parametrize("exchange", [completed_exchange(), cancelled_exchange(2.0)])
def test_what_has_ended_is_settled(exchange: Exchange) -> None:
    """Nothing changes any more."""
    judgement = judge({"within": 1}, exchange)
    assert (judgement.settled, judgement.settles_ns) == (True, None)


# ── the text ─────────────────────────────────────────────────────────────────────────────────


def test_the_text_for_a_stream_that_was_read_on() -> None:
    """The flag is set, the stream is never closed: the most common bug, named."""
    drained = completed_exchange(
        1.21,
        marks=(mark_at(0.44),),
        holds=(hold_at(0.42, for_s=0.1),),
    )
    check = {"within": 0.5, "since": "stop", "max_tokens": 12, **STORY}
    assert report(check, drained) == golden("cancelled_drained.txt")


def test_the_text_for_a_stream_that_is_still_open() -> None:
    """The gate at which it stands, for how long, and how to close a stream."""
    held = open_exchange(holds=(hold_at(0.42),), marks=(mark_at(0.5),))
    assert report({"within": 0.25, **STORY}, held, now_s=0.8) == golden("cancelled_open.txt")


def test_the_text_for_a_cancel_that_came_too_late() -> None:
    """It was a cancel: what is wrong is its latency and what had been sent."""
    late = cancelled_exchange(0.954, 37, marks=(mark_at(0.7, 26),))
    check = {"within": 0.25, "max_tokens": 30, "max_tokens_after": 4, **STORY}
    assert report(check, late) == golden("cancelled_late.txt")


def test_the_text_for_an_answer_that_could_not_be_cancelled() -> None:
    """Unpaced and short, it was in the socket at once: the scenario must change, not the client."""
    unpaced = completed_exchange(
        0.002,
        paced=False,
        tokens=Tokens(prompt=21, planned=40, generated=40, written=40),
        delivery=Delivery(written_bytes=12_300),
        timing=Timing(headers_s=0.0, first_token_s=0.0, last_write_s=0.0, ended_s=0.0),
    )
    assert report(STORY, unpaced) == golden("cancelled_unpaced.txt")


def test_the_text_for_a_request_that_was_refused() -> None:
    """Why it was refused stands in the failure, with the nearest scenarios."""
    refused = open_exchange(
        outcome="failed",
        cause="refused",
        status=404,
        scenario=None,
        phase="receiving",
        tokens=Tokens(),
        timing=Timing(ended_s=0.001),
        error="No scenario matches this request (1 registered). Nearest:\n"
        "  'story': model: expected 'gpt-4*', got 'o3'",
    )
    assert report({}, refused) == golden("cancelled_refused.txt")


def test_small_answers_are_told_in_bytes() -> None:
    """Zero KB teaches nobody."""
    tiny = completed_exchange(paced=False, delivery=Delivery(written_bytes=900))
    hint = judge({}, tiny).hint
    assert hint is not None
    assert "(400 tokens, 900 bytes)" in hint


@pytest.mark.parametrize("facts", [{"paced": True}, {"paced": False, "holds": (hold_at(0.1),)}])
def test_where_a_cancel_was_possible_there_is_no_such_excuse(facts: dict[str, Any]) -> None:
    """A paced stream, or one that held, could have been cancelled."""
    assert judge({}, completed_exchange(**facts)).hint is None


@pytest.mark.parametrize(
    "check,sentence",
    [
        ({}, "cancel the stream"),
        (STORY, "cancel 'story'"),
        (
            {"within": "250ms", "since": "stop"},
            "cancel the stream within 0.25 s of the mark 'stop'",
        ),
        ({"within": 1, "since": "held"}, "cancel the stream within 1 s of being held"),
        ({"since": "held"}, "cancel the stream within 1 s of being held"),
        ({"within": 1, "since": {"token": 3}}, "cancel the stream within 1 s of its token 3"),
        (
            {"where": {"scenario": "story", "model": "o3", "nth": 2}},
            "cancel 'story' (model 'o3', nth 2)",
        ),
        ({"where": {"tag": "t"}}, "cancel the stream (tag 't')"),
    ],
)
def test_the_sentence_says_what_is_expected(check: dict[str, Any], sentence: str) -> None:
    """With all that selects and limits."""
    assert Cancelled.model_validate(check).sentence() == sentence


def test_a_disconnect_after_completion_counts_for_nothing() -> None:
    """Official clients reset after a perfect stream: that is no cancel."""
    after = completed_exchange(disconnect=Disconnect("reset", 104, 9.0, 400))
    assert wrong({}, after)["outcome"] == ("cancelled", "completed")


def test_a_hold_that_is_over_is_a_poor_anchor_and_the_text_says_so() -> None:
    """Who released the stream first meant another instant: a mark names it."""
    released = Hold("hold-1", 12, 0.4, for_s=0.1)
    left = Disconnect(how="fin", errno=None, at_s=2.0, token=40)
    late = cancelled_exchange(2.0, 40, holds=(released,), disconnect=left)
    text = report({"within": 0.25}, late)
    assert "1.6 s after held at 'hold-1'" in text
    assert "set a mark when Stop is pressed" in text
    assert "set a mark" not in report({"within": 0.25}, cancelled_exchange(2.0, holds=(released,)))
