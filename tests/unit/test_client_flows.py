"""What the words of the client do, driven by answers that the test writes down."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import pytest

from mockai.client import flows
from mockai.client.calls import Answer, Call, Flow, path
from mockai.core.checks.base import Verdict
from mockai.core.errors import ConflictError, MockaiError, NotFoundError, ScenarioError

Returned = TypeVar("Returned")

HELD = {"name": "hold-1", "token": 3, "at_s": 0.1, "for_s": None, "timed_out": False}
STORY = {
    "id": "ex_1",
    "seq": 1,
    "scenario": "story",
    "outcome": "open",
    "tokens": {"planned": 9, "written": 3},
    "holds": [HELD],
    "timeline": "0.00 head 200",
}
NOTHING = (200, {"exchanges": []})
ONE = (200, {"exchanges": [STORY]})


def play(flow: Flow[Returned], *answers: tuple[int, Any]) -> tuple[Returned, list[Call]]:
    """Drive a flow with these answers; return its result and the calls that it made."""
    calls: list[Call] = []
    left = iter(answers)
    try:
        calls.append(next(flow))
        while True:
            calls.append(flow.send(Answer(*next(left))))
    except StopIteration as stop:
        assert list(left) == []
        return stop.value, calls


def error(message: str, code: str = "not_found") -> dict[str, Any]:
    """Return the error body of the control API."""
    return {"error": {"message": message, "type": "t", "param": None, "code": code}}


# ── sessions ─────────────────────────────────────────────────────────────────────────────────


def test_a_session_without_a_name_is_always_made() -> None:
    """POST makes a session with an id of its own."""
    (made, new), calls = play(flows.open_session(None, {"seed": 7}), (201, {"id": "s-1"}))
    assert (made, new) == ({"id": "s-1"}, True)
    assert calls == [Call("POST", "/_mockai/sessions", {"seed": 7})]


def test_a_named_session_is_made_only_if_it_is_not_there() -> None:
    """Whoever finds a session must not end it for those who made it."""
    here = {"id": "s-1"}
    (found, new), calls = play(flows.open_session("s-1", {}), (200, here))
    assert (found, new, [call.method for call in calls]) == (here, False, ["GET"])
    (made, new), calls = play(flows.open_session("s-1", {}), (404, {}), (200, here))
    assert (made, new, [call.method for call in calls]) == (here, True, ["GET", "PUT"])


# ── errors ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "status,code,kind",
    [
        (400, "invalid_scenario", ScenarioError),
        (404, "not_found", NotFoundError),
        (409, "gate_not_held", ConflictError),
        (400, "invalid_value", MockaiError),
        (500, "server_error", MockaiError),
    ],
)
def test_an_error_answer_is_raised_in_the_servers_words(
    status: int, code: str, kind: type[MockaiError]
) -> None:
    """The message is the server's, the class says what kind of mistake it is."""
    with pytest.raises(MockaiError, match="no such step") as raised:
        play(flows.reset("s-1"), (status, error("reply.0: no such step", code)))
    assert type(raised.value) is kind


def test_an_error_without_a_message_still_says_its_status() -> None:
    """A proxy's answer is not ours, and is not hidden."""
    with pytest.raises(MockaiError, match="the server answered with status 502"):
        play(flows.reset("s-1"), (502, ["Bad Gateway"]))


# ── waiting ──────────────────────────────────────────────────────────────────────────────────


