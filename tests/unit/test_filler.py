"""Filler of n tokens is n tokens, whoever counts them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.filler import filler
from mockai.core.tokens import get_encoding
from mockai.core.vocabulary import package_data

quick = settings(max_examples=50, deadline=None)
BOTH = ("o200k_base", "cl100k_base")
GOLDEN = (
    "idea president level another whole blood question feeling economic behavior management face"
)


@quick
@given(n=st.integers(0, 400), seed=st.integers())
def test_n_tokens_are_n_tokens_in_both_encodings(n: int, seed: int) -> None:
    """Encoding the text again gives exactly the tokens that were asked for."""
    assert [get_encoding(name).count(filler(n, seed)) for name in BOTH] == [n, n]


@quick
@given(n=st.integers(0, 50), more=st.integers(0, 50), seed=st.integers())
def test_a_longer_text_begins_with_the_shorter_one(n: int, more: int, seed: int) -> None:
    """The seed fixes the words one by one, so asking for more changes none of them."""
    assert filler(n + more, seed).split()[:n] == filler(n, seed).split()


def test_the_same_arguments_give_the_same_text_for_ever() -> None:
    """A golden text: a change here changes the bytes of every user's scenario."""
    assert filler(12, 7) == GOLDEN
    assert filler(12, 8) != GOLDEN


def test_no_tokens_are_no_text() -> None:
    """Zero tokens are the empty text, one token is one bare word."""
    assert filler(0, 1) == ""
    assert filler(1, 1).isalpha()


def test_fewer_than_no_tokens_are_refused() -> None:
    """A negative length is the caller's mistake and says so."""
    with pytest.raises(ValueError, match=r"n must be at least 0 \(got -1\)"):
        filler(-1, 1)


@pytest.mark.parametrize("name", BOTH)
def test_every_word_of_the_list_is_one_token(name: str) -> None:
    """All words are one token after a space, those that may open a text are one token bare."""
    encoding = get_encoding(name)
    text = (package_data() / "filler.txt").read_text(encoding="ascii")
    openers, others = (part.split() for part in text.split("\n\n"))
    assert (len(openers), len({*openers, *others})) == (827, 971)
    assert [word for word in openers + others if encoding.count(f" {word}") != 1] == []
    assert [word for word in openers if encoding.count(word) != 1] == []
