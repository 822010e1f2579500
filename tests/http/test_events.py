"""What happens in a session, followed as server-sent events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mockai.engine.events import MOST
from mockai.http.server import ServerThread
from tests.support.control import Control, send
from tests.support.raw import CHAT, QUESTION, Connect, RawClient

STREAM = [
    "exchange.received",
    "exchange.headers",
    "exchange.first_token",
    "exchange.held",
    "mark",
    "exchange.disconnected",
    "exchange.ended",
]


def asking(control: Control, *headers: str, query: str = "") -> bytes:
    """Return the request of somebody who follows; the control API wants to know its own host."""
    path = f"{control.root}/events{query}"
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


class Follower:
    """A client that follows the events of a session."""

    def __init__(self, control: Control, client: RawClient, *headers: str, query: str = "") -> None:
        self._client = client
        client.send(asking(control, *headers, query=query))
        head = client.read_head().partition(b"\r\n\r\n")[0]
        client.seen = client.seen[len(head) + 4 :]
        assert b" 200 " in head.splitlines()[0], head
        assert b"text/event-stream" in head
        self._text = ""

    def read(self, count: int) -> list[dict[str, Any]]:
        """Read so many events; each is its data with its `event` and `id`."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            frame, found_end, rest = self._text.partition("\n\n")
            if not found_end:
                self._more()
                continue
            self._text = rest
            if not frame.startswith(":"):
                found.append(_parsed(frame))
        return found

    def names(self, count: int) -> list[str]:
        """Read so many events; return what happened."""
        return [event["event"] for event in self.read(count)]

    def is_over(self) -> bool:
        """Read until the server ends the stream."""
        while True:
            size = int(self._line(), 16)
            self._client_take(size + 2)
            if size == 0:
                return True

    def _more(self) -> None:
        size = int(self._line(), 16)
        assert size, "the server has ended the stream"
        self._text += self._client_take(size).decode()
        self._client_take(2)

    def _line(self) -> bytes:
        while b"\r\n" not in self._client.seen:
            self._read()
        line, _, self._client.seen = self._client.seen.partition(b"\r\n")
        return line

    def _client_take(self, size: int) -> bytes:
        while len(self._client.seen) < size:
            self._read()
        taken, self._client.seen = self._client.seen[:size], self._client.seen[size:]
        return taken

    def _read(self) -> None:
        data = self._client.sock.recv(1 << 16)
        if not data:
            raise EOFError(self._client.seen)
        self._client.seen += data


def _parsed(frame: str) -> dict[str, Any]:
    fields = dict(line.split(": ", 1) for line in frame.splitlines())
    return {**json.loads(fields["data"]), "event": fields["event"], "id": int(fields["id"])}


@pytest.fixture
def follow(control: Control, connect: Connect) -> Callable[..., Follower]:
    """Follow the events of the session."""

    def follow(*headers: str, query: str = "") -> Follower:
        return Follower(control, connect(), *headers, query=query)

    return follow


def hold_and_leave(control: Control, connect: Connect) -> None:
    """Have one stream held, marked and left."""
    control.script(hold={"at_token": 5})
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    control.mark("stop")
    client.close()
    control.ended("cancelled")


def test_each_event_comes_when_it_happens(
    control: Control, connect: Connect, follow: Callable[..., Follower]
) -> None:
    """In order, numbered from 1, and those of an exchange with its id."""
    follower = follow()
    hold_and_leave(control, connect)
    events = follower.read(len(STREAM))
    assert [event["event"] for event in events] == STREAM
    assert [event["seq"] for event in events] == [event["id"] for event in events]
    assert [event["seq"] for event in events] == list(range(1, len(STREAM) + 1))
    (exchange,) = control.exchanges()
    assert {event.get("exchange") for event in events} == {exchange["id"], None}
    assert all(event["at"].endswith("Z") for event in events)
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    held, mark, left, ended = events[3:]
    assert (held["gate"], held["token"]) == ("hold-1", 5)
    assert (mark["name"], mark["mark_seq"]) == ("stop", 1)
    assert (left["how"], left["token"]) == (exchange["disconnect"]["how"], 5)
    assert (ended["outcome"], ended["cause"], ended["token"]) == ("cancelled", None, 5)


def test_who_comes_later_gets_what_is_kept(
    control: Control, connect: Connect, follow: Callable[..., Follower]
) -> None:
    """From the beginning, or behind the event that was seen, by header or by parameter."""
    hold_and_leave(control, connect)
    assert follow().names(len(STREAM)) == STREAM
    assert follow("Last-Event-ID: 5").names(2) == STREAM[5:]
    assert follow(query="?after=6").names(1) == STREAM[6:]


def test_an_answer_that_is_read_to_its_end_has_no_disconnect(
    control: Control, connect: Connect, follow: Callable[..., Follower]
) -> None:
    """A release is told, too; and an answer in one body has the same events."""
    control.script(hold={"at_token": 5}, tokens=9)
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    control.release(all=True)
    client.response()
    assert send(control.url, "POST", control.path + CHAT, QUESTION).status == 200
    names = follow().names(9)
    assert names[:6] == [*STREAM[:4], "exchange.released", "exchange.ended"]
    assert names[6:] == ["exchange.received", "exchange.headers", "exchange.first_token"]


