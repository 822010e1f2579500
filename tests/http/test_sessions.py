"""Sessions: how a request finds its own, and what becomes of streams when theirs ends."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mockai.core.scenario import Scenario
from mockai.engine.scripts import Entry, Scripts
from mockai.http.server import ServerThread
from tests.support.control import Answer, Control, send
from tests.support.raw import CHAT, QUESTION, Connect, RawClient

CUT = {"outcome": "failed", "cause": "shutdown", "phase": "streaming"}
HOLD = {"at_token": 5}


@pytest.fixture
def other(server: ServerThread) -> Control:
    """A second session."""
    return Control(server.url)


def ask(url: str, path: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    """Ask for a chat completion."""
    return send(url, "POST", path + CHAT, {**QUESTION, **fields}, headers)


def key(session: str) -> dict[str, str]:
    """Return the headers of a client whose API key names a session."""
    return {"Authorization": f"Bearer sk-mockai-{session}"}


def named(session: str) -> dict[str, str]:
    """Return the headers of a client that names a session."""
    return {"X-Mockai-Session": session}


# ── finding one's session ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path, headers, via",
    [
        ("/s/{own}/v1", {}, "prefix"),
        ("/v1", named("{own}"), "header"),
        ("/v1", key("{own}"), "key"),
        ("/s/{own}/v1", {**named("{other}"), **key("{other}")}, "prefix"),
        ("/v1", {**named("{own}"), **key("{other}")}, "header"),
        ("/s/{own}/v1", key("nobody"), "prefix"),
        ("/v1", {**named("{own}"), **key("nobody")}, "header"),
    ],
)
def test_a_request_belongs_to_the_session_of_its_prefix_else_header_else_key(
    control: Control, other: Control, path: str, headers: dict[str, str], via: str
) -> None:
    """The first that is given decides; the others are not even looked at."""
    names = {"own": control.session, "other": other.session}
    control.script("own")
    other.script("other")
    filled = {name: value.format(**names) for name, value in headers.items()}
    assert ask(control.url, path.format(**names), filled).status == 200
    found = control.ended("completed")
    assert (found["scenario"], found["request"]["session_via"]) == ("own", via)
    assert other.exchanges() == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-anything"}])
def test_any_other_request_belongs_to_the_default_session(
    server: ServerThread, headers: dict[str, str]
) -> None:
    """A client that knows nothing of sessions needs none: `default` always exists."""
    default = Control(server.url, "default")
    default.call("POST", "reset")
    default.script("plain", tokens=3)
    assert ask(server.url, "/v1", headers).status == 200
    assert default.ended("completed")["request"]["session_via"] is None
    default.call("POST", "reset")


@pytest.mark.parametrize("name", ["nobody", "no body", "%2e%2e", "a" * 65])
@pytest.mark.parametrize(
    "path, headers, status, code",
    [
        ("/s/{}/v1", {}, 404, "session_not_found"),
        ("/v1", named("{}"), 404, "session_not_found"),
        ("/v1", key("{}"), 401, "invalid_api_key"),
    ],
    ids=["prefix", "header", "key"],
)
def test_an_unknown_session_is_refused_and_told_how_to_make_it(
    server: ServerThread, path: str, headers: dict[str, str], status: int, code: str, *, name: str
) -> None:
    """It never falls back on another session: the request would be missed where it belongs."""
    filled = {key: value.format(name) for key, value in headers.items()}
    for method, tail in (("POST", CHAT), ("GET", "/models"), ("GET", "/nothing")):
        found = path.format(name.replace(" ", "%20")) + tail
        answer = send(server.url, method, found, QUESTION if method == "POST" else None, filled)
        assert (answer.status, answer.error["code"]) == (status, code)
        assert "PUT /_mockai/sessions/" in answer.error["message"]


@pytest.mark.parametrize(
    "body, status",
    [
        ({**QUESTION, "stream": True}, 200),
        (QUESTION, 200),
        ({"model": "gpt-4o-mini"}, 400),
        ({**QUESTION, "model": "unscripted"}, 404),
        (b"{", 400),
    ],
    ids=["stream", "whole", "bad-request", "no-match", "no-json"],
)
def test_the_request_id_of_an_answer_finds_its_exchange(
    control: Control, body: object, status: int
) -> None:
    """What a client logs leads to the record, also for what was refused."""
    control.script(match={"model": "gpt-4o-mini"})
    for _ in range(2):
        answer = send(control.url, "POST", control.path + CHAT, body)
        assert answer.status == status
        (found,) = control.wait_for(request_id=answer.headers["x-request-id"])
        assert found["status"] == status
        assert found["outcome"] == ("completed" if status == 200 else "failed")


def test_a_path_that_is_not_served_is_recorded_too(control: Control) -> None:
    """A client that asks for the wrong thing is seen."""
    answer = send(control.url, "GET", control.path + "/nothing")
    assert answer.status == 404
    (found,) = control.wait_for(request_id=answer.headers["x-request-id"])
    assert (found["outcome"], found["cause"]) == ("failed", "refused")


# ── ending ───────────────────────────────────────────────────────────────────────────────────


def held_stream(control: Control, connect: Connect) -> RawClient:
    """Return a client whose stream stands at a gate."""
    control.script(hold=HOLD)
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    return client


def test_a_reset_cuts_what_is_open_and_begins_anew(control: Control, connect: Connect) -> None:
    """The old generation's report has the cut; nothing of it is in the new one."""
    client = held_stream(control, connect)
    control.mark()
    report = control.call("POST", "reset")
    assert (report["generation"], report["outcomes"]) == (1, {"failed": 1})
    assert report["exchanges"][0].items() >= CUT.items()
    assert not client.read_to_end().endswith(b"0\r\n\r\n")
    assert control.exchanges() == control.call("GET", "scenarios")["scenarios"] == []
    assert control.call("GET", "gates")["gates"] == []
    control.script()
    assert ask(control.url, control.path).status == 200
    again = control.ended("completed")
    assert (again["seq"], again["generation"], again["marks"]) == (1, 2, [])


