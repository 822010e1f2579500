"""A server on a thread of a suite that has installed an event loop of another make."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mockai.http.server import ServerThread
from tests.support.control import Control
from tests.support.raw import CHAT, RawClient, post, question

uvloop = pytest.importorskip("uvloop")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def server() -> Iterator[ServerThread]:
    """A server that is started while uvloop makes the loops."""
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        running = ServerThread().start()
    finally:
        asyncio.set_event_loop_policy(before)
    yield running
    running.stop()


def test_a_stream_overtakes_no_answer_under_a_foreign_policy(
    server: ServerThread, control: Control
) -> None:
    """Under uvloop what aiohttp has written would come after what mockai writes past it."""
    control.script("large", reply=[{"text": "word " * 10_000}])
    control.script("story", match={"stream": True})
    with RawClient(server.url, receive_buffer=4_096) as client:
        large = f"GET {control.root}/scenarios/large HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.send(large.encode() + post(control.path + CHAT, question(stream=True)))
        client.read_head()
        control.exchanges()
        client.take_up(1 << 20)
        assert client.response().body["name"] == "large"
        assert client.response().raw.endswith(b"data: [DONE]\n\n")
