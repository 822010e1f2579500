"""Leaving is seen although bytes stand before it that nobody reads yet."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from mockai.http.server import ServerThread
from tests.support.aiohttp import AIOHTTP
from tests.support.control import Control, send
from tests.support.raw import CHAT, Connect, RawClient, post, question

TOKENS, MIDDLE = 20, 5
ROW = 40  # requests: more than aiohttp keeps, and less than the kernel does
LARGE = "x" * (600_000 if AIOHTTP >= (3, 14) else 200_000)
"""More than aiohttp takes of a body that waits, and less than the kernel."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of it unread")


def row_of(path: str) -> bytes:
    """Return many small requests."""
    return ROW * post(path + CHAT, question())


def large(path: str) -> bytes:
    """Return one request with a large body."""
    return post(path + CHAT, question(user=LARGE))


def half(path: str) -> bytes:
    """Return a request with a large body that breaks off."""
    return large(path)[:-1]


LEAVING = pytest.mark.parametrize(
    "leave, how",
    [
        pytest.param(RawClient.close, "fin", id="close"),
        pytest.param(RawClient.half_close, "fin", id="half-close"),
        pytest.param(RawClient.reset, "reset", id="reset"),
    ],
)
BEHIND = pytest.mark.parametrize("behind", [row_of, large, half])


@BEHIND
@LEAVING
def test_leaving_is_seen_behind_what_is_not_read(
    control: Control,
    connect: Connect,
    behind: Callable[[str], bytes],
    leave: Callable[[RawClient], None],
    how: str,
) -> None:
    """A held stream is cancelled at its token; what was asked behind it is never received."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    client = connect()
    client.chat(control.path, stream=True)
    client.read_tokens(MIDDLE)
    client.send(behind(control.path))
    leave(client)
    left = control.ended("cancelled")
    assert (left["disconnect"]["how"], left["disconnect"]["token"]) == (how, MIDDLE)
    assert left["disconnect"]["while_held"] == "hold-1"
    assert left["delivery"]["acked_bytes"] == left["delivery"]["written_bytes"]


def test_a_fin_behind_a_row_of_requests_is_an_event_where_that_is_asked_for(
    server: ServerThread, connect: Connect
) -> None:
    """`half_close: continue`: noted while the first is held, and every request is answered."""
    send(server.url, "PUT", "/_mockai/sessions/patient-row", {"half_close": "continue"})
    control = Control(server.url, "patient-row")
    control.script("first", tokens=TOKENS, hold={"at_token": MIDDLE}, times=1)
    control.script("rest", tokens=1)
    client = connect()
    client.chat(control.path, stream=True)
    client.read_tokens(MIDDLE)
    client.send(row_of(control.path))
    client.half_close()
    while control.exchanges()[0]["half_closed_s"] is None:
        pass  # each call is a turn of the server's loop
    control.release()
    assert {client.response().status for _ in range(1 + ROW)} == {200}
    assert client.is_closed()
    control.wait_for(1 + ROW, outcome="completed")


@pytest.mark.parametrize(
    "half_close, outcome", [("continue", "completed"), ("cancel", "cancelled")]
)
def test_a_fin_behind_a_large_upload_means_what_it_means_behind_a_small_one(
    server: ServerThread, connect: Connect, half_close: str, outcome: str
) -> None:
    """While a body is read, reading rests now and then: the FIN may be seen before its end."""
    name = f"upload-{half_close}"
    send(server.url, "PUT", f"/_mockai/sessions/{name}", {"half_close": half_close})
    control = Control(server.url, name)
    control.script(tokens=1)
    client = connect()
    client.send_last(post(control.path + CHAT, question(user=4 * LARGE)))
    control.ended(outcome)
    assert client.is_closed() == (outcome == "cancelled")


@LEAVING
def test_after_a_large_upload_leaving_is_told_as_after_a_small_one(
    control: Control, connect: Connect, leave: Callable[[RawClient], None], how: str
) -> None:
    """Reading has rested and goes on: whoever hears first, the way is the one that was taken."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    client = connect()
    client.send(post(control.path + CHAT, question(stream=True, user=5 * LARGE)))
    control.wait_held()
    client.read_tokens(MIDDLE)
    leave(client)
    left = control.ended("cancelled")
    assert (left["disconnect"]["how"], left["disconnect"]["token"]) == (how, MIDDLE)
