"""What comes in one piece is served past aiohttp's task, and nobody can tell the difference."""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from mockai.http import openai_routes
from mockai.http.internals import BodyTaker, Connection, Direct, Lane
from mockai.http.server import ServerThread
from mockai.http.state import Limits, ServerOptions
from tests.support.control import Control, send
from tests.support.raw import CHAT, Connect, RawClient, head_of, post, question

TOKENS = 20
_numbers = itertools.count()


def whole(path: str, body: bytes) -> list[bytes]:
    """Send it in one piece."""
    return [post(path, body)]


def head_first(path: str, body: bytes) -> list[bytes]:
    """Send the head, then the body, as most clients in Python do."""
    return [head_of("POST", path, f"Content-Length: {len(body)}"), body]


def in_bits(path: str, body: bytes) -> list[bytes]:
    """Send it in three pieces that end anywhere."""
    sent = post(path, body)
    return [sent[:20], sent[20:-9], sent[-9:]]


def chunked(path: str, body: bytes) -> list[bytes]:
    """Send a body of unknown length: aiohttp's task serves it."""
    head = head_of("POST", path, "Transfer-Encoding: chunked")
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return [head + chunk + b"0\r\n\r\n"]


WAYS = [whole, head_first, in_bits, chunked]
SAME = ("outcome", "phase", "status", "tokens", "scenario", "completion_id", "error", "cause")
ASKED = {
    "stream": question(stream=True),
    "whole": question(),
    "refused": question(temperature=9),
    "no JSON": b"{",
    "nothing": b"",
}


@pytest.mark.parametrize("body", ASKED.values(), ids=ASKED)
def test_the_answer_and_the_record_are_the_same_whichever_way_it_came(
    server: ServerThread, connect: Connect, body: bytes
) -> None:
    """The lane and aiohttp's task lead to one and the same request."""
    seen: list[Any] = []
    for way in WAYS:
        control = Control(server.url, f"lane-{next(_numbers)}")
        control.script(tokens=TOKENS)
        client = connect()
        for piece in way(control.path + CHAT, body):
            client.send(piece)
        answer = client.response()
        client.send(post(control.path + CHAT, question()))  # the connection goes on
        assert client.response().status == 200
        first, second = control.wait_for(2)
        assert second["connection"] == {**first["connection"], "nth_request": 2}
        seen.append((answer.status, answer.headers["content-type"], [first[name] for name in SAME]))
    assert all(one == seen[0] for one in seen)


