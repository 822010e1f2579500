"""The control API refuses what it cannot do in one form, changes nothing, and lives on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.control import Control, send
from tests.support.raw import CHAT, QUESTION

MEGA = 1 << 20
HUGE = "9" * 400
STORY = {"reply": [{"faker": 3}]}
ODD_NAMES = ["a%20b", "%00", "%ff", "..%2fx", "%C3%BC", "a%0A", "x" * 65]


@pytest.fixture
def used(control: Control) -> Iterator[Control]:
    """A session with a script, an answer and a mark; in the end it has exactly these."""
    control.script("kept", tokens=3)
    assert send(control.url, "POST", control.path + CHAT, QUESTION).status == 200
    control.mark("kept")
    before = state_of(control)
    yield control
    assert state_of(control) == before
    assert send(control.url, "POST", control.path + CHAT, QUESTION).status == 200


def state_of(control: Control) -> list[Any]:
    """Return all that a refused call must leave as it was."""
    tails = ("scenarios", "exchanges", "gates", "")
    return [control.call("GET", tail) for tail in tails]


def refused(control: Control, method: str, tail: str, body: Any = None) -> int:
    """Make a call that must be refused in the right form; return the status."""
    answer = control.try_call(method, tail, body)
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.error["type"] == "invalid_request_error"
    return answer.status


# ── bodies ───────────────────────────────────────────────────────────────────────────────────

NOT_AN_OBJECT = [
    b"{",
    b"\xff\xfe",
    b"\0",
    b"[]",
    b"3",
    b"null",
    b'"x"',
    b"[" * 100_000,
    b'{"a": 1,}',
]
TAKES_AN_OBJECT = [
    ("PUT", "scenarios/x"),
    ("POST", "marks"),
    ("POST", "checks"),
    ("POST", "gates/x/release"),
    ("PUT", ""),
    ("POST", "clock"),
]


@pytest.mark.parametrize("body", NOT_AN_OBJECT, ids=lambda body: repr(body[:9]))
@pytest.mark.parametrize("method, tail", TAKES_AN_OBJECT)
def test_a_body_that_is_no_object_is_refused(
    used: Control, method: str, tail: str, body: bytes
) -> None:
    """Whatever the call: 400, and why."""
    assert refused(used, method, tail, body) == 400


BAD_SCENARIOS: dict[str, Any] = {
    "empty": {},
    "no-reply": {"name": "x"},
    "reply-of-a-wrong-type": {"reply": "Hi"},
    "unknown-step": {"reply": [{"sing": "la"}]},
    "two-steps-in-one": {"reply": [{"text": "a", "faker": 3}]},
    "no-tokens": {"reply": [{"faker": 0}]},
    "fewer-than-no-tokens": {"reply": [{"faker": -3}]},
    "far-too-many-tokens": {"reply": [{"faker": 10**12}]},
    "unknown-key": {**STORY, "colour": "red"},
    "unknown-match": {**STORY, "match": {"colour": "red"}},
    "bad-duration": {**STORY, "pace": {"ttft": "soon"}},
    "negative-duration": {**STORY, "pace": {"ttft": -1}},
    "endless-duration": {**STORY, "pace": {"ttft": f"{HUGE}s"}},
    "a-year-of-pace": {**STORY, "pace": {"ttft": "99999h"}},
    "no-rate": {**STORY, "pace": {"tokens_per_second": 0}},
    "a-rate-of-ages": {"reply": [{"faker": 9}], "pace": {"tokens_per_second": 1e-300}},
    "hold-beyond-the-end": {"reply": [{"faker": 3}, {"hold": {"at_token": 4}}]},
    "hold-at-a-wrong-place": {"reply": [{"faker": 3}, {"hold": {"at": "noon"}}]},
    "hold-of-an-odd-name": {"reply": [{"hold": "a b"}]},
    "finish-in-the-middle": {"reply": [{"finish": "stop"}, {"text": "a"}]},
    "unknown-policy": {**STORY, "policy": "free-lunch"},
    "unknown-check": {**STORY, "expect": [{"happy": {}}]},
    "never": {**STORY, "times": 0},
    "another-name": {**STORY, "name": "not-x"},
}


@pytest.mark.parametrize("name", BAD_SCENARIOS)
def test_a_scenario_that_is_not_valid_is_refused(used: Control, name: str) -> None:
    """It is not kept, not even in part."""
    assert refused(used, "PUT", "scenarios/x", BAD_SCENARIOS[name]) == 400


def test_a_hold_may_last_as_long_as_a_float_can_say(control: Control) -> None:
    """Nobody waits for its end, so a huge time-out is no mistake."""
    control.script(hold={"at": "headers", "timeout": 1e300})


def test_of_several_scenarios_all_are_validated_before_any_is_kept(used: Control) -> None:
    """One bad one among good ones: none of them is there afterwards."""
    good, bad = {"name": "good", **STORY}, {"name": "bad", "reply": [{"faker": -3}]}
    assert refused(used, "PUT", "scenarios", [good, bad]) == 400


BAD_BODIES: list[tuple[str, str, Any]] = [
    ("POST", "marks", {}),
    ("POST", "marks", {"name": ""}),
    ("POST", "marks", {"name": 3}),
    ("POST", "marks", {"name": "a b"}),
    ("POST", "marks", {"name": "a\n"}),
    ("POST", "marks", {"name": "a\0"}),
    ("POST", "marks", {"name": "a", "at": 3}),
    ("POST", "gates/x/release", {"tokens": 0}),
    ("POST", "gates/x/release", {"tokens": "many"}),
    ("POST", "gates/x/release", {"all": "maybe"}),
    ("POST", "gates/x/release", {"everything": True}),
    ("POST", "checks", {}),
    ("POST", "checks", {"checks": []}),
    ("POST", "checks", {"checks": "cancelled"}),
    ("POST", "checks", {"checks": [{}]}),
    ("POST", "checks", {"checks": [{"happy": {}}]}),
    ("POST", "checks", {"checks": [{"cancelled": {}, "completed": {}}]}),
    ("POST", "checks", {"checks": [{"cancelled": {"within": -1}}]}),
    ("POST", "checks", {"checks": [{"cancelled": {"within": f"{HUGE}s"}}]}),
    ("POST", "checks", {"checks": [{"cancelled": {"since": [1]}}]}),
    ("POST", "checks", {"checks": [{"cancelled": {"colour": "red"}}]}),
    ("POST", "checks", {"checks": [{"cancelled": {"where": {"nth": 0}}}]}),
    ("POST", "checks", {"checks": [{"cancelled": {"count": 0}}]}),
    ("POST", "checks", {"checks": [{"billed": {"max_cost_usd": "NaN"}}]}),
    ("POST", "checks", {"checks": [{"completed": {}}], "wait": -1}),
    ("POST", "checks", {"checks": [{"completed": {}}], "wait": "long"}),
    ("PUT", "", {"speed": 0}),
    ("PUT", "", {"speed": "fast"}),
    ("PUT", "", {"colour": "red"}),
    ("POST", "clock", {"advance": -1}),
    ("POST", "clock", {"advance": "soon"}),
]


@pytest.mark.parametrize("method, tail, body", BAD_BODIES)
def test_a_wrong_type_or_an_unknown_key_is_refused(
    used: Control, method: str, tail: str, body: Any
) -> None:
    """Nothing is guessed: what is not understood is said."""
    assert refused(used, method, tail, body) == 400


def test_a_body_of_forty_megabytes_is_refused(used: Control) -> None:
    """413 in the same form, while the client is still sending; it is the caller's fault."""
    for method, tail in (("POST", "marks"), ("PUT", "scenarios")):
        answer = used.try_call(method, tail, {"name": "x" * 40 * MEGA})
        assert (answer.status, answer.error["type"]) == (413, "invalid_request_error")
        assert answer.error["message"] == "the body has more than 33554432 bytes (--max-body)"