def test_patience_multiplies_every_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine sets MOCKAI_PATIENCE; no wait grows beyond what the control API allows."""
    monkeypatch.setenv("MOCKAI_PATIENCE", "3")
    assert flows.waiting(5) == 15
    assert flows.waiting(50) == flows.MAX_WAIT_S
    for wrong in (61, -1, math.nan):
        with pytest.raises(MockaiError, match=rf"must be 0 to 60 seconds \(got {wrong}\)"):
            flows.waiting(wrong)


def test_the_call_lasts_as_long_as_the_wait() -> None:
    """The server is told the wait, and the transport gives it that long."""
    flow = flows.wait_for_exchanges("s-1", {"outcome": "cancelled"}, count=1, timeout=2)
    found, (call,) = play(flow, ONE)
    assert [item.id for item in found] == ["ex_1"]
    query = {"outcome": "cancelled", "wait": 2.0, "count": 1}
    assert call == Call("GET", path("s-1", "exchanges", **query), wait=2)


def test_too_few_exchanges_fail_with_what_came() -> None:
    """The text says what was expected, how many came, and what reached mockai at all."""
    flow = flows.wait_for_exchanges("s-1", {"model": "gpt-4o"}, count=2, timeout=0.5)
    with pytest.raises(AssertionError) as raised:
        play(flow, ONE, ONE)
    assert str(raised.value) == (
        "expected 2 exchanges with model 'gpt-4o' within 0.5 s; 1 came.\n"
        "What reached mockai:\n"
        "  <Exchange #1 story open at token 3 of 9 (held at 'hold-1')>\n"
        "    0.00 head 200"
    )


def test_no_exchange_at_all_asks_for_the_base_url() -> None:
    """The usual reason that nothing came is a client that calls somebody else."""
    flow = flows.wait_for_exchanges("s-1", {}, count=1, timeout=0)
    with pytest.raises(AssertionError, match="is OPENAI_BASE_URL used") as raised:
        play(flow, NOTHING, NOTHING)
    assert str(raised.value).startswith("expected 1 exchange within 0 s; 0 came.\n")


@pytest.mark.parametrize("flow", [flows.exchanges, flows.wait_for_exchanges])
def test_a_filter_that_does_not_exist_is_refused(flow: Any) -> None:
    """The server ignores what it does not know, so a slip would select everything."""
    options = {} if flow is flows.exchanges else {"count": 1, "timeout": 0}
    with pytest.raises(TypeError, match="does not know outcom; it knows model, outcome"):
        play(flow("s-1", {"outcom": "open"}, **options))


# ── gates ────────────────────────────────────────────────────────────────────────────────────


def gate(*tokens: int, is_open: bool = False) -> tuple[int, dict[str, Any]]:
    """Return the answer for a gate with streams at these tokens."""
    held = [{"exchange": f"ex_{n}", "token": n, "since_s": 0.0} for n in tokens]
    return 200, {"name": "hold-1", "open": is_open, "held": held}


def waiting_at_gate(count: int = 1) -> Flow[Any]:
    """Return the flow of a script's `wait_held`."""
    return flows.wait_held("s-1", "hold-1", scenario="story", count=count, timeout=5)


def test_a_stream_that_is_held_is_returned_with_its_gate() -> None:
    """The wait names gate, count and script; the gate says at which token."""
    found, (call,) = play(waiting_at_gate(), gate(12))
    assert [held.token for held in found.held] == [12]
    query = {"wait": 5.0, "count": 1, "scenario": "story"}
    assert call == Call("GET", path("s-1", "gates", "hold-1", **query), wait=5)


def test_a_missed_gate_fails_with_the_servers_reason() -> None:
    """A stream that is over will never stand there: the text says at which token it left."""
    reason = "'story' left at token 7 of 9"
    with pytest.raises(AssertionError) as raised:
        play(waiting_at_gate(), (409, error(reason, "gate_missed")))
    expected = "expected 1 stream of 'story' to be held at gate 'hold-1'"
    assert str(raised.value) == f"{expected}; {reason}"


@pytest.mark.parametrize(
    "answer,state", [(gate(3), "1 held"), (gate(is_open=True), "the gate is open")]
)
def test_a_wait_in_vain_says_how_things_stand(answer: tuple[int, Any], state: str) -> None:
    """Too few, or a gate that holds nobody any more, and what reached mockai."""
    with pytest.raises(AssertionError) as raised:
        play(waiting_at_gate(2), answer, ONE)
    first, *rest = str(raised.value).splitlines()
    assert first.endswith(f"2 streams of 'story' to be held at gate 'hold-1' within 5 s; {state}.")
    assert rest[0] == "What reached mockai:"


def test_another_error_of_a_gate_is_no_failed_expectation() -> None:
    """A session that is gone is the test's mistake, not the product's."""
    with pytest.raises(NotFoundError, match="has ended"):
        play(waiting_at_gate(), (404, error("session 's-1' has ended")))


