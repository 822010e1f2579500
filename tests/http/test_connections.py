"""Connections are reused, framed and closed as HTTP says, whatever was streamed on them."""

from __future__ import annotations

import pytest

from tests.support.control import Control
from tests.support.raw import CHAT, Connect, post, question

END = b"data: [DONE]\n\n"
ANSWERS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


@ANSWERS
def test_a_connection_carries_one_answer_after_another(
    control: Control, connect: Connect, *, stream: bool
) -> None:
    """After a completed answer the same connection serves the next, and the record counts them."""
    control.script()
    client = connect()
    for _ in range(3):
        client.chat(control.path, stream=stream)
        answer = client.response()
        assert (answer.status, answer.headers["connection"]) == (200, "keep-alive")
    seen = [item["connection"] for item in control.wait_for(3, outcome="completed")]
    assert [item["nth_request"] for item in seen] == [1, 2, 3]
    assert len({item["id"] for item in seen}) == 1


def test_a_refusal_does_not_cost_the_connection(control: Control, connect: Connect) -> None:
    """An error is an answer like any other."""
    client = connect()
    client.send(post(control.path + CHAT, b"{"))
    assert client.response().status == 400
    client.chat(control.path, stream=False, n=200)
    assert client.response().status == 400
    control.script()
    client.chat(control.path, stream=True)
    assert client.response().raw.endswith(END)


@ANSWERS
@pytest.mark.parametrize(
    "version, header",
    [("1.1", "Connection: close"), ("1.0", "Connection: close"), ("1.0", "X-Nothing: said")],
)
def test_a_connection_that_shall_not_be_kept_is_closed_after_the_answer(
    control: Control, connect: Connect, version: str, header: str, *, stream: bool
) -> None:
    """The whole answer comes, then the end of the connection; and it is completed."""
    control.script()
    client = connect()
    client.chat(control.path, header, version=version, stream=stream)
    answer = client.response()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert ("transfer-encoding" in answer.headers) == (stream and version == "1.1")
    assert client.is_closed()
    if stream:
        assert answer.raw.endswith(END)
    assert control.ended("completed")["request"]["http_version"] == version


def test_an_old_client_that_keeps_its_connection_still_finds_the_end(
    control: Control, connect: Connect
) -> None:
    """HTTP/1.0 has no chunks, so the end of a stream can only be the end of the connection."""
    control.script()
    client = connect()
    client.chat(control.path, "Connection: keep-alive", version="1.0", stream=True)
    answer = client.response()
    assert answer.headers["connection"] == "close"
    assert answer.raw.endswith(END)


def test_an_old_client_keeps_its_connection_after_one_body(
    control: Control, connect: Connect
) -> None:
    """A body whose length is told needs no end of the connection."""
    control.script()
    client = connect()
    for _ in range(2):
        client.chat(control.path, "Connection: keep-alive", version="1.0")
        assert client.response().headers["connection"] == "keep-alive"
    assert [item["connection"]["nth_request"] for item in control.exchanges()] == [1, 2]


def test_leaving_an_old_connection_early_is_a_cancel(control: Control, connect: Connect) -> None:
    """Without chunks the record is as exact as with them."""
    control.script(hold={"at_token": 5})
    client = connect()
    client.chat(control.path, version="1.0", stream=True)
    control.wait_held()
    client.half_close()
    assert control.ended("cancelled")["disconnect"]["token"] == 5


def test_pipelined_requests_are_answered_in_order(control: Control, connect: Connect) -> None:
    """A request behind a stream waits for the stream's end."""
    control.script("first", tokens=3, times=1, hold={"at_token": 1})
    control.script("second", tokens=4)
    client = connect()
    client.send(2 * post(control.path + CHAT, question(stream=True)))
    control.wait_held()
    assert len(control.exchanges()) == 1
    control.release()
    assert [client.response().raw.count(b'"delta"') for _ in range(2)] == [1 + 3 + 1, 1 + 4 + 1]
    assert [item["scenario"] for item in control.wait_for(2, outcome="completed")] == [
        "first",
        "second",
    ]


def test_a_request_behind_a_cancelled_stream_is_never_received(
    control: Control, connect: Connect
) -> None:
    """Who leaves takes along what it had already asked for next: it costs nothing."""
    control.script(hold={"at_token": 5})
    client = connect()
    client.send(2 * post(control.path + CHAT, question(stream=True)))
    control.wait_held()
    client.half_close()
    control.ended("cancelled")
    assert client.read_to_end().count(b"HTTP/1.1 200 OK") == 1
    control.ended("cancelled")


def test_a_stream_behind_a_large_answer_does_not_overtake_it(
    control: Control, connect: Connect
) -> None:
    """Other answers go out by another way than streams: what waits there must be out first."""
    control.script("large", reply=[{"text": "word " * 10_000}])
    control.script("story", match={"stream": True})
    client = connect(receive_buffer=4_096)
    large = f"GET {control.root}/scenarios/large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    client.send(large.encode() + post(control.path + CHAT, question(stream=True)))
    client.read_head()
    for _ in range(20):  # turns of the loop, in which it could overtake
        control.exchanges()
    client.take_up(1 << 20)
    assert client.response().body["name"] == "large"
    assert client.response().raw.endswith(END)