def test_a_compression_that_cannot_be_read_is_refused(used: Control) -> None:
    """It is the caller's fault, so it is no 500."""
    for tail in ("scenarios/x", "marks"):
        method = "PUT" if tail.startswith("scenarios") else "POST"
        headers = {"Content-Encoding": "gzip"}
        answer = send(used.url, method, f"{used.root}/{tail}", b"not gzip", headers)
        assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


# ── queries, paths and names ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tail", ["exchanges", "gates/x"])
@pytest.mark.parametrize(
    "query",
    [
        "wait=-1",
        "wait=nan",
        "wait=inf",
        "wait=",
        "wait=soon",
        "count=-1",
        "count=many",
        "count=1e3",
        "count=%00",
        "count=" + HUGE,
        "count=%EF%BC%95",
    ],
)
def test_a_wait_or_a_count_that_is_none_is_refused(used: Control, tail: str, query: str) -> None:
    """At once, and by name; nobody waits for it."""
    answer = used.try_call("GET", f"{tail}?{query}")
    assert (answer.status, answer.error["param"]) == (400, query.partition("=")[0])


@pytest.mark.parametrize(
    "query, param",
    [("outcome=canceled", "outcome"), ("after=x", "after"), ("senario=story", "senario")],
)
def test_a_filter_that_does_not_exist_is_refused(used: Control, query: str, param: str) -> None:
    """Else a typing error would read as: there are none."""
    answer = used.try_call("GET", f"exchanges?{query}")
    assert (answer.status, answer.error["param"]) == (400, param)


