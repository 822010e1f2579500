"""Seeded text that matches a regular expression, for the patterns that schemas commonly have.

Knows: how Python reads a pattern. Must not know: schemas. Look-arounds, back references,
conditions and anything that Python's `re` does not read are not understood, and the answer is None.
"""

from __future__ import annotations

import re
import string
from importlib import import_module
from random import Random
from typing import Any

MAX_LENGTH = 10_000  # characters; also keeps `(a{1000}){1000}` from filling the memory
_WORD = string.ascii_letters + string.digits + "_"
_PRINTABLE = _WORD + string.punctuation + " "
_CLASSES = {"DIGIT": string.digits, "WORD": _WORD, "SPACE": " "}


def text_matching(pattern: str, rng: Random, *, reach: int = 3) -> str | None:
    """A text that `re.fullmatch` takes, or None for a pattern that is not understood.

    An open repeat (`*`, `+`, `{2,}`) is played up to `reach` times more than it must be.
    """
    try:
        # The parser has no public name, and reading patterns anew would be longer than this file.
        tree = import_module("re._parser").parse(pattern)
        return "".join(_Player(rng, reach).play(tree))
    except (re.error, OverflowError, RecursionError, NotImplementedError):
        return None


class _Player:
    """Walks a parsed pattern; one method for each kind of node, named after it."""

    def __init__(self, rng: Random, reach: int) -> None:
        self._rng = rng
        self._reach = reach
        self._length = 0

    def play(self, tree: Any) -> list[str]:
        return [text for kind, value in tree for text in self._node(str(kind), value)]

    def _node(self, kind: str, value: Any) -> list[str]:
        match kind, value:
            case "AT", _:
                return []
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT", (low, high, tree):
                times = self._rng.randint(low, min(int(high), low + self._reach))
                return [text for _ in range(times) for text in self.play(tree)]
            case "SUBPATTERN", (*_, tree):
                return self.play(tree)
            case "ATOMIC_GROUP", tree:
                return self.play(tree)
            case "BRANCH", (_, trees):
                return self.play(self._rng.choice(trees))
            case _:
                return [self._character(kind, value)]

    def _character(self, kind: str, value: Any) -> str:
        self._length += 1
        letters = _letters(kind, value)
        if not letters or self._length > MAX_LENGTH:
            raise NotImplementedError(kind)
        return self._rng.choice(letters)


def _letters(kind: str, value: Any) -> str:
    """The characters that one node takes, or a fair part of them."""
    match kind, value:
        case "LITERAL", code:
            return chr(code)
        case "NOT_LITERAL", code:
            return _PRINTABLE.replace(chr(code), "")
        case "ANY", _:
            return _WORD
        case "RANGE", (low, high):
            return "".join(map(chr, range(low, min(high, low + 255) + 1)))
        case "CATEGORY", category:
            return _category(str(category).removeprefix("CATEGORY_"))
        case "IN", [(first, _), *rest] if str(first) == "NEGATE":
            taken = "".join(_letters(str(kind), value) for kind, value in rest)
            return "".join(letter for letter in _PRINTABLE if letter not in taken)
        case "IN", nodes:
            return "".join(_letters(str(kind), value) for kind, value in nodes)
    raise NotImplementedError(kind)


def _category(name: str) -> str:
    if name in _CLASSES:
        return _CLASSES[name]
    taken = _CLASSES[name.removeprefix("NOT_")]
    return "".join(letter for letter in _PRINTABLE if letter not in taken)
