"""Regular expressions that others have written, in a box: bounded in size and in time.

The engine can be stopped while it searches, but neither while it compiles, where it writes fixed
repeats out, nor while it prepares to look for a long literal (measured: 0.7 s for 1,000 letters
that are alike, 50 s for 5,000). So what a pattern comes to is reckoned before. Must not know who
wrote it, or what for.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

MAX_LENGTH = 1_000
MAX_SIZE = 100_000
"""Characters of a pattern, and what it is with its repeats written out."""
MAX_DEPTH = 100
"""Groups within groups: how many more the engine bears depends on who calls."""
_ATOM = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,\d*)?\}|.", re.DOTALL)


@lru_cache(1024)
def compiled(pattern: str) -> regex.Pattern[str]:
    """Return the pattern, ready to search. Raises `ValueError` that says why it cannot be used."""
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"a pattern has {MAX_LENGTH:,} characters at most (got {len(pattern):,})")
    if _size(pattern) > MAX_SIZE:
        raise ValueError(f"its repeats come to more than {MAX_SIZE:,} characters")
    import regex  # noqa: PLC0415 - 10 ms of a start, which only who has a pattern should pay

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    except (RecursionError, OverflowError):
        raise _too_deep() from None


def found(pattern: str, text: str, within_s: float) -> bool | None:
    """Say whether the pattern is somewhere in the text; `None` if no answer came in time.

    Raises `ValueError` as `compiled` does.
    """
    try:
        return compiled(pattern).search(text, timeout=within_s) is not None
    except TimeoutError:
        return None


def _size(pattern: str) -> int:
    """Return about how many characters a pattern has when what it repeats is written out.

    >>> _size("(ab{3}){10}c")
    41
    """
    sizes, last = [0], 0  # of the groups around, and of what a repeat would repeat
    for atom in _ATOM.finditer(pattern):
        if atom[1] is not None:
            sizes[-1] += last * max(0, min(int(atom[1][:9]), MAX_SIZE) - 1)
            last = min(last * int(atom[1][:9]), MAX_SIZE + 1)
        elif atom[0] == "(":
            sizes.append(0)
            if len(sizes) > MAX_DEPTH + 1:
                raise _too_deep()
        elif atom[0] == ")" and len(sizes) > 1:
            last = sizes.pop()
            sizes[-1] += last
        else:
            last = 1
            sizes[-1] += 1
    return sum(sizes)


def _too_deep() -> ValueError:
    return ValueError(f"its groups are nested too deeply: {MAX_DEPTH} at most")
