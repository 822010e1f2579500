"""`AsyncMockAI` against a real server: the same words, awaited, in the product's own loop."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from openai import AsyncOpenAI

import mockai as api
from mockai.client import AsyncMockAI, Mark
from mockai.core.errors import ConflictError, MockaiError, NotFoundError, ScenarioError
from mockai.http.server import ServerThread

pytestmark = pytest.mark.asyncio


async def ask(mockai: AsyncMockAI, model: str = "gpt-4o-mini") -> str:
    """Read an answer to its end with the official client; cancelling this is pressing Stop."""
    said = ""
    async with AsyncOpenAI(
        base_url=mockai.base_url, api_key=mockai.api_key, max_retries=0
    ) as client:
        stream = await client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        async with stream:
            async for chunk in stream:
                said += "".join(choice.delta.content or "" for choice in chunk.choices)
    return said


async def test_the_stop_button_stops(server: ServerThread) -> None:
    """Test and product share one loop: no wait of the test keeps the product from running."""
    async with AsyncMockAI(server.url) as mockai, asyncio.TaskGroup() as group:
        story = await mockai.script(tokens=400, hold_at=12)
        answer = group.create_task(ask(mockai))
        assert (await story.wait_held()).held[0].token == 12
        async with mockai.mark("stop") as mark:
            answer.cancel()
        assert mark == Mark("stop", 1)
        await story.assert_cancelled(within=0.25, max_tokens=12)
        await story.assert_billed(max_tokens=12)
        with pytest.raises(AssertionError, match="expected the client to read 'script-1' to its"):
            await story.assert_completed()


async def test_every_word_is_awaited(server: ServerThread) -> None:
    """Scripts, gates, marks, exchanges, checks and reset: as in the synchronous face."""
    async with AsyncMockAI(server.url) as mockai, asyncio.TaskGroup() as group:
        story = await mockai.script(tokens=9, hold_at=2)
        group.create_task(ask(mockai))
        assert (await mockai.wait_held("hold-1")).held[0].token == 2
        assert await mockai.mark("halfway") == Mark("halfway", 1)
        assert await story.release(tokens=3) == 1
        assert (await story.wait_held()).held[0].token == 5
        assert await mockai.release("hold-1") == 1
        await story.assert_completed()
        assert [item.scenario for item in await story.exchanges] == ["script-1"]
        assert await mockai.exchanges() == await story.wait_for_exchanges()
        assert await mockai.wait_for_exchanges(outcome="completed") == await story.exchanges
        (verdict,) = await mockai.check({"billed": {"max_tokens": 1}})
        assert not verdict.passed
        assert not (await mockai.gate("hold-1")).held
        await mockai.reset()
        assert await mockai.exchanges() == []


async def test_mistakes_are_the_same_errors(server: ServerThread) -> None:
    """What the server refuses is a `MockaiError`, what has not come true an `AssertionError`."""
    async with AsyncMockAI(server.url) as mockai:
        with pytest.raises(ScenarioError, match="greater than 0"):
            await mockai.script(tokens=-3)
        with pytest.raises(ConflictError, match="nothing is held at gate 'door'"):
            await mockai.release("door")
        with pytest.raises(AssertionError, match="is OPENAI_BASE_URL used"):
            await mockai.wait_for_exchanges(timeout=0)
        assert repr(mockai) == f"<AsyncMockAI session '{mockai.session}' at {server.url}>"
        story = await mockai.script("story", hold_at=1)
        assert repr(story) == f"<AsyncScript story in session '{mockai.session}' holds at hold-1>"
    with pytest.raises(NotFoundError, match="has ended"):
        await mockai.exchanges()


async def forget(server: ServerThread, error: Exception | None = None) -> None:
    """Make a test that forgets two `await`s, and raises an error of its own if given."""
    async with AsyncMockAI(server.url) as mockai:
        mockai.mark("stop")
        _ = mockai.assert_cancelled(within=0.25)
        if error is not None:
            raise error


async def test_an_assertion_that_is_never_awaited_fails_the_test(server: ServerThread) -> None:
    """It has judged nothing: Python would let the test pass with a warning. Errors come first."""
    with pytest.raises(AssertionError, match=r"never awaited.*: await mark\(…\), assert_cancelled"):
        await forget(server)
    with pytest.raises(ZeroDivisionError):
        await forget(server, ZeroDivisionError())


async def test_a_wait_can_be_cancelled(server: ServerThread) -> None:
    """A test that is cut short leaves no thread behind that waits on: the connection is dropped."""
    async with AsyncMockAI(server.url) as mockai:
        threads = threading.active_count()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await mockai.wait_held("door", timeout=60)
        assert threading.active_count() == threads


async def test_without_an_address_a_server_is_started_and_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`async with AsyncMockAI():` needs nothing else, and leaves nothing behind."""
    monkeypatch.delenv("MOCKAI_URL", raising=False)
    async with api.AsyncMockAI() as mockai:
        await mockai.script(text="Hi")
        assert await ask(mockai) == "Hi"
    with pytest.raises(MockaiError, match=f"no mockai server answers at {mockai.url}"):
        await mockai.exchanges()


class Dumb(BaseHTTPRequestHandler):
    """Makes a session, and hangs up at every other call."""

    def do_POST(self) -> None:
        body = b'{"id": "s-1", "base_url": "", "api_key": ""}'
        self.send_response(201)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.close_connection = True

    def do_DELETE(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


async def test_a_server_that_hangs_up_is_reported() -> None:
    """Not a bare `BadStatusLine`: which server, and what to do."""
    with HTTPServer(("127.0.0.1", 0), Dumb) as dumb:
        thread = threading.Thread(target=dumb.serve_forever, args=(0.01,))
        thread.start()
        try:
            async with AsyncMockAI(f"http://127.0.0.1:{dumb.server_port}") as mockai:
                with pytest.raises(MockaiError, match=f"no mockai server answers at {mockai.url}"):
                    await mockai.exchanges()
        finally:
            dumb.shutdown()
            thread.join()
