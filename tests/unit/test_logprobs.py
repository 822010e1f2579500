"""Log probabilities: made up, seeded, and of the right shape."""

from __future__ import annotations

import math

import pytest

from mockai.core.dialects.logprobs import Logprobs
from mockai.core.tokens import get_encoding


def logprobs(*, seed: int = 7, top: int = 0) -> Logprobs:
    """Return them in the vocabulary of today's models."""
    return Logprobs(get_encoding("o200k_base"), seed, top)


def test_there_is_one_item_for_each_token() -> None:
    """Together their bytes are the text."""
    items = logprobs().of("Once upon 🦤", 1)
    assert [item["token"] for item in items[:2]] == ["Once", " upon"]
    assert b"".join(bytes(item["bytes"]) for item in items).decode() == "Once upon 🦤"
    assert list(items[0]) == ["token", "logprob", "bytes", "top_logprobs"]


def test_a_part_of_a_character_is_shown_as_its_bytes() -> None:
    """No JSON can hold half a dodo."""
    dodo = logprobs().of(" 🦤", 1)
    assert all(item["token"].startswith("bytes:\\x") for item in dodo)


@pytest.mark.parametrize("top", [0, 1, 5, 20])
def test_so_many_alternatives_are_given(top: int) -> None:
    """The token itself is the first and the likeliest; all are probabilities."""
    (item,) = logprobs(top=top).of("Once", 1)
    alternatives = item["top_logprobs"]
    assert len(alternatives) == top
    if top:
        assert alternatives[0] == {key: item[key] for key in ("token", "logprob", "bytes")}
        assert len({each["token"] for each in alternatives}) == top


@pytest.mark.parametrize("seed", range(20))
def test_probabilities_do_not_exceed_one(seed: int) -> None:
    """However sure the model is of its token."""
    for item in logprobs(seed=seed, top=20).of("Once upon the time", 1):
        figures = [each["logprob"] for each in item["top_logprobs"]]
        assert sum(math.exp(figure) for figure in figures) <= 1 + 1e-6
        assert figures == sorted(figures, reverse=True)


def test_they_are_drawn_from_the_seed_and_the_place() -> None:
    """The same again for the same, others for others."""
    first = logprobs().of("Once", 1)
    assert first == logprobs().of("Once", 1)
    assert first != logprobs(seed=8).of("Once", 1)
    assert first != logprobs().of("Once", 2)
