"""`mockai demo`: one story, told twice. A Stop button that only sets a flag, and one that stops.

Both use the official OpenAI client against a mockai server that this command starts.
"""

from __future__ import annotations

import argparse
from decimal import Decimal
from typing import TYPE_CHECKING

from mockai.cli.options import OptionError

if TYPE_CHECKING:
    import asyncio

    from mockai.client import AsyncMockAI, AsyncScript, Exchange

MODEL = "gpt-4o"
TOKENS, HOLD_AT = 400, 12
PROMPT = "Tell me a story."


def add_options(parser: argparse.ArgumentParser) -> None:
    """The demo has none."""


def run(asked: argparse.Namespace) -> int:  # noqa: ARG001 - every command has the same form
    """Tell both stories."""
    try:
        import openai  # noqa: F401
    except ImportError:
        raise OptionError(
            "the demo plays the official client: pip install 'mockai-server[demo]'"
        ) from None
    import asyncio

    asyncio.run(_demo())
    return 0


async def _demo() -> None:
    from mockai.client import AsyncMockAI

    async with AsyncMockAI() as mock:
        print(
            f"A model writes a story of {TOKENS} tokens. After {HOLD_AT} the user presses Stop.\n"
        )
        bug = await _forum(mock)
        await _mended(mock)
        print("The page looks the same in both. Only the other end of the wire can tell.")
        print(_cost_of(bug))


async def _forum(mock: AsyncMockAI) -> Exchange:
    """The bug: a flag is set, the loop goes on."""
    print("1. As in the forum: Stop sets a flag.\n\n     if not stopped: show(chunk)\n")
    import asyncio

    story = await mock.script(name="flag-only", times=1, tokens=TOKENS, hold_at=HOLD_AT)
    stopped = asyncio.Event()
    app = asyncio.create_task(_read(mock, stopped=stopped))
    await story.wait_held()
    async with mock.mark("stop"):
        stopped.set()
    await story.release()  # the model writes on: nobody told it to stop
    await app
    return await _verdict(mock, story)


async def _mended(mock: AsyncMockAI) -> None:
    """The cure: Stop cancels the task, and leaving `async with` closes the response."""
    print("2. Mended: Stop cancels the task, and `async with stream:` closes the response.\n")
    import asyncio

    story = await mock.script(name="mended", tokens=TOKENS, hold_at=HOLD_AT)
    app = asyncio.create_task(_read(mock))
    await story.wait_held()
    async with mock.mark("stop"):
        app.cancel()
    await asyncio.wait([app])
    await _verdict(mock, story)


async def _read(mock: AsyncMockAI, *, stopped: asyncio.Event | None = None) -> str:
    from openai import AsyncOpenAI

    shown = ""
    async with AsyncOpenAI(base_url=mock.base_url, api_key=mock.api_key) as client:
        stream = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": PROMPT}], stream=True
        )
        async with stream:
            async for chunk in stream:
                if stopped is None or not stopped.is_set():
                    shown += chunk.choices[0].delta.content or ""
    return shown


async def _verdict(mock: AsyncMockAI, story: AsyncScript) -> Exchange:
    (verdict,) = await mock.check(
        {"cancelled": {"within": 0.25, "max_tokens": HOLD_AT, "where": {"scenario": story.name}}}
    )
    (exchange,) = await mock.exchanges(scenario=story.name)
    print(f"     what mockai saw   {exchange.timeline}")
    if exchange.bill is not None:
        print(
            f"     billed            {exchange.bill.completion_tokens} completion tokens, "
            f"{exchange.bill.wasted_tokens} of them after Stop"
        )
    print(f"     assert_cancelled  {'PASSED' if verdict.passed else 'FAILED'}: {verdict.message}\n")
    return exchange


def _cost_of(bug: Exchange) -> str:
    """Return what the bug costs a thousand users, at the prices that ship with mockai."""
    bill = bug.bill
    if bill is None or bill.wasted_usd is None:
        raise AssertionError(f"the demo's model {MODEL} has a price")
    dollars = 1_000 * Decimal(bill.wasted_usd)
    return (
        f"A thousand users who press Stop once cost ${dollars:.2f} for nothing: "
        f"{bill.wasted_tokens} tokens each, {MODEL}."
    )
