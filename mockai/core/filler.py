"""Seeded text of exactly n tokens, made of words that are one token each.

Every word of `data/filler.txt` is one token after a space in both encodings; those above its empty
line are one token at the start of a text too. The list is frozen in the package, so that no
update of another library can change a bill. Must not know: encodings, models, scenarios.
"""

from __future__ import annotations

from functools import cache
from random import Random

from mockai.core.vocabulary import package_data


def filler(n: int, seed: int, *, joined: bool = False) -> str:
    """`n` words, which are exactly `n` tokens of o200k_base and of cl100k_base; "" for 0.

    `joined` text goes on after another one: it begins with a space.

    The same arguments give the same text, and a longer one begins with the shorter one of the same
    seed. Raises ValueError when `n` is negative.
    """
    if n < 0:
        raise ValueError(f"n must be at least 0 (got {n})")
    if n == 0:
        return ""
    openers, words = _words()
    rng = Random(seed)
    first = " " + rng.choice(words) if joined else rng.choice(openers)
    return " ".join([first, *rng.choices(words, k=n - 1)])


@cache
def _words() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words that may open a text, and all words."""
    text = (package_data() / "filler.txt").read_text(encoding="ascii")
    openers, others = (tuple(part.split()) for part in text.split("\n\n"))
    return openers, openers + others
