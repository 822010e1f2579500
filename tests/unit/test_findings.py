"""Diagnoses: each is found where its signs are, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mockai.core.checks.base import Evidence
from mockai.core.exchange import Connection, Exchange, RequestFacts, Timing
from mockai.core.findings import FINDINGS, diagnose, findings
from mockai.core.sign_of_life import Heard
from tests.support.facts import (
    ASKED,
    RECEIVED_NS,
    SECOND,
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    hold_at,
    mark_at,
    open_exchange,
    schedule_of,
    stamp_at,
)

WHOLE = replace(ASKED, stream=False)
STOP = (mark_at(0.45),)
EARLY = (mark_at(0.1, 0),)


def found(exchange: Exchange, check: str | None = None, **facts: Any) -> list[str]:
    """Return the names of what was found; `check` is what the exchange has failed."""
    evidence = evidence_of(exchange, **facts)
    return [finding.name for finding in diagnose(exchange, evidence, check)]


def at(at_s: float, seq: int, exchange: Exchange, **facts: Any) -> Exchange:
    """Return an exchange as the session's `seq`th, received at an instant."""
    received_ns = RECEIVED_NS + round(at_s * SECOND)
    return replace(exchange, id=f"ex_{seq}", seq=seq, received_ns=received_ns, **facts)


def asks(*messages: Any, **facts: Any) -> RequestFacts:
    """Return a request with these messages."""
    return replace(ASKED, body=json.dumps({"messages": messages}).encode(), **facts)


def named(evidence: Evidence) -> list[tuple[str, int | None]]:
    """Return the names of all findings of a session, and which exchange each is about."""
    return [(finding.name, finding.seq) for finding in findings(evidence)]


# ── one exchange ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "exchange,names",
    [
        (completed_exchange(marks=(mark_at(0.4),)), ["drained"]),
        (completed_exchange(marks=(mark_at(0.4, 400),)), []),
        (completed_exchange(), []),
        (completed_exchange(marks=STOP, request=WHOLE), ["whole-answer"]),
        (completed_exchange(request=WHOLE), []),
        (completed_exchange(marks=EARLY), ["early-cancel-lost"]),
        (completed_exchange(marks=EARLY, request=WHOLE), ["whole-answer"]),
        (cancelled_exchange(2.0, 50, marks=EARLY), ["early-cancel-lost"]),
        (cancelled_exchange(0.11, 0, marks=EARLY, timing=Timing(headers_s=0.0, ended_s=0.11)), []),
        (cancelled_exchange(marks=(mark_at(0.4),)), []),
        (cancelled_exchange(1.4, marks=(mark_at(0.4),)), []),
        (cancelled_exchange(1.5, 60, marks=(mark_at(0.4),)), ["late"]),
        (open_exchange(), []),
        (open_exchange(marks=(mark_at(0.4),)), ["left-open"]),
        (open_exchange(marks=(mark_at(9.5),)), []),
        (open_exchange(marks=EARLY), ["early-cancel-lost"]),
        (open_exchange(outcome="failed", cause="refused", error="no"), ["refused"]),
        (open_exchange(outcome="failed", cause="shutdown", error="no"), []),
        (open_exchange(outcome="failed", cause="scripted", error="no"), []),
    ],
)
def test_a_finding_needs_its_signs(exchange: Exchange, names: list[str]) -> None:
    """Who obeys the mark in time is not suspected; nobody is without a mark."""
    assert found(exchange) == names


def test_the_newest_mark_counts_for_draining() -> None:
    """An early mark, such as "started", is not the one after which it should have stopped."""
    marks = (mark_at(0.1, 3, "started"), mark_at(8.1, 400, "done"))
    assert found(completed_exchange(marks=marks)) == []


