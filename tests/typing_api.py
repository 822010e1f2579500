"""How the Python words are used, for a type checker: it is checked, never run.

A line that must not pass carries the error that is expected: an ignore that is not needed is an
error too.
"""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

from mockai import AsyncMockAI, MockAI
from mockai.client import AsyncScript, Exchange, Exchanges, Gate, Mark, Script
from mockai.core.checks.base import Verdict
from mockai.core.findings import Finding


def sync_words(mockai: MockAI) -> None:
    """What a synchronous test says."""
    story = mockai.script(tokens=400, hold_at=12, tokens_per_second=50, policy="stop-now")
    assert_type(story, Script)
    mockai.script(turns=[[{"text": "Hi"}]], match={"nth": 2}, pace={"jitter": "10%"})
    assert_type(mockai.load("story.yaml", {"name": "b", "reply": []}), list[Script])
    assert_type(story.wait_held(timeout=2), Gate)
    assert_type(story.release(tokens=5), int)
    with mockai.mark("stop") as mark, mockai.no_gc():
        assert_type(mark, Mark)
    assert_type(story.exchanges, Exchanges)
    assert_type(story.exchanges[-1], Exchange)
    assert_type(story.wait_for(outcome="cancelled"), Exchange)
    assert_type(mockai.wait_for(outcome="cancelled", tag="t", timeout=1), Exchange)
    assert_type(mockai.exchanges(model="gpt-4o"), Exchanges)
    assert_type(mockai.wait_idle(timeout=1), None)
    assert_type(mockai.findings(), list[Finding])
    assert_type(mockai.check({"completed": {}}), list[Verdict])


def sync_assertions(mockai: MockAI, story: Script, mark: Mark) -> None:
    """What a synchronous test demands."""
    story.assert_cancelled(within=0.25, since="stop", max_tokens=12, while_held="hold-1")
    story.assert_cancelled(within="250ms", since={"token": 3}, phase="streaming", how="fin")
    story.assert_completed(count=2)
    story.assert_billed(max_cost_usd=Decimal("0.1"), policy={"notice": "200ms"})
    story.assert_wasted()
    story.assert_usage(total_tokens=33, tolerance=1, in_all=True)
    mockai.assert_requests(count=1, quiet=0)
    mockai.assert_requests(after=mark.name, only="retries", quiet="2s")
    mockai.assert_open(max=1, within="1s", after="stop")
    mockai.assert_sent(body={"temperature": 1}, headers={"x-debug": None}, tools=[], last_user="a")
    mockai.assert_sent(system={"regex": "^Be"})
    mockai.assert_delivered("Once upon", exact=True)
    mockai.assert_order(scenarios=["plan", "answer"])
    mockai.assert_order(tags=["a", "b"], model="gpt-4o")
    mockai.assert_no_retry_after_cancel(quiet="500ms", scenario="story")
    mockai.assert_no_requests_after(mark)
    mockai.assert_no_requests_after("stop", quiet=0, tag="t")
    mockai.assert_no_open_streams(within="2s")
    story.assert_survived_disconnect()
    assert_type(story.assert_called_once(), None)


async def async_words(mockai: AsyncMockAI) -> None:
    """What an asynchronous test says: the same, awaited."""
    story = await mockai.script(tokens=400, hold_at=12)
    assert_type(await mockai.load("story.yaml"), list[AsyncScript])
    assert_type(await story.wait_held(), Gate)
    async with mockai.mark("stop") as mark:
        assert_type(mark, Mark)
    assert_type(await story.exchanges, Exchanges)
    assert_type(await story.wait_for(outcome="open"), Exchange)
    assert_type(await mockai.findings(), list[Finding])
    await mockai.wait_idle()
    await mockai.assert_no_retry_after_cancel()
    assert_type(await story.assert_cancelled(within=0.25), None)


def slips(mockai: MockAI) -> None:
    """What a type checker must find before the test is run."""
    mockai.script(token=400)  # type: ignore[call-arg]
    mockai.assert_cancelled(max_token=12)  # type: ignore[call-arg]
    mockai.assert_cancelled(phase="early")  # type: ignore[arg-type]
    mockai.assert_requests(only="all")  # type: ignore[arg-type]
    mockai.assert_no_open_streams(count=1)  # type: ignore[call-arg]
    mockai.assert_delivered()  # type: ignore[call-arg]
    mockai.wait_for(outcome="gone")  # type: ignore[arg-type]
