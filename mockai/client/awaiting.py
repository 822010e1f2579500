"""Coroutines that say something of the test: one that nobody awaits has said nothing.

Python only warns of it, long after the test has passed. Knows neither calls nor checks.
"""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from typing import Any, TypeVar

from mockai.client.tracebacks import hidden

__tracebackhide__ = hidden

Returned = TypeVar("Returned")


class Awaiting:
    """Keeps what has been handed out, until it has been begun.

    >>> async def judge() -> None: ...
    >>> awaiting = Awaiting()
    >>> _ = awaiting.keep("assert_cancelled", judge())
    >>> awaiting.forgotten(), awaiting.forgotten()
    (['assert_cancelled'], [])
    """

    def __init__(self) -> None:
        self._kept: list[tuple[str, Coroutine[Any, Any, Any]]] = []

    def keep(
        self, word: str, coroutine: Coroutine[Any, Any, Returned]
    ) -> Coroutine[Any, Any, Returned]:
        """Hand out the coroutine of a word."""
        self._kept = [(other, kept) for other, kept in self._kept if _is_new(kept)]
        self._kept.append((word, coroutine))
        return coroutine

    def forgotten(self) -> list[str]:
        """Return the words that were never awaited, and give them up."""
        found = [(word, coroutine) for word, coroutine in self._kept if _is_new(coroutine)]
        self._kept.clear()
        for _, coroutine in found:
            coroutine.close()
        return [word for word, _ in found]

    def refuse_forgotten(self) -> None:
        """Raise `AssertionError` for what was never awaited."""
        forgotten = self.forgotten()
        if forgotten:
            words = ", ".join(f"{word}(…)" for word in forgotten)
            raise AssertionError(f"never awaited, so mockai was never asked: await {words}")


def _is_new(coroutine: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