def test_the_lane_is_taken(
    control: Control, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where aiohttp's handler cannot serve, what comes with its length still is."""

    async def no_handler(_: web.Request) -> web.StreamResponse:
        raise web.HTTPNotImplemented

    control.script(tokens=TOKENS)
    monkeypatch.setattr(openai_routes, "serve", no_handler)
    statuses = []
    for way in WAYS:
        client = connect()
        for piece in way(control.path + CHAT, question()):
            client.send(piece)
        statuses.append(client.response().status)
    assert statuses == [200, 200, 200, 501]


def test_a_fin_behind_a_row_of_two_sessions_closes_the_connection(
    server: ServerThread, connect: Connect
) -> None:
    """The first is served on after a FIN, the second has been left before it begins."""
    name = f"patient-{next(_numbers)}"
    send(server.url, "PUT", f"/_mockai/sessions/{name}", {"half_close": "continue"})
    patient, other = Control(server.url, name), Control(server.url, f"lane-{next(_numbers)}")
    patient.script(tokens=TOKENS, hold={"at_token": 5})
    client = connect()
    client.chat(patient.path, stream=True)
    patient.wait_held()
    client.send_last(post(other.path + CHAT, question()))
    patient.mark("after")  # a round trip through the loop that saw the FIN
    patient.release()
    assert client.response().status == 200
    assert client.is_closed()
    assert other.wait_for()[0]["outcome"] == "cancelled"


# ── refusals ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def open_to_all() -> Iterator[Control]:
    """A server that pages of any origin may use."""
    server = ServerThread(ServerOptions(cors_origins=("*",))).start()
    control = Control(server.url, "default")
    control.script(tokens=TOKENS)
    yield control
    server.stop()


@pytest.mark.parametrize("origin", ["http://x.test", "http://日本", "http://\udcff"])
@pytest.mark.parametrize("body, status", [(b"{}", 400), (question(), 200)])
def test_whatever_an_origin_is_it_gets_an_answer(
    open_to_all: Control, origin: str, body: bytes, status: int
) -> None:
    """It is given back byte for byte."""
    sent = origin.encode("utf-8", "surrogateescape")
    head = head_of("POST", "/v1" + CHAT, f"Content-Length: {len(body)}")[:-2]
    with RawClient(open_to_all.url) as client:
        client.send(head + b"Origin: " + sent + b"\r\n\r\n" + body)
        seen = client.read_head()
        assert client.response().status == status
    assert sent in seen or b"access-control-allow-origin: *" in seen.lower()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_who_is_refused_before_he_has_sent_all_can_send_the_rest_and_read_the_answer(
    server: ServerThread, connect: Connect, version: str
) -> None:
    """No session of that name; the connection is closed once the body has been read."""
    body = question()
    head = (f"Content-Length: {len(body)}", "Connection: close")
    client = connect()
    client.send(head_of("POST", "/s/nobody/v1" + CHAT, *head, version=version))
    assert b" 404 " in client.read_head()
    client.send(body)
    assert client.response().status == 404
    assert client.is_closed()


def test_a_body_that_does_not_come_in_time_gets_an_answer_that_can_be_read() -> None:
    """408, and nothing is cut off while the client may still be sending."""
    server = ServerThread(ServerOptions(limits=Limits(idle_s=0.1))).start()
    with RawClient(server.url) as client:
        client.send(head_of("POST", "/v1" + CHAT, "Content-Length: 90") + b"{")
        assert b" 408 " in client.read_head()
        client.send(b" " * 89)
        assert client.response().status == 408
        assert client.is_closed()
    server.stop()


def test_once_the_body_is_there_its_time_is_over_no_more() -> None:
    """An answer that takes longer than a body may take is not broken into."""
    server = ServerThread(ServerOptions(limits=Limits(idle_s=0.1))).start()
    control = Control(server.url, "default")
    control.script(tokens=TOKENS, pace={"ttft": "150ms"})
    with RawClient(server.url) as client:
        for piece in head_first("/v1" + CHAT, question(stream=True)):
            client.send(piece)
        assert client.response().raw.endswith(b"data: [DONE]\n\n")
    server.stop()


@pytest.mark.parametrize("path", ["", "nobody"])
def test_a_refusal_leaves_nothing_to_the_collector(
    control: Control, connect: Connect, path: str
) -> None:
    """An error knows where it was raised, and must not be known there."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(3):
            client = connect()
            client.send(post((f"/s/{path}/v1" if path else control.path) + CHAT, b"{}"))
            assert client.response().status in {400, 404}
            client.close()
        control.mark("after")  # a round trip through the loop that has seen the last one leave
        gc.collect()
        ours = [item for item in gc.garbage if type(item).__module__.startswith("mockai.")]
        assert ours == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


# ── a connection without a network ───────────────────────────────────────────────────────────


class Wire(asyncio.Transport):
    """A transport that takes everything; while it is `full` it keeps it, and says so."""

    def __init__(self) -> None:
        super().__init__({"socket": None})
        self.sent: list[bytes] = []
        self.is_full = self.is_closed = False
        self.connection: Connection

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep nothing."""

    def is_reading(self) -> bool:
        """Read on."""
        return True

    def is_closing(self) -> bool:
        """Say whether it was closed."""
        return self.is_closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take it."""
        self.sent.append(bytes(data))
        if self.is_full:
            self.connection.pause_writing()

    def close(self) -> None:
        """Note it."""
        self.is_closed = True

    abort = close


class Nobody:
    """A crowd of whom nobody is counted."""

    def leave(self) -> None:
        """Count nobody."""


class Taker:
    """Who serves: it notes what it gets, and answers nothing by itself."""

    def __init__(self) -> None:
        self.asked: list[Direct] = []
        self.bodies: list[bytes] = []

    def serve(self, request: Direct, body: bytes | None) -> BodyTaker | None:
        """Note the request."""
        self.asked.append(request)
        if body is not None:
            self.bodies.append(body)
        return self

    def take(self, body: bytes) -> None:
        """Note the body."""
        self.bodies.append(body)


def variable(path: str) -> Mapping[str, str] | None:
    """Everything below /lane is of the lane."""
    return {} if path.startswith("/lane") else None


async def connected() -> tuple[Connection, Wire, Taker]:
    """Return a connection whose lane is the taker's."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    assert runner.server is not None
    taker, wire = Taker(), Wire()
    connection = Connection(
        runner.server,
        loop=asyncio.get_running_loop(),
        **runner.server._kwargs,  # noqa: SLF001 - as `listen` does
    )
    connection.crowd = Nobody()  # type: ignore[assignment]
    connection.lane = Lane(variable, taker.serve, 100)
    wire.connection = connection
    connection.connection_made(wire)
    await asyncio.sleep(0)
    return connection, wire, taker


def test_the_next_request_waits_until_the_kernel_has_taken_a_refusal() -> None:
    """An answer that is written past the transport would overtake what waits in it."""

    async def look() -> None:
        connection, wire, taker = await connected()
        connection.data_received(post("/lane/1", b"1"))
        wire.is_full = True
        connection.answer(b"no", keep_alive=True)
        connection.data_received(post("/lane/2", b"2"))
        await asyncio.sleep(0)
        assert taker.bodies == [b"1"]
        connection.resume_writing()
        assert taker.bodies == [b"1", b"2"]
        connection.connection_lost(None)

    asyncio.run(look())


def test_what_comes_meanwhile_waits_its_turn() -> None:
    """One alone is served when the one before is answered; a row is left to aiohttp's task."""

    async def look() -> None:
        connection, _, taker = await connected()
        connection.data_received(post("/lane/1", b"1"))
        connection.data_received(post("/lane/2", b"2"))
        assert taker.bodies == [b"1"]
        connection.answered(keep_alive=True)
        assert taker.bodies == [b"1", b"2"]
        connection.data_received(post("/lane/3", b"3") + post("/lane/4", b"4"))
        connection.answered(keep_alive=True)
        assert taker.bodies == [b"1", b"2"]
        connection.connection_lost(None)

    asyncio.run(look())


@pytest.mark.parametrize(
    "sent",
    [
        post("/else", b"x"),
        head_of("GET", "/lane"),
        post("/lane", b"x" * 101),
        head_of("POST", "/lane", "Content-Length: 101"),
        head_of("POST", "/lane", "Transfer-Encoding: chunked"),
        post("/lane", b"x", "Expect: 100-continue"),
        post("/lane", b"x", "Content-Encoding: deflate"),
        post("/lane", b"x", "Upgrade: websocket", "Connection: upgrade"),
    ],
)
def test_what_is_not_of_the_lane_is_left_to_aiohttp(sent: bytes) -> None:
    """Other paths and methods, what is large, of unknown length, packed, or asks first."""

    async def look() -> None:
        connection, _, taker = await connected()
        connection.data_received(sent)
        assert taker.asked == []
        connection.connection_lost(None)

    asyncio.run(look())


def test_a_connection_that_is_being_served_is_not_closed_for_being_idle() -> None:
    """The task waits meanwhile, and its timer would take that for idleness: it is set anew then."""

    async def look() -> None:
        connection, wire, _ = await connected()
        connection.data_received(post("/lane", b"x"))
        assert connection._keepalive_handle is None  # noqa: SLF001 - nobody is to wake
        connection.answered(keep_alive=True)
        assert connection._keepalive_handle is not None  # noqa: SLF001
        connection._next_keepalive_close_time = 0  # noqa: SLF001 - as if the time were over
        connection._process_keepalive()  # noqa: SLF001
        assert wire.is_closed
        connection.connection_lost(None)

    asyncio.run(look())


def test_the_last_answer_closes() -> None:
    """Where the client said so, or the server is about to end."""

    async def look() -> None:
        for keep_alive, ends in ((False, False), (True, True)):
            connection, wire, _ = await connected()
            connection.data_received(post("/lane", b"x"))
            if ends:
                connection.close()
            connection.answered(keep_alive=keep_alive)
            assert wire.is_closed
            connection.connection_lost(None)

    asyncio.run(look())


def test_a_bug_in_the_lane_ends_the_connection(
    control: Control, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for an answer that will never come."""
    monkeypatch.setattr("mockai.http.lane.error_response", lambda error: 1 / 0)
    client = connect()
    client.send(post("/s/nobody/v1" + CHAT, question()))
    assert client.is_closed()


def test_what_a_request_says_before_its_body_is_its_own(
    server: ServerThread, connect: Connect
) -> None:
    """Though a connection that says the same again is not read again."""
    one, two = (Control(server.url, f"lane-{next(_numbers)}") for _ in range(2))
    said = [
        (one, ("X-Mockai-Tag: a",)),
        (one, ("X-Mockai-Tag: a",)),
        (one, ("X-Mockai-Tag: b", "x-stainless-retry-count: 1")),
        (two, ("X-Mockai-Tag: b", "x-stainless-retry-count: 1")),
        (one, ("Authorization: Bearer k", "traceparent: 00-1-2-01")),
        (one, ()),
    ]
    client = connect()
    for control in (one, two):
        control.script(tokens=TOKENS)
    for control, headers in said:
        client.send(post(control.path + CHAT, question(), *headers))
        assert client.response().status == 200
    facts = [each["request"] for each in one.exchanges()]
    assert [each["tag"] for each in facts] == ["a", "a", "b", None, None]
    assert [each["sdk_retry_count"] for each in facts] == [None, None, 1, None, None]
    assert [each["key_id"] is None for each in facts] == [True, True, True, False, True]
    assert [each["traceparent"] for each in facts] == [None, None, None, "00-1-2-01", None]
    assert [each["request"]["tag"] for each in two.exchanges()] == ["b"]


def test_a_slash_in_the_name_of_a_session_is_no_other_path(
    server: ServerThread, connect: Connect
) -> None:
    """Both paths are one once decoded; the session of the second is another, and not there."""
    control = Control(server.url, f"lane-{next(_numbers)}")
    control.script(tokens=TOKENS)
    client = connect()
    for slash in ("/", "%2F"):
        client.send(post(f"/s/{control.session}{slash}v1/v1{CHAT}", question()))
        answer = client.response()
        assert answer.status == 404
    assert f"'{control.session}/v1'" in str(answer.body)
    assert len(control.exchanges()) == 1