def test_a_wait_is_never_longer_than_a_minute_and_ends_at_once_when_it_can(used: Control) -> None:
    """A huge wait is cut, a huge count is no mistake: there may come as many."""
    assert used.try_call("GET", "exchanges?wait=99999h&count=1").status == 200
    assert used.try_call("GET", "exchanges?wait=0&count=999999999").status == 200


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize(
    "method, path, body",
    [
        ("PUT", "/_mockai/sessions/{}", {}),
        ("PUT", "{root}/scenarios/{}", STORY),
        ("POST", "{root}/gates/{}/release", {"all": True}),
    ],
)
def test_an_odd_name_is_refused_where_it_would_be_kept(
    used: Control, method: str, path: str, body: Any, name: str
) -> None:
    """Names are 1 to 64 letters, digits, `_` or `-`, so that they fit into URLs and keys."""
    answer = send(used.url, method, path.format(name, root=used.root), body)
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("name", ["nobody", *ODD_NAMES])
@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/_mockai/sessions/{}"),
        ("DELETE", "/_mockai/sessions/{}"),
        ("POST", "/_mockai/sessions/{}/reset"),
        ("GET", "/_mockai/sessions/{}/exchanges"),
        ("PUT", "/_mockai/sessions/{}/scenarios/x"),
        ("POST", "/_mockai/sessions/{}/marks"),
        ("GET", "{root}/exchanges/{}"),
        ("GET", "{root}/scenarios/{}"),
        ("DELETE", "{root}/scenarios/{}"),
    ],
)
def test_what_does_not_exist_is_not_found(used: Control, method: str, path: str, name: str) -> None:
    """Whatever it is called."""
    answer = send(used.url, method, path.format(name, root=used.root), {"name": "x"})
    assert (answer.status, answer.error["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize("tail", ["gates/nobody", "gates/a%20b", "gates/%00"])
def test_a_gate_that_nobody_reached_reads_as_empty(used: Control, tail: str) -> None:
    """Asking before the stream comes is no mistake."""
    found = used.call("GET", tail)
    assert (found["open"], found["held"]) == (False, [])


def test_releasing_where_nobody_is_held_is_a_conflict(used: Control) -> None:
    """A release that comes too early must not be lost in silence."""
    for body in ({}, {"tokens": 3}, {"exchange": "ex_0"}):
        answer = used.try_call("POST", "gates/hold-1/release", body)
        assert (answer.status, answer.error["code"]) == (409, "gate_not_held")


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/_mockai"),
        ("GET", "/_mockai/"),
        ("GET", "/_mockai/nothing"),
        ("GET", "{root}/nothing"),
        ("GET", "{root}/scenarios/a/b"),
    ],
)
def test_a_call_that_does_not_exist_is_refused_by_name(
    used: Control, method: str, path: str
) -> None:
    """The answer repeats the method and the path, so that the slip is seen."""
    path = path.format(root=used.root)
    answer = send(used.url, method, path)
    assert (answer.status, answer.error["code"]) == (404, "unknown_call")
    assert f"{method} {path}" in answer.error["message"]


@pytest.mark.parametrize(
    "method,path,allowed",
    [
        ("PUT", "/_mockai/sessions", "GET, POST"),
        ("PATCH", "{root}/marks", "POST"),
        ("GET", "{root}/marks", "POST"),
        ("DELETE", "{root}/exchanges", "GET"),
        ("POST", "/_mockai/health", "GET"),
        ("POST", "{root}/scenarios/story", "DELETE, GET, PUT"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(
    used: Control, method: str, path: str, allowed: str
) -> None:
    """405, as HTTP wants it, and the header says what is allowed."""
    path = path.format(root=used.root)
    answer = send(used.url, method, path)
    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
    assert f"{method} {path}" in answer.error["message"]
