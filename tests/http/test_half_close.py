"""A client that sends a FIN and reads on: served on where that is asked for, else it has left."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from mockai.http.server import ServerThread
from tests.support.control import Control, send
from tests.support.process import ServeProcess
from tests.support.raw import CHAT, Connect, RawClient, head_of, post, question

TOKENS, MIDDLE = 20, 5
END = b"data: [DONE]\n\n"
_numbers = itertools.count()
ANSWERS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@pytest.fixture
def patient(server: ServerThread) -> Control:
    """A session in which a FIN is no cancel."""
    name = f"patient-{next(_numbers)}"
    send(server.url, "PUT", f"/_mockai/sessions/{name}", {"half_close": "continue"})
    return Control(server.url, name)


@ANSWERS
def test_served_on_a_half_close_is_an_event(
    patient: Control, connect: Connect, *, stream: bool
) -> None:
    """The whole answer comes, the record says when the FIN came, and the connection is closed."""
    patient.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    client = connect()
    client.chat(patient.path, stream=stream)
    patient.wait_held()
    client.half_close()
    patient.mark("after")  # a round trip through the loop that saw the FIN
    patient.release()
    assert client.response().status == 200
    assert client.is_closed()
    done = patient.ended("completed")
    assert done["disconnect"] is None
    assert 0 < done["half_closed_s"] <= done["marks"][0]["at_s"]
    assert "client half-closed" in done["timeline"]


@ANSWERS
def test_a_fin_right_behind_the_request_is_served_on(
    patient: Control, connect: Connect, *, stream: bool
) -> None:
    """The FIN may come before anybody has looked at the request."""
    patient.script(tokens=TOKENS)
    client = connect()
    client.send_last(post(patient.path + CHAT, question(stream=stream)))
    assert client.response().status == 200
    assert client.is_closed()
    assert patient.ended("completed")["half_closed_s"] is not None


@ANSWERS
def test_by_default_a_fin_right_behind_the_request_is_a_cancel(
    control: Control, connect: Connect, *, stream: bool
) -> None:
    """It is recorded, and whoever reads on gets nothing."""
    control.script(tokens=TOKENS)
    client = connect()
    client.send_last(post(control.path + CHAT, question(stream=stream)))
    assert client.read_to_end() == b""
    left = control.ended("cancelled")
    assert (left["disconnect"]["how"], left["half_closed_s"]) == ("fin", None)


def test_what_was_asked_before_the_fin_is_answered(patient: Control, connect: Connect) -> None:
    """Requests that came together with the FIN are served one after the other, then it closes."""
    patient.script(tokens=TOKENS)
    client = connect()
    client.send(3 * post(patient.path + CHAT, question(stream=True)))
    client.half_close()
    assert [client.response().raw.endswith(END) for _ in range(3)] == [True] * 3
    assert client.is_closed()
    nths = [item["connection"]["nth_request"] for item in patient.wait_for(3, outcome="completed")]
    assert nths == [1, 2, 3]


def test_an_upload_that_is_cut_short_is_a_cancel_anyway(patient: Control, connect: Connect) -> None:
    """What is missing of a body can never come."""
    client = connect()
    body = question()
    head = head_of("POST", patient.path + CHAT, f"Content-Length: {len(body)}")
    client.send(head + body[:9])
    patient.wait_for(outcome="open")
    client.half_close()
    left = patient.ended("cancelled")
    assert (left["phase"], left["disconnect"]["how"]) == ("receiving", "fin")
    assert left["half_closed_s"] is None


def close_with_unread(client: RawClient) -> None:
    """Leave bytes unread: the kernel resets."""
    client.sock.close()


@pytest.mark.parametrize("leave", [RawClient.reset, close_with_unread])
def test_leaving_after_a_half_close_is_noticed_while_held(
    patient: Control, connect: Connect, leave: Callable[[RawClient], None]
) -> None:
    """The rest of the connection is watched, although nothing more can be read from it."""
    patient.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    client = connect()
    client.chat(patient.path, stream=True)
    patient.wait_held()
    client.half_close()
    patient.mark("after")
    leave(client)
    left = patient.ended("cancelled")
    assert left["disconnect"]["token"] == left["tokens"]["written"] == MIDDLE
    assert left["disconnect"]["while_held"] == "hold-1"
    assert left["half_closed_s"] < left["disconnect"]["at_s"]


def test_leaving_after_a_half_close_is_noticed_by_the_next_write_at_the_latest(
    patient: Control, connect: Connect
) -> None:
    """A close that says nothing more on the wire is answered with a reset to what we write."""
    patient.script(tokens=TOKENS, hold={"at_token": MIDDLE}, pace={"tokens_per_second": 200})
    client = connect()
    client.chat(patient.path, stream=True)
    patient.wait_held()
    client.half_close()
    client.read_tokens(MIDDLE)
    client.close()
    patient.mark("after")
    assert patient.exchanges()[0]["outcome"] == "open"
    patient.release()
    left = patient.ended("cancelled")
    assert left["phase"] == "streaming"
    assert MIDDLE < left["tokens"]["written"] < TOKENS


def test_a_control_call_with_a_fin_behind_it_is_answered(
    control: Control, connect: Connect
) -> None:
    """The control API ends no call for a client that will only send no more."""
    client = connect()
    client.send(f"GET {control.root}/exchanges HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    client.half_close()
    assert client.response().body == {"exchanges": []}
    assert client.is_closed()


def test_an_idle_connection_ends_with_the_fin(patient: Control, connect: Connect) -> None:
    """Between two requests a FIN is the end, whatever is asked for."""
    patient.script(tokens=TOKENS)
    client = connect()
    client.chat(patient.path)
    assert client.response().status == 200
    client.half_close()
    assert client.is_closed()


def test_the_command_line_sets_what_sessions_begin_with() -> None:
    """`--half-close continue` holds for every session that does not say otherwise."""
    with ServeProcess("--half-close", "continue") as running:
        control = Control(running.url)
        control.script()
        strict = "/_mockai/sessions/strict"
        send(running.url, "PUT", strict, {"half_close": "cancel"})
        for session in (control, Control(running.url, "strict")):
            with RawClient(running.url) as client:
                client.send_last(post(session.path + CHAT, question()))
                client.read_to_end()
        assert control.ended()["outcome"] == "completed"
        assert Control(running.url, "strict").ended()["outcome"] == "cancelled"


def test_another_word_than_the_two_is_refused(server: ServerThread) -> None:
    """A typing error must not read as the default."""
    answer = send(server.url, "PUT", "/_mockai/sessions/wrong", {"half_close": "ignore"})
    assert answer.status == 400
    assert "half_close" in answer.error["message"]