def test_a_stream_that_is_cut_stays_in_its_own_generation(
    control: Control, connect: Connect
) -> None:
    """What its client does afterwards is not told to the generation that came after."""
    client = held_stream(control, connect)
    control.call("POST", "reset")
    client.half_close()
    client.read_to_end()
    control.script()
    assert ask(control.url, control.path).status == 200
    control.ended("completed")


def test_a_reset_leaves_nobody_at_a_gate(control: Control, connect: Connect) -> None:
    """A stream of the old generation is held no more, and cannot be released."""
    held_stream(control, connect)
    control.call("POST", "reset")
    assert control.call("GET", "gates/hold-1")["held"] == []
    answer = control.try_call("POST", "gates/hold-1/release", {"tokens": 1})
    assert (answer.status, answer.error["code"]) == (409, "gate_not_held")


def test_a_session_that_ends_cuts_what_is_open_and_refuses_what_comes_late(
    server: ServerThread, other: Control, connect: Connect
) -> None:
    """The final report has everything; later requests are told 410, however they name it."""
    client = held_stream(other, connect)
    report = other.call("DELETE", "")
    assert report["session"] == other.session
    assert report["exchanges"][0].items() >= CUT.items()
    assert not client.read_to_end().endswith(b"0\r\n\r\n")
    ways = [(other.path, {}), ("/v1", named(other.session)), ("/v1", key(other.session))]
    for path, headers in ways:
        for method, tail in (("POST", CHAT), ("GET", "/models")):
            answer = send(server.url, method, path + tail, QUESTION, headers)
            assert (answer.status, answer.error["code"]) == (410, "session_ended")
    assert other.try_call("GET", "exchanges").status == 404


def test_a_session_can_be_made_again_after_its_end(server: ServerThread, other: Control) -> None:
    """The name is free, and the new one knows nothing of the old."""
    other.script()
    assert ask(server.url, other.path).status == 200
    other.call("DELETE", "")
    again = Control(server.url, other.session)
    assert again.exchanges() == []
    again.script()
    assert ask(server.url, again.path).status == 200


def test_the_default_session_is_made_anew_when_it_is_ended(server: ServerThread) -> None:
    """Ending it never leaves plain clients without a session."""
    default = Control(server.url, "default")
    default.script("gone")
    default.call("DELETE", "")
    assert default.call("GET", "scenarios")["scenarios"] == []


def test_making_a_session_again_leaves_it_as_it_is(control: Control) -> None:
    """PUT is idempotent: a second worker that makes it does not wipe the first one's."""
    control.script()
    assert ask(control.url, control.path).status == 200
    assert control.call("PUT", "")["requests"] == 1
    assert len(control.exchanges()) == 1


def test_two_sessions_do_not_see_each_other(
    control: Control, other: Control, connect: Connect
) -> None:
    """Scripts, gates and exchanges of the same names are apart."""
    held_stream(control, connect)
    other.script(hold=HOLD)
    assert other.call("GET", "gates/hold-1")["held"] == other.exchanges() == []
    other.call("POST", "gates/hold-1/release", {"all": True})
    assert len(control.wait_held()) == 1


@pytest.mark.parametrize(
    "path, status",
    [
        ("/v1/models", 200),
        ("/v1/models/gpt-4o", 200),
        ("/s/nobody/v1/models", 404),
        ("/v1/no", 404),
    ],
)
def test_every_answer_of_the_surface_has_a_request_id(
    server: ServerThread, path: str, status: int
) -> None:
    """Clients log it; an answer that is no exchange has one too."""
    answer = send(server.url, "GET", path)
    assert answer.status == status
    assert answer.headers["x-request-id"].startswith("req_")


def test_others_are_served_while_a_long_reply_is_compiled(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop that sees clients leave is not the thread that compiles: a cancel is not late."""
    compiling, go_on, compiled = threading.Event(), threading.Event(), Scripts.compiled

    def when_told(self: Scripts, scenarios: Iterable[Scenario]) -> list[Entry]:
        compiling.set()
        assert go_on.wait(60)
        return compiled(self, scenarios)

    monkeypatch.setattr(Scripts, "compiled", when_told)
    with ThreadPoolExecutor(1) as pool:
        script = pool.submit(control.script, tokens=3)
        try:
            assert compiling.wait(60)
            assert send(control.url, "GET", "/_mockai/health").status == 200
        finally:
            go_on.set()
        script.result()