@pytest.mark.parametrize("paced,told", [(False, True), (True, False)])
def test_where_the_rest_came_at_once_it_is_not_sure_that_nothing_closes(
    *, paced: bool, told: bool
) -> None:
    """Who looks at the flag per token had no chance: only the next token alone tells."""
    released = completed_exchange(marks=STOP, holds=(hold_at(0.42, for_s=0.5),), paced=paced)
    (finding,) = diagnose(released, evidence_of(released))
    assert finding.name == "drained"
    assert ("`release(tokens=1)`" in finding.explanation) is told


def test_a_finding_names_the_exchange_the_facts_and_the_cure() -> None:
    """What was seen comes first, what usually cures it after it."""
    (finding,) = diagnose(
        completed_exchange(id="ex_7", seq=7, marks=(mark_at(0.4),)), evidence_of(now_s=9)
    )
    assert (finding.exchange, finding.seq) == ("ex_7", 7)
    assert finding.text.startswith("The stream was read to its end after the mark 'stop'")
    assert "`await stream.close()`" in finding.cure
    assert finding.evidence == (
        "mark 'stop' at 0.400 s, at token 12",
        "388 more tokens were read",
    )
    assert finding.to_json()["evidence"] == list(finding.evidence)


def test_a_neighbour_of_who_obeyed_is_not_suspected() -> None:
    """A mark concerns all that is open: that one of two streams stops may be right."""
    left = cancelled_exchange(marks=STOP)
    neighbour = at(0, 2, completed_exchange(marks=STOP))
    assert named(evidence_of(left, neighbour)) == []
    assert named(evidence_of(left, at(0, 2, open_exchange(marks=STOP)))) == []


# ── the next token ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "left_s,token,holds,names",
    [
        (1.003, 13, (hold_at(0.42, for_s=0.58),), ["next-token"]),
        (1.003, 400, (hold_at(0.42, for_s=0.58),), ["next-token"]),
        (0.9, 12, (hold_at(0.42),), []),  # in the silence
        (1.2, 30, (hold_at(0.42, for_s=0.58),), []),  # later than the token can explain
        (0.503, 13, (hold_at(0.42, for_s=0.08),), []),  # there was no silence to speak of
    ],
)
def test_who_leaves_right_after_the_release_has_waited_for_a_token(
    left_s: float, token: int, holds: Any, names: list[str]
) -> None:
    """The stop came in the silence of a hold, and only the next token woke the client."""
    exchange = cancelled_exchange(left_s, token, marks=STOP, holds=holds)
    assert found(exchange) == names


def test_without_a_hold_the_schedule_tells_when_the_next_token_came() -> None:
    """A slow stream is silent between any two tokens."""
    slow = schedule_of(20, ttft=0.0, rate=2)
    marks = (mark_at(0.6, 2),)
    assert found(cancelled_exchange(1.01, 3, marks=marks, schedule=slow)) == ["next-token"]
    assert found(cancelled_exchange(0.8, 2, marks=marks, schedule=slow)) == []


# ── asked about an exchange that failed a check ──────────────────────────────────────────────


@pytest.mark.parametrize(
    "holds,where",
    [
        ((), "open after 3 s: "),
        ((hold_at(0.4),), "open after 3 s, held at 'hold-1': "),
        ((hold_at(0.4, for_s=1.0),), "open after 3 s: "),
    ],
)
def test_what_is_left_open_says_where_it_stands(holds: Any, where: str) -> None:
    """Since receipt, and at which gate, if it stands at one now."""
    exchange = open_exchange(holds=holds)
    (finding,) = diagnose(exchange, evidence_of(exchange, now_s=3), "cancelled")
    assert where in finding.explanation


def test_what_is_open_explains_no_count_of_requests() -> None:
    """Only a check that waits for an end fails because there was none."""
    assert found(open_exchange(), "cancelled") == ["left-open"]
    assert found(open_exchange(), "requests") == []


def test_when_the_marked_one_runs_on_and_its_neighbour_leaves_the_wrong_one_was_hit() -> None:
    """Only the check tells which one was meant."""
    meant = completed_exchange(marks=STOP)
    other = at(0, 2, cancelled_exchange(marks=STOP))
    evidence = evidence_of(meant, other)
    (finding,) = diagnose(meant, evidence, "cancelled")
    assert finding.name == "wrong-stream"
    assert "#2 was left" in finding.explanation