def test_a_client_that_does_not_read_is_told_of_once(
    control: Control, connect: Connect, follow: Callable[..., Follower]
) -> None:
    """Who reads slowly stalls again and again; for how long in all is in the record."""
    follower = follow()
    control.script(tokens=8_000)
    client = connect(receive_buffer=4_096)
    client.chat(control.path, stream=True)
    begun = ["exchange.received", "exchange.headers", "exchange.first_token"]
    assert follower.names(4) == [*begun, "exchange.stalled"]
    for _ in range(100):
        client.sock.recv(4_096)
        control.exchanges()  # a turn of the server's loop
    client.reset()
    control.ended("cancelled")
    assert follower.names(2) == ["exchange.disconnected", "exchange.ended"]


def test_a_half_close_that_is_served_on_is_told(server: ServerThread, connect: Connect) -> None:
    """The client sends no more: that is an event of the running exchange."""
    send(server.url, "PUT", "/_mockai/sessions/half-told", {"half_close": "continue"})
    control = Control(server.url, "half-told")
    control.script(hold={"at_token": 5})
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    client.half_close()
    told = ["received", "headers", "first_token", "held", "half_closed"]
    assert Follower(control, connect()).names(5) == [f"exchange.{name}" for name in told]


def test_what_is_refused_was_received_and_ended(
    control: Control, follow: Callable[..., Follower]
) -> None:
    """With the cause."""
    control.script(match={"model": "other"})
    assert send(control.url, "POST", control.path + CHAT, QUESTION).status == 404
    received, ended = follow().read(2)
    assert received["exchange"] == ended["exchange"]
    assert (ended["outcome"], ended["cause"]) == ("failed", "refused")


def test_after_a_reset_nothing_of_before_is_told_and_numbers_go_on(
    control: Control, connect: Connect, follow: Callable[..., Follower]
) -> None:
    """The stream that the reset cuts ends in the old generation: nobody hears of it."""
    control.script(hold={"at_token": 5})
    follower = follow()
    client = connect()
    client.chat(control.path, stream=True)
    assert follower.names(4) == STREAM[:4]
    control.call("POST", "reset")
    client.close()
    control.mark("new")
    (mark,) = follower.read(1)
    assert (mark["event"], mark["name"], mark["mark_seq"]) == ("mark", "new", 1)
    assert mark["seq"] > 4
    assert follow().read(1) == [mark]


def test_who_was_away_for_too_long_is_told_what_was_missed(
    control: Control, connect: Connect, follow: Callable[..., Follower]
) -> None:
    """The log is bounded; that events had to make room is an event itself."""
    body = b'{"name": "tick"}'
    head = ["Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines = [f"POST {control.root}/marks HTTP/1.1", *head, "", ""]
    client = connect()
    client.send(("\r\n".join(lines).encode() + body) * (MOST + 3))
    assert {client.response().status for _ in range(MOST + 3)} == {201}
    missed, first = follow("Last-Event-ID: 1").read(2)
    assert (missed["event"], missed["after"], missed["seq"]) == ("missed", 1, 3)
    assert first["seq"] == 4
    assert follow("Last-Event-ID: 3").read(1) == [first]


def test_the_end_of_a_session_ends_its_events(server: ServerThread, connect: Connect) -> None:
    """What was going on is told before."""
    control = Control(server.url)
    control.script(hold={"at_token": 5})
    client = connect()
    follower = Follower(control, connect())
    client.chat(control.path, stream=True)
    assert follower.names(4) == STREAM[:4]
    control.call("DELETE", "")
    assert follower.names(1) == ["exchange.ended"]
    assert follower.is_over()


def test_a_follower_that_has_left_is_let_go(control: Control, connect: Connect) -> None:
    """Its connection is not kept until the next event."""
    client = connect()
    Follower(control, client)
    client.reset()
    again = connect()
    assert Follower(control, again)
    control.mark("after")
    assert Follower(control, connect()).names(1) == ["mark"]


@pytest.mark.parametrize("headers", [["Last-Event-ID: x"], ["Last-Event-ID: -1"]])
def test_a_place_that_is_no_number_is_refused(
    control: Control, connect: Connect, headers: list[str]
) -> None:
    """Nobody starts again from the beginning by mistake."""
    client = connect()
    client.send(asking(control, *headers))
    answer = client.response()
    assert (answer.status, answer.error["param"]) == (400, "Last-Event-ID")


def test_events_of_one_session_are_told_in_no_other(
    server: ServerThread, control: Control, connect: Connect
) -> None:
    """Each has its own log, and its own numbers."""
    other = Control(server.url)
    follower = Follower(other, connect())
    hold_and_leave(control, connect)
    other.mark("mine")
    (event,) = follower.read(1)
    assert (event["name"], event["seq"]) == ("mine", 1)
