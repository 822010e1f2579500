"""Patterns that others have written: what is too large or too slow is known before it hurts."""

from __future__ import annotations

import pytest

from mockai.core.boxed_regex import MAX_LENGTH, MAX_SIZE, compiled, found
from mockai.core.boxed_regex import _size as size
from mockai.core.json_instance import instance_of
from mockai.core.pattern_text import text_matching

# The engine answers this one slowly, whatever it does to be clever.
SLOW = "^(a|aa)+$"
ALMOST = "a" * 200 + "!"


@pytest.mark.parametrize(
    "pattern,characters",
    [
        ("", 0),
        ("abc", 3),
        ("a{3}", 3),
        ("a{3,}b{2,9}", 5),
        ("(ab{3}){10}c", 41),
        ("((a{1000}){1000}){1000}", 10**9),
        (r"\({3}[)\]{9}]{2}", 5),
        ("[^]a]{4}", 4),
        ("x{,5}y", 6),
        ("a)b(c", 4),
        ("a{2}{3}", 6),
    ],
)
def test_a_pattern_is_reckoned_with_its_repeats_written_out(pattern: str, characters: int) -> None:
    """Escapes and classes are one character, whatever stands in them; groups multiply."""
    assert size(pattern) >= min(characters, MAX_SIZE)
    assert size(pattern) == characters or characters > MAX_SIZE


@pytest.mark.parametrize(
    "pattern,why",
    [
        ("((a{1000}){1000}){1000}", "its repeats come to more than 100,000 characters"),
        ("a" * (MAX_LENGTH + 1), "a pattern has 1,000 characters at most (got 1,001)"),
        ("(a", "not a regular expression: missing )"),
        ("(?:" * 101 + "a" + ")*" * 101, "its groups are nested too deeply: 100 at most"),
    ],
)
def test_one_that_cannot_be_used_says_why(pattern: str, why: str) -> None:
    """Before the engine sets about it: it cannot be stopped while it compiles."""
    with pytest.raises(ValueError, match="^" + why.replace("(", r"\(").replace(")", r"\)")):
        compiled(pattern)


def test_a_search_that_takes_too_long_has_no_answer() -> None:
    """Neither yes nor no."""
    assert found(SLOW, "aaa", 1.0) is True
    assert found(SLOW, "b", 1.0) is False
    assert found(SLOW, ALMOST, 0.01) is None


def test_a_pattern_of_a_request_cannot_keep_us_busy() -> None:
    """The schema is the client's: a text is given up that cannot be checked in time."""
    slow = SLOW.replace("$", "(?=!)$")  # the text is made without what it looks ahead for
    schema = {"type": "string", "pattern": slow, "minLength": 1_000}
    assert isinstance(instance_of(schema, 1), str)
    assert isinstance(instance_of({"type": "string", "pattern": "((a{999}){999}){999}"}, 1), str)


def test_a_text_for_a_pattern_that_is_too_long_is_not_made() -> None:
    """It is as good as one that is not understood."""
    from random import Random

    assert text_matching("b" * (MAX_LENGTH + 1), Random(1)) is None
