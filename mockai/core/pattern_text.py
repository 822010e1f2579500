"""Seeded text that matches a regular expression, for the patterns that schemas commonly have.

Knows: how Python reads a pattern. Must not know: schemas. Look-arounds are passed over when the
text is made and hold by luck; back references and conditions are not understood. A pattern may
come from any client, so what it may take is bounded.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from random import Random
from typing import Any

from mockai.core import boxed_regex

PATIENCE_S = 0.02
"""How long it may take to see that a text fits: the pattern may be anybody's."""
MAX_STEPS = 10_000  # characters and repeats: `(a{1000}){1000}` must not fill the memory
_WORD = string.ascii_letters + string.digits + "_"
_PRINTABLE = _WORD + string.punctuation + " "
_CLASSES = {"DIGIT": string.digits, "WORD": _WORD, "SPACE": " "}
_EMPTY = ("AT", "ASSERT", "ASSERT_NOT")


class _TooLongError(Exception):
    """The pattern asks for more than MAX_STEPS."""


def text_matching(pattern: str, rng: Random, *, reach: int = 3) -> str | None:
    """A text in which the pattern is found; None where there was no luck.

    A repeat (`?`, `*`, `+`, `{2,8}`) is played up to `reach` times more than it must be.
    Raises `TimeoutError` when it takes too long to see whether the text fits.

    >>> text_matching("^[A-C]{2}-7$", Random(1))
    'CA-7'
    """
    tree = _tree(pattern)
    if tree is None:
        return None
    try:
        text = "".join(_Player(rng, reach).play(tree))
        fits = boxed_regex.found(pattern, text, PATIENCE_S)
    except (ValueError, OverflowError, RecursionError, KeyError, _TooLongError):
        return None
    if fits is None:
        raise TimeoutError
    return text if fits else None


@lru_cache(maxsize=64)
def _tree(pattern: str) -> Any:
    """Return the pattern as Python reads it; None for what it does not."""
    if len(pattern) > boxed_regex.MAX_LENGTH:  # reading a longer one takes long, and none are
        return None
    try:
        # The parser has no public name, and reading patterns anew would be longer than this file.
        return import_module("re._parser").parse(pattern)
    except (re.error, Warning, OverflowError, RecursionError):
        return None


class _Player:
    """Walks a parsed pattern and writes down one text that it takes."""

    def __init__(self, rng: Random, reach: int) -> None:
        self._rng = rng
        self._reach = reach
        self._steps = 0

    def play(self, tree: Any) -> list[str]:
        return [text for kind, value in tree for text in self._node(str(kind), value)]

    def _node(self, kind: str, value: Any) -> list[str]:
        match kind, value:
            case (("MAX_REPEAT" | "MIN_REPEAT"), (low, high, tree)):
                return self._repeat(low, high, tree)
            case "SUBPATTERN", (*_, tree):
                return self.play(tree)
            case "BRANCH", (_, trees):
                return self.play(self._rng.choice(trees))
        if kind in _EMPTY:
            return []
        self._step()
        letters = _LETTERS[kind](value)
        return [self._rng.choice(letters)] if letters else []

    def _repeat(self, low: int, high: int, tree: Any) -> list[str]:
        texts: list[str] = []
        for _ in range(self._rng.randint(low, min(high, low + self._reach))):
            self._step()
            texts += self.play(tree)
        return texts

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooLongError


def _other(taken: str) -> str:
    return "".join(letter for letter in _PRINTABLE if letter not in taken)


def _range(bounds: tuple[int, int]) -> str:
    low, high = bounds
    letters = [chr(code) for code in range(low, min(high, low + 255) + 1)]
    return "".join(filter(_PRINTABLE.__contains__, letters)) or "".join(letters)


def _category(category: Any) -> str:
    name = str(category).removeprefix("CATEGORY_")
    return _CLASSES[name] if name in _CLASSES else _other(_CLASSES[name.removeprefix("NOT_")])


def _set(nodes: list[tuple[Any, Any]]) -> str:
    if str(nodes[0][0]) == "NEGATE":
        return _other(_set(nodes[1:]))
    return "".join(_LETTERS[str(kind)](value) for kind, value in nodes)


# The characters that a node takes, or a fair part of them.
_LETTERS: Mapping[str, Callable[[Any], str]] = {
    "LITERAL": chr,
    "NOT_LITERAL": lambda code: _other(chr(code)),
    "ANY": lambda _: _WORD,
    "RANGE": _range,
    "CATEGORY": _category,
    "IN": _set,
}
