"""Prose is as many tokens as was asked for, whatever the script it is written in."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256

import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.errors import ScenarioError
from mockai.core.prose import prose
from mockai.core.tokens import get_encoding

LOCALES = ("de_DE", "el_GR", "en_US", "fr_FR", "he_IL", "hy_AM", "ja_JP", "ru_RU", "th_TH", "zh_CN")


@settings(max_examples=150, deadline=None)
@given(n=st.integers(0, 120), seed=st.integers(), locale=st.sampled_from(LOCALES))
def test_n_tokens_are_n_tokens(n: int, seed: int, locale: str) -> None:
    """Encoding the text again gives exactly the tokens that were asked for."""
    assert get_encoding("o200k_base").count(prose(n, seed, locale=locale)) == n


@pytest.mark.parametrize("locale", LOCALES)
def test_a_long_text_is_exact_too(locale: str) -> None:
    """Many paragraphs, joined, still come to exactly n tokens."""
    assert get_encoding("o200k_base").count(prose(4096, 3, locale=locale)) == 4096


def test_the_text_is_that_of_faker() -> None:
    """The words are those that Faker(locale) says with the same seed."""
    fake = Faker("ja_JP")
    fake.seed_instance(5)
    assert prose(30, 5, locale="ja_JP")[:20] == fake.paragraph(nb_sentences=8)[:20]


def test_a_text_does_not_depend_on_those_before_it() -> None:
    """The same arguments give the same text, whatever was asked for in between."""
    first = prose(60, 9, locale="ru_RU")
    other = prose(60, 10, locale="ru_RU")
    assert prose(60, 9, locale="ru_RU") == first != other


def test_a_text_is_kept_from_release_to_release() -> None:
    """A golden hash: a change here, ours or Faker's, changes the bytes of users' scenarios."""
    text = prose(50, 1, locale="de_DE")
    assert sha256(text.encode()).hexdigest() == (
        "4ca9f494f613cb273eed681909a1bf99923a71f6663c1aff88001e531e935c08"
    )


def test_no_tokens_are_no_text() -> None:
    """Zero tokens are the empty text."""
    assert prose(0, 1, locale="de_DE") == ""


def test_fewer_than_no_tokens_are_refused() -> None:
    """A negative length is the caller's mistake and says so."""
    with pytest.raises(ValueError, match=r"n must be at least 0 \(got -1\)"):
        prose(-1, 1, locale="de_DE")


@pytest.mark.parametrize("locale", ["xx_XX", "", "../os", "ko_KR", "de_DE.x"])
def test_a_locale_without_words_is_refused(locale: str) -> None:
    """One sentence names those that work; Faker would say Latin for ko_KR, and nobody would see."""
    with pytest.raises(ScenarioError, match=r"no text for .* in Faker; .*de_DE, .*ja_JP, .*zh_CN"):
        prose(5, 1, locale=locale)


def test_a_locale_may_be_written_as_a_language_tag() -> None:
    """`de-DE` and `de_DE` are the same."""
    assert prose(20, 1, locale="de-DE") == prose(20, 1, locale="de_DE")


def test_faker_is_imported_by_those_who_want_prose_only() -> None:
    """Importing the module costs nothing of Faker's 0.2 seconds."""
    code = "import sys, mockai.core.prose; sys.exit('faker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