def test_a_stale_cancel_hits_the_next_request() -> None:
    """It came after the stop, and was left as soon as it had begun: nobody has to ask."""
    meant = completed_exchange(marks=STOP)
    hit = at(0.6, 2, cancelled_exchange(0.02, 0))
    names = named(evidence_of(meant, hit))
    assert ("wrong-stream", 1) in names
    assert named(evidence_of(meant, at(0.6, 2, cancelled_exchange(3.0)))) == [("drained", 1)]


def test_streams_that_leave_in_the_same_instant_share_a_signal() -> None:
    """Told only of one that should have survived."""
    first, second = cancelled_exchange(0.5), at(0.1, 2, cancelled_exchange(0.402))
    evidence = evidence_of(first, second)
    assert [item.name for item in diagnose(second, evidence, "completed")] == ["cancels-too-much"]
    assert diagnose(second, evidence, "cancelled") == []
    apart = at(0.1, 2, cancelled_exchange(0.8))
    assert diagnose(apart, evidence_of(first, apart), "completed") == []


# ── asking again ─────────────────────────────────────────────────────────────────────────────

USER = {"role": "user", "content": "Tell me a story"}
CALL = {"role": "assistant", "tool_calls": [{"id": "c1"}]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "4"}
NEXT = {"role": "user", "content": "And now?"}
ASKS = asks(USER)


def test_a_retry_of_what_was_stopped() -> None:
    """What repeats a request that its user had cancelled; a time-out has no mark."""
    stopped = cancelled_exchange(marks=STOP, request=ASKS)
    again = at(1.2, 2, completed_exchange(request=ASKS), retry_of="ex_1")
    (finding,) = findings(evidence_of(stopped, again, now_s=30))
    assert (finding.name, finding.seq) == ("retry-after-abort", 2)
    assert "0.7 s after #1 had been stopped (mark 'stop')" in finding.explanation
    assert named(evidence_of(stopped, replace(again, retry_of=None))) == []
    assert named(evidence_of(stopped, replace(again, retry_of="ex_0"))) == []


def test_retries_are_told_when_more_than_one_attempt_is_billed() -> None:
    """A time-out that is too short pays for each attempt; a retry of an error costs nothing."""
    links = {1: None, 2: "ex_1", 3: "ex_2"}
    attempts = [
        at(
            seq,
            seq,
            cancelled_exchange(0.7, 0, request=replace(ASKS, sdk_retry_count=seq - 1)),
            retry_of=before,
        )
        for seq, before in links.items()
    ]
    (finding,) = findings(evidence_of(*attempts))
    assert (finding.name, finding.seq) == ("retries", 3)
    assert "attempted 3 times, and 3 of the attempts are billed: 63 tokens" in finding.explanation
    assert finding.evidence[1] == "#2: retry count 1, cancelled"
    refused = replace(attempts[0], outcome="failed", cause="scripted", bill=None)
    assert named(evidence_of(refused, attempts[1])) == []


def test_equal_questions_are_no_retries_unless_the_client_says_so() -> None:
    """A test may well ask twice."""
    twice = [at(seq * 10, seq, completed_exchange(request=ASKS)) for seq in (1, 2)]
    assert named(evidence_of(*twice)) == []


def test_an_event_source_that_resumes_is_told_at_once() -> None:
    """Only a client that reconnects sends Last-Event-ID."""
    first = completed_exchange(request=ASKS)
    again = at(11.2, 2, completed_exchange(request=replace(ASKS, headers={"last-event-id": "7"})))
    assert named(evidence_of(first, again)) == [("reconnect", 2)]
    assert named(evidence_of(again)) == [("reconnect", 2)]


