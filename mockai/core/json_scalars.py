"""Seeded strings and numbers within the bounds of a JSON schema.

Must not know: objects, arrays, references. Bounds that contradict each other give a value that
keeps the one or the other of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from random import Random
from typing import Any
from uuid import UUID

from mockai.core.filler import filler
from mockai.core.json_schema import Schema, number_of, size_of
from mockai.core.pattern_text import text_matching

MAX_LENGTH = 10_000  # characters
ORDINARY_LENGTH = 60
SPAN = 100  # from one bound to where the other would be
TRIES = 30
LENGTH_TRIES = 300  # of texts that match, for one of the right length
_SLOW = 30  # failures
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
_YEAR_S = 365 * 24 * 3600


def _moment(rng: Random) -> str:
    moment = _EPOCH + timedelta(seconds=rng.randrange(_YEAR_S))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _word(rng: Random) -> str:
    return filler(1, rng.getrandbits(32)).lower()


FORMATS: Mapping[str, Callable[[Random], str]] = {
    "date-time": _moment,
    "date": lambda rng: _moment(rng)[:10],
    "time": lambda rng: _moment(rng)[11:],
    "duration": lambda rng: f"P{rng.randint(1, 9)}DT{rng.randint(1, 23)}H",
    "email": lambda rng: f"{_word(rng)}@example.com",
    "hostname": lambda rng: f"{_word(rng)}.example.com",
    "uri": lambda rng: f"https://example.com/{_word(rng)}",
    "uuid": lambda rng: str(UUID(int=rng.getrandbits(128), version=4)),
    "ipv4": lambda rng: f"192.0.2.{rng.randint(1, 254)}",  # RFC 5737: for documentation
    "ipv6": lambda rng: f"2001:db8::{rng.randint(1, 0xFFFF):x}",  # RFC 3849
}


@dataclass(slots=True)
class Allowance:
    """What the strings of one instance may cost: its schema may be any client's."""

    characters: int = 500_000
    failures: int = 600
    """Texts that did not fit their pattern; one that took `PATIENCE_S` to see counts as thirty.

    Fewer, and a few patterns that nobody meets would have all others passed over."""


def string(schema: Schema, rng: Random, allowance: Allowance) -> str:
    """A text of the pattern or the format; some words where there is none that we know.

    Beyond the allowance patterns are passed over, and then all strings are empty.
    """
    text = _string(schema, rng, allowance) if allowance.characters > 0 else ""
    allowance.characters -= len(text)
    return text


def _string(schema: Schema, rng: Random, allowance: Allowance) -> str:
    low = size_of(schema, "minLength", 0, most=MAX_LENGTH)
    high = size_of(schema, "maxLength", max(low, ORDINARY_LENGTH), most=MAX_LENGTH)
    if isinstance(pattern := schema.get("pattern"), str):
        text = _of_pattern(pattern, low, high, rng, allowance)
        if text is not None:
            return text
    if isinstance(name := schema.get("format"), str) and name in FORMATS:
        return FORMATS[name](rng)
    words = max(rng.randint(1, 3), low // 2 + 1)  # a word and its space are two characters or more
    return filler(words, rng.getrandbits(32))[:high]


def _of_pattern(pattern: str, low: int, high: int, rng: Random, allowance: Allowance) -> str | None:
    """A text that matches; of the right length if one comes up. None for a pattern too slow."""
    best = None
    for tries in range(LENGTH_TRIES):
        if allowance.failures <= 0 or allowance.characters <= 0 or (best is None and tries > TRIES):
            break
        try:
            text = text_matching(pattern, rng, reach=3 + 2 * low)
        except TimeoutError:
            allowance.failures -= _SLOW
            break
        if text is None:
            allowance.failures -= 1
        elif low <= len(text) <= high:
            return text
        else:
            best = best or text
            allowance.characters -= len(text)
    return best


def number(schema: Schema, rng: Random, *, whole: bool) -> int | float:
    """A number in the bounds; a `whole` one is an int."""
    step = number_of(schema, "multipleOf")
    if step is not None and step > 0:
        # A whole multiple of p/q is a multiple of p.
        step = Fraction(step.numerator) if whole else step
        return _multiple(schema, rng, step, whole=whole)
    if whole:
        return _multiple(schema, rng, Fraction(1), whole=True)
    low, low_open, high, high_open = _bounds(schema, Fraction(1))
    parts = 1000
    part = rng.randint(low_open, parts - high_open)
    return _json_number(low + (high - low) * Fraction(part, parts), whole=False)


def _multiple(schema: Schema, rng: Random, step: Fraction, *, whole: bool) -> int | float:
    low, low_open, high, high_open = _bounds(schema, step)
    first = floor(low / step) + 1 if low_open else ceil(low / step)
    last = ceil(high / step) - 1 if high_open else floor(high / step)
    for _ in range(TRIES):
        value = _json_number(step * rng.randint(first, max(first, last)), whole=whole)
        # Validators divide floats: 0.07 / 0.01 is 7.000000000000001, and refused.
        if isinstance(value, int) or (value / float(step)).is_integer():
            break
    return value


def _bounds(schema: Schema, step: Fraction) -> tuple[Fraction, bool, Fraction, bool]:
    """The lower bound and whether it is excluded, then the upper one."""
    span = SPAN * max(step, Fraction(1))
    low, low_open = _bound(schema, "minimum", "exclusiveMinimum", max)
    high, high_open = _bound(schema, "maximum", "exclusiveMaximum", min)
    if low is None:
        low = Fraction(0) if high is None or high > 0 else high - span
    if high is None:
        high = low + span
    return low, low_open, max(low, high), high_open


def _bound(
    schema: Schema, closed: str, open_: str, tighter: Callable[..., Any]
) -> tuple[Fraction | None, bool]:
    bound, excluded = number_of(schema, closed), number_of(schema, open_)
    if bound is None or excluded is None:
        # OpenAPI 3.0 says `exclusiveMinimum: true` beside `minimum`.
        is_open = excluded is not None or schema.get(open_) is True
        return (bound if excluded is None else excluded), is_open
    return tighter(bound, excluded), tighter(bound, excluded) == excluded


def _json_number(value: Fraction, *, whole: bool) -> int | float:
    try:
        return int(value) if whole else float(value)
    except OverflowError:
        return int(value)
