"""A coroutine that was handed out and never begun is found out, whatever became of the others."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from mockai.client.awaiting import Awaiting


async def judge() -> str:
    """Stand for an assertion."""
    return "judged"


def test_what_was_awaited_is_not_forgotten() -> None:
    """Awaited as it is, or as a task; both give what the coroutine returns."""
    awaiting = Awaiting()

    async def main() -> list[str]:
        return [
            await awaiting.keep("one", judge()),
            await asyncio.create_task(awaiting.keep("two", judge())),
        ]

    assert asyncio.run(main()) == ["judged", "judged"]
    assert awaiting.forgotten() == []


def test_what_was_never_begun_is_told_once() -> None:
    """In the order in which it was handed out, also when others have been awaited since."""
    awaiting = Awaiting()
    never = [judge(), judge()]
    for coroutine in never:
        _ = awaiting.keep("mark", coroutine)
    asyncio.run(awaiting.keep("assert_completed", judge()))
    with pytest.raises(AssertionError, match=r"never awaited, .* await mark\(…\), mark\(…\)$"):
        awaiting.refuse_forgotten()
    awaiting.refuse_forgotten()
    closed = [inspect.getcoroutinestate(coroutine) for coroutine in never]
    assert closed == [inspect.CORO_CLOSED] * 2  # so that Python has no more to say