@pytest.mark.parametrize(
    "gap_s,headers,names",
    [
        (3.0, {}, [("reconnect", 3)]),
        (3.0, {"x-stainless-lang": "js"}, []),
        (0.01, {}, []),
        (60.0, {}, []),
    ],
)
def test_without_its_header_a_reconnect_is_told_by_its_rhythm(
    gap_s: float, headers: dict[str, str | None], names: list[Any]
) -> None:
    """The third time in a row, seconds after the end of the one before."""
    request = replace(ASKS, headers=headers)
    rhythm = [
        at(place * (8.2 + gap_s), place + 1, completed_exchange(request=request))
        for place in range(3)
    ]
    assert named(evidence_of(*rhythm, now_s=300)) == names


@pytest.mark.parametrize(
    "messages,later,names",
    [
        ((USER, CALL, RESULT), completed_exchange(), [("agent-goes-on", 2)]),
        ((USER, CALL, RESULT), open_exchange(), [("agent-goes-on", 2)]),
        ((USER, CALL, RESULT), cancelled_exchange(0.01, 0), []),  # it was under way, and stopped
        ((USER, CALL, RESULT), cancelled_exchange(5.0, 0), [("agent-goes-on", 2)]),
        ((USER, CALL, NEXT), completed_exchange(), []),  # a new question of the user
        ((NEXT, CALL, RESULT), completed_exchange(), []),  # another conversation
        ((USER,), completed_exchange(), []),
        ((), completed_exchange(), []),
    ],
)
def test_an_agent_that_goes_on_carries_its_conversation_on(
    messages: Any, later: Exchange, names: list[Any]
) -> None:
    """After the mark, with the results of tools, and with no new word of the user."""
    first = completed_exchange(0.4, request=ASKS)
    on = at(0.5, 2, later, request=asks(*messages))
    evidence = evidence_of(first, on, marks=(stamp_at(0.45),), now_s=20)
    assert named(evidence) == names


# ── connections, and none at all ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count,leaks", [(2, False), (3, True)])
def test_three_streams_that_were_left_open_are_a_leak(count: int, *, leaks: bool) -> None:
    """Each by itself is told too."""
    left = [
        at(0, seq, open_exchange(marks=STOP), connection=Connection(f"c{seq}"))
        for seq in range(1, count + 1)
    ]
    names = named(evidence_of(*left))
    assert (("connection-leak", None) in names) is leaks
    assert [name for name, _ in names].count("left-open") == count


def test_many_open_streams_are_no_leak_by_themselves() -> None:
    """A load test has thousands, and means it."""
    assert named(evidence_of(*(at(0, seq, open_exchange()) for seq in range(1, 50)))) == []


def test_a_stream_that_only_an_exit_may_have_closed() -> None:
    """Told only where the end of a command was heard of."""
    left = cancelled_exchange(0.5)
    heard = Heard(ended_ns=RECEIVED_NS + round(0.6 * SECOND))
    assert found(left, heard=heard) == ["closed-by-exit"]
    assert found(left) == []


def test_no_request_at_all_is_a_finding() -> None:
    """The most common mistake: the product talks to another server."""
    (finding,) = findings(evidence_of())
    assert (finding.name, finding.exchange) == ("none-reached", None)
    assert finding.text.startswith("No request reached mockai. Is OPENAI_BASE_URL used?")


def test_a_miss_names_the_nearest_scenarios() -> None:
    """With the fields that differ; another refusal says what was answered."""
    miss = "No scenario matches this request (1 registered). Nearest:\n  'a': model: expected 'x'"
    refused = open_exchange(
        outcome="failed", cause="refused", status=404, scenario=None, error=miss
    )
    (finding,) = findings(evidence_of(refused))
    assert finding.name == "unmatched"
    assert finding.explanation == f"mockai answered 404: {miss}"
    assert finding.evidence == ("'a': model: expected 'x'",)


def test_every_finding_is_seen_in_this_file() -> None:
    """A finding that no test can bring about is a guess."""
    source = Path(__file__).read_text("utf-8")
    assert [name for name in FINDINGS if f'"{name}"' not in source] == []
