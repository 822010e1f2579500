"""Whose lines a traceback shows: the test's own for what its author can mend, ours for our bugs.

pytest asks `__tracebackhide__` of a module whether its lines are to be left out; `--full-trace`
shows all of them.
"""

from __future__ import annotations

from typing import Protocol

from mockai.core.errors import MockaiError

MENDED_BY_THE_AUTHOR = (AssertionError, MockaiError, TypeError)


class Failure(Protocol):
    """What pytest knows of an exception (its `ExceptionInfo`)."""

    def errisinstance(self, kinds: tuple[type[BaseException], ...], /) -> bool:
        """Say whether the exception is of one of these kinds."""


def hidden(failure: Failure) -> bool:
    """Say whether the exception explains itself, so that the lines of mockai would only distract.

    `TypeError` is for a word that `script()` or an assertion does not know.
    """
    return failure.errisinstance(MENDED_BY_THE_AUTHOR)
