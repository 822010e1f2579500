"""One thing that is wrong in what somebody wrote: what, and where.

Shared by everything that reads scenarios. Must not know YAML, JSON or a model.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

Loc = tuple[str | int, ...]
"""Where a value stands in the data: `("reply", 1, "faker", "tokens")`."""
Mark = tuple[int, int]
"""Line and column, both counted from 1."""

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist = 2, 3, 3
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 60
_WORDS = {None: "nothing", True: "true", False: "false"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong at a place in the data; `mark` is its place in the text, where known."""

    text: str
    loc: Loc = ()
    mark: Mark | None = None

    def line(self, source: str) -> str:
        """Return `source:line:column: path: what`, without the parts that are not known."""
        where = source if self.mark is None else f"{source}:{self.mark[0]}:{self.mark[1]}"
        path = ".".join(map(_part, self.loc))
        return ": ".join(part for part in (where, path, self.text) if part)


def shown(value: Any) -> str:
    """Return a value as people write it, on one line and shortened."""
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python does not print a number of more than 4,300 digits
        return "a very long number"


def meant(word: str, allowed: Iterable[str]) -> str:
    """Return "; did you mean …?" for the word that this one is probably a misspelling of."""
    near = get_close_matches(word, list(allowed), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _part(part: str | int) -> str:
    """Return one element of a path; a key that would break the line is quoted."""
    text = str(part)
    return text if text.isprintable() and len(text) <= _SHORT.maxstring else shown(text)
