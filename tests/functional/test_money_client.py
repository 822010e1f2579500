"""The Python words about money, sync and async: they ask the server and fail with its report."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from mockai import AsyncMockAI, MockAI
from mockai.client import Script
from tests.support.raw import RawClient


def leave(base_url: str, story: Script) -> None:
    """Leave a stream at the gate at which it is held."""
    with RawClient(base_url) as client:
        client.chat(urlsplit(base_url).path, stream=True)
        story.wait_held()


def read_all(base_url: str) -> dict[str, int]:
    """Read an answer in one body; return its usage."""
    with RawClient(base_url) as client:
        client.chat(urlsplit(base_url).path)
        usage: dict[str, int] = client.response().body["usage"]
    return usage


def test_budgets_in_python() -> None:
    """`assert_billed` and `assert_wasted`, by the session's policy and by another."""
    with MockAI(policy="bill-in-full") as mockai:
        story = mockai.script(tokens=40, hold_at=5)
        leave(mockai.base_url, story)
        story.assert_cancelled()
        story.assert_wasted(policy="stop-now")
        story.assert_billed(max_tokens=8, policy={"notice": {"tokens": 3}})
        with pytest.raises(AssertionError, match="wasted: 35"):
            story.assert_wasted()
        with pytest.raises(AssertionError, match=r"cost: \$0\.0000"):
            story.assert_billed(max_cost_usd="0.000001")


def test_what_was_booked_in_python() -> None:
    """`assert_usage` takes the words of OpenAI's usage object."""
    with MockAI() as mockai:
        story = mockai.script(tokens=40)
        booked = read_all(mockai.base_url)
        story.assert_usage(prompt_tokens=booked["prompt_tokens"], completion_tokens=40)
        with pytest.raises(AssertionError, match="1 booked"):
            story.assert_usage(total_tokens=1, timeout=1)


def test_ledger_and_clock_in_python() -> None:
    """`ledger()` has the sums, `advance()` moves the settlement clock."""
    with MockAI() as mockai:
        mockai.script(tokens=40)
        read_all(mockai.base_url)
        mockai.assert_completed()
        assert mockai.ledger()["totals"]["completion_tokens"] == 40
        assert (mockai.advance("5m"), mockai.advance(1)) == (300, 301)


def test_the_same_words_for_asyncio() -> None:
    """Each word that asks the server is awaited."""

    async def story() -> None:
        async with AsyncMockAI(policy="stop-lag") as mockai:
            await mockai.script(tokens=40)
            booked = await asyncio.to_thread(read_all, mockai.base_url)
            await mockai.assert_completed()
            await mockai.assert_wasted()
            await mockai.assert_usage(total_tokens=booked["total_tokens"])
            assert (await mockai.ledger())["by_policy"]["stop-lag"]["requests"] == 1
            assert await mockai.advance("5m") == 300

    asyncio.run(story())
