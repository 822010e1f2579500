"""A text made for a pattern is found by that pattern, and no pattern makes it raise or run away."""

from __future__ import annotations

import re
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.pattern_text import MAX_STEPS, text_matching

atoms = st.sampled_from(
    ["a", "-", "\\.", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S", ".", "[a-f]", "[^0-9 ]", "[-+é]"]
) | st.sampled_from(["[\\d_]", "[^\\w]", "[^a]", "ü", "[а-я]", "\\/", "(?:x|yz)", "(?P<n>ab)"])
repeats = st.sampled_from(["", "", "?", "*", "+", "{3}", "{2,}", "{0,4}", "+?"])
pieces = st.lists(st.tuples(atoms, repeats).map("".join), max_size=5).map("".join)
branches = st.lists(pieces, min_size=1, max_size=3).map("|".join)
patterns = branches.filter(lambda pattern: pattern.count("?P<n>") < 2).map("^(?:{})$".format)


@settings(max_examples=200, deadline=None)
@given(pattern=patterns, seed=st.integers())
def test_a_plain_pattern_is_met_at_the_first_try(pattern: str, seed: int) -> None:
    """Letters, classes, groups, branches and repeats need no luck."""
    text = text_matching(pattern, Random(seed))
    assert text is not None
    assert re.fullmatch(pattern, text)


@settings(max_examples=200, deadline=None)
@given(pattern=st.text(alphabet="ab(?:=!<>)[]{}1,-|*+.^$\\dwbi0 ", max_size=12))
def test_no_pattern_raises(pattern: str) -> None:
    """Half a pattern, or one of another dialect, is no text; what comes back has the pattern."""
    text = text_matching(pattern, Random(1))
    assert text is None or re.search(pattern, text)


@pytest.mark.parametrize(
    "pattern", ["(a", "\\p{L}+", "(a)\\1", "((a{1000}){1000}){1000}", "(){4000000000}"]
)
def test_what_is_not_understood_is_no_text(pattern: str) -> None:
    """Other dialects, back references and texts beyond all measure give None, at once."""
    assert text_matching(pattern, Random(1)) is None


@pytest.mark.parametrize("pattern", ["(?=(a+)+$)a{40}b", "(?=(a*)*c)a{4000}", "(a|b)*" * 2_000])
def test_a_pattern_that_backtracks_for_ever_is_no_text(pattern: str) -> None:
    """It may come from any client, and the server has others: without a bound this never ends."""
    with suppress(TimeoutError):  # what is seen to be slow is told: nobody need try it again
        assert text_matching(pattern, Random(1)) is None


def test_reach_is_how_far_an_open_repeat_goes() -> None:
    """A repeat is played at most `reach` times more than it must be, and sometimes that often."""
    lengths = {len(text_matching("^a{2,}$", Random(seed), reach=5) or "") for seed in range(60)}
    assert lengths == {2, 3, 4, 5, 6, 7}


def test_a_long_text_is_possible() -> None:
    """The bound on the work is far beyond what schemas ask for."""
    assert len(text_matching("a{4000}", Random(1)) or "") == 4000 < MAX_STEPS
