"""How much a server takes on, and that whoever is beyond that is told so."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from mockai.core.keeping import KEPT_BODY
from mockai.http.server import ServerThread
from mockai.http.state import Limits, ServerOptions
from tests.support.aiohttp import STRICT
from tests.support.control import Control, send
from tests.support.process import ServeProcess
from tests.support.raw import Connect, RawClient, head_of, question

HEALTH = b"GET /_mockai/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
IDLE = min(2_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 3)  # both ends are ours


@contextmanager
def serving(limits: Limits) -> Iterator[Control]:
    """Run a server with these limits."""
    running = ServerThread(ServerOptions(limits=limits)).start()
    try:
        yield Control(running.url)
    finally:
        running.stop()


def metric(url: str, name: str) -> float:
    """Return one figure of `/metrics`."""
    lines = send(url, "GET", "/metrics").raw.decode().splitlines()
    (found,) = [line.rpartition(" ")[2] for line in lines if line.startswith(f"mockai_{name} ")]
    return float(found)


def test_no_word_of_a_client_becomes_a_series(server: ServerThread) -> None:
    """Models, tags, keys and hosts are no labels: they would fill whoever scrapes."""
    for round_ in range(3):
        word = f"word-{round_}"
        headers = {"X-Mockai-Tag": word, "Authorization": f"Bearer {word}", "User-Agent": word}
        for path in ("/v1/chat/completions", f"/v1/{word}", f"/s/{word}/v1/chat/completions"):
            send(server.url, "POST", path, question(model=word), headers)
        send(server.url, "GET", f"/_mockai/sessions/{word}", headers={"Host": f"{word}.example"})
        text = send(server.url, "GET", "/metrics").raw.decode()
        assert word not in text


# ── bodies and heads ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["v1/chat/completions", "_mockai/sessions/default/scenarios"])
def test_a_body_beyond_the_limit_is_refused(path: str) -> None:
    """Declared or not, it is read no further than the limit."""
    with serving(Limits(body=1_000)) as control:
        method = "PUT" if path.startswith("_mockai") else "POST"
        answer = send(control.url, method, f"/{path}", b" " * 1_001)
        assert (answer.status, "1000" in answer.error["message"]) == (413, True)
        assert send(control.url, "GET", "/_mockai/health").status == 200


def test_a_long_body_is_kept_in_part(control: Control) -> None:
    """The first 64 KB, and the record says that there was more."""
    control.script()
    body = question(messages=[{"role": "user", "content": "x" * (KEPT_BODY + 1)}])
    send(control.url, "POST", f"{control.path}/chat/completions", body)
    record = control.ended("completed")
    assert record["request"]["body_truncated"] is True
    assert len(record["request"]["body"]) == KEPT_BODY


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(head_of("GET", "/v1/models", "X-Long: " + "x" * 9_000), id="header"),
        pytest.param(head_of("GET", "/v1/" + "x" * 9_000), id="path"),
        pytest.param(
            head_of("GET", "/v1/models", *[f"X-{n}: 1" for n in range(2_000)]),
            id="many",
            marks=STRICT,
        ),
    ],
)
def test_a_head_beyond_the_limit_is_refused(connect: Connect, head: bytes) -> None:
    """8,190 bytes a line and 128 lines: what aiohttp reads at most."""
    client = connect()
    client.send(head)
    assert client.read_head().startswith(b"HTTP/1.0 400") or client.seen.startswith(b"HTTP/1.1 400")


# ── slow senders ─────────────────────────────────────────────────────────────────────────────


def test_a_request_that_never_comes_whole_gives_its_place_back() -> None:
    """Slow-loris: silence, half a head and half a body each end after `--idle-timeout`."""
    with serving(Limits(idle_s=0.2)) as control, ExitStack() as open_clients:
        halves = (b"", b"POST /v1/chat/comple", head_of("POST", "/v1/chat/completions")[:-2])
        slow = [open_clients.enter_context(RawClient(control.url)) for _ in halves]
        for client, half in zip(slow, halves, strict=True):
            client.send(half)
        assert [client.is_closed() for client in slow] == [True] * len(slow)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/_mockai/sessions"])
def test_a_body_that_does_not_come_is_answered(path: str) -> None:
    """408, and the connection is closed; the exchange is refused while receiving."""
    with serving(Limits(idle_s=0.2)) as control, RawClient(control.url) as client:
        head = ("Host: localhost", "Content-Type: application/json", "Content-Length: 10")
        client.send("\r\n".join([f"POST {path} HTTP/1.1", *head, "", "{"]).encode())
        assert client.response().status == 408
        found = send(control.url, "GET", "/_mockai/sessions/default/exchanges").body["exchanges"]
        ends = [(item["cause"], item["phase"], item["status"]) for item in found]
        assert ends == ([("refused", "receiving", 408)] if path.startswith("/v1") else [])


# ── connections ──────────────────────────────────────────────────────────────────────────────


def test_a_connection_beyond_the_limit_is_told_so() -> None:
    """503 at once, before it says anything; when one leaves there is room again."""
    with serving(Limits(connections=2)) as control:
        with RawClient(control.url) as first, RawClient(control.url) as second:
            for client in (first, second):
                client.send(HEALTH)
                assert client.response().status == 200
            with RawClient(control.url) as third:
                answer = third.response()
                assert (answer.status, answer.error["code"]) == (503, "too_many_connections")
                assert answer.headers["retry-after"] == "1"
                assert third.is_closed()
            first.send(HEALTH)
            assert first.response().status == 200
        assert send(control.url, "GET", "/_mockai/health").status in {200, 503}


def test_one_who_was_turned_away_may_have_asked_already() -> None:
    """The answer is whole although the request stays unread: no reset takes it away."""
    with serving(Limits(connections=1)) as control, RawClient(control.url) as inside:
        inside.send(HEALTH)
        assert inside.response().status == 200
        for _ in range(20):
            with RawClient(control.url) as client:
                client.send(HEALTH * 50)
                assert client.response().status == 503


def test_thousands_of_idle_connections_do_no_harm(server: ServerThread) -> None:
    """They are counted, and a request among them is answered as ever."""
    with ExitStack() as idle:
        for _ in range(IDLE):
            idle.enter_context(socket.create_connection(_address(server.url)))
        with RawClient(server.url) as client:
            client.send(HEALTH)
            assert client.response().status == 200
        assert metric(server.url, "connections") >= IDLE


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


# ── sessions ─────────────────────────────────────────────────────────────────────────────────


def test_a_full_house_refuses_and_evicts_nobody() -> None:
    """429 names the option; the sessions that live go on."""
    with serving(Limits(sessions=3)) as control:
        made = [send(control.url, "POST", "/_mockai/sessions") for _ in range(2)]
        assert [answer.status for answer in made] == [201, 429]
        assert made[1].error["code"] == "too_many_sessions"
        assert "--max-sessions" in made[1].error["message"]
        assert control.exchanges() == []


def test_sessions_come_and_go_without_leaving_anything(server: ServerThread) -> None:
    """Three times as many as may live at once, one after another."""
    with RawClient(server.url) as client:
        for number in range(3_000):
            path = f"/_mockai/sessions/churn-{number}"
            for method in ("PUT", "DELETE"):
                client.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert client.response().status == 200
    assert metric(server.url, "sessions") < 100


# ── descriptors ──────────────────────────────────────────────────────────────────────────────


def test_without_descriptors_the_server_says_so_and_lives_on() -> None:
    """Streams that are open go on; who comes later waits, and is served when others leave."""
    options = ("--max-connections", "1000")
    with ServeProcess(*options, limits={"files": 40}) as running, ExitStack() as many:
        with RawClient(running.url) as early:
            early.send(HEALTH)
            assert early.response().status == 200
            for _ in range(60):
                many.enter_context(socket.create_connection(_address(running.url)))
            assert "no connection can be accepted" in (said := running.said()), said
            assert "--max-connections" in said
            early.send(HEALTH)
            assert early.response().status == 200
        many.close()
        with RawClient(running.url) as late:
            late.send(HEALTH)
            assert late.response().status == 200


def test_by_default_the_limit_keeps_below_the_descriptors() -> None:
    """So a crowd is told 503 instead of being left to wait."""
    with ServeProcess(limits={"files": 100}) as running, ExitStack() as many:
        for _ in range(60):
            many.enter_context(socket.create_connection(_address(running.url)))
        assert "more are answered with 503" in running.said()
        with RawClient(running.url) as client:
            assert client.response().status == 503