def test_a_script_releases_only_its_own_streams() -> None:
    """A gate is a label that others share, so each stream of the script is let go by its id."""
    flow = flows.release_script("s-1", "story", ["hold-1"], tokens=3, everything=False)
    released, calls = play(flow, ONE, (200, {"released": 1}))
    assert released == 1
    assert calls[0].path == path("s-1", "exchanges", scenario="story", outcome="open")
    assert calls[1].path == path("s-1", "gates", "hold-1", "release")
    assert calls[1].body == {"exchange": "ex_1", "tokens": 3}


def test_a_script_without_a_stream_at_its_gates_cannot_release() -> None:
    """Nothing to let go is a mistake in the order of the test, and the error says so."""
    for gates, named in [(["other"], "'other'"), (["a", "b"], "'a' or 'b'")]:
        flow = flows.release_script("s-1", "story", gates, tokens=None, everything=False)
        with pytest.raises(ConflictError, match=rf"no stream of 'story' is held at {named}: wait"):
            play(flow, ONE)


def test_opening_for_good_needs_nobody_there() -> None:
    """`all` opens every gate of the script for whoever comes."""
    flow = flows.release_script("s-1", "story", ["a", "b"], tokens=None, everything=True)
    released, calls = play(flow, (200, {"released": 2}), (200, {"released": 0}))
    assert released == 2
    assert [call.body for call in calls] == [{"all": True}, {"all": True}]


# ── checks ───────────────────────────────────────────────────────────────────────────────────


def verdict(*, passed: bool, report: str = "") -> dict[str, Any]:
    """Return one result of the control API."""
    return {
        "check": "completed",
        "passed": passed,
        "message": "a sentence",
        "report": report,
        "measured_from": None,
    }


def test_checks_are_sent_as_they_are_and_come_back_as_verdicts() -> None:
    """The single-key form is the same in Python, HTTP and YAML."""
    flow = flows.check("s-1", [{"completed": {}}], timeout=1)
    verdicts, (call,) = play(flow, (200, {"passed": True, "results": [verdict(passed=True)]}))
    assert verdicts == [Verdict("completed", passed=True, message="a sentence")]
    assert call.body == {"checks": [{"completed": {}}], "wait": 1}
    assert call.wait == 1


@pytest.mark.parametrize(
    "report,text", [("the whole report", "the whole report"), ("", "a sentence")]
)
def test_a_failed_check_is_an_assertion_error_with_its_report(report: str, text: str) -> None:
    """The text is the verdict's own; a check without a report has at least its sentence."""
    results = [verdict(passed=False, report=report)]
    with pytest.raises(AssertionError) as raised:
        play(
            flows.demand("s-1", "completed", {}, timeout=1),
            (200, {"passed": False, "results": results}),
        )
    assert str(raised.value) == text


# ── text and addresses ───────────────────────────────────────────────────────────────────────


def test_evidence_has_status_line_timeline_and_error_of_each_exchange() -> None:
    """It is what a failed test shows; without any exchange it asks for the base URL."""
    (story,), _ = play(flows.exchanges("s-1", {}), ONE)
    refused = {"id": "ex_2", "seq": 2, "outcome": "failed", "cause": "refused", "error": "no match"}
    (other,), _ = play(flows.exchanges("s-1", {}), (200, {"exchanges": [refused]}))
    assert flows.evidence([story, other]).splitlines() == [
        "<Exchange #1 story open at token 3 of 9 (held at 'hold-1')>",
        "  0.00 head 200",
        "<Exchange #2 POST  failed (refused, status None)>",
        "  no match",
    ]
    assert "is OPENAI_BASE_URL used?" in flows.evidence([])


def test_a_name_cannot_leave_its_place_in_the_path() -> None:
    """A gate called `a/b?c` is refused by the server, not mistaken for another call."""
    assert path("s-1", "gates", "a/b?c", wait=None, count=2) == (
        "/_mockai/sessions/s-1/gates/a%2Fb%3Fc?count=2"
    )
