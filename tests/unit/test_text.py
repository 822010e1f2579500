"""A split text loses nothing and is cut at whole tokens and whole characters only."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.filler import filler
from mockai.core.text import Piece, split
from mockai.core.tokens import Encoding, get_encoding

O200K = get_encoding("o200k_base")
CL100K = get_encoding("cl100k_base")
ENCODINGS = st.sampled_from([O200K, CL100K])

STRESS = "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿漢字 e\u0301 שלום \ufeff\u2028\0 <|endoftext|>"
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text("a 漢😀👍🏽\u200d\u0301\n\ud83d\ude00", max_size=40),
    st.just(STRESS),
)

quick = settings(max_examples=50, deadline=None)


def test_a_piece_is_one_token_by_default() -> None:
    """Without options every token is its own piece, with the space where the encoder puts it."""
    assert split("Once upon a time", O200K) == [
        Piece("Once", 1),
        Piece(" upon", 1),
        Piece(" a", 1),
        Piece(" time", 1),
    ]


def test_no_text_is_no_piece() -> None:
    """An empty text has nothing to send."""
    assert split("", O200K, cuts={0, 1}) == []


def test_tokens_per_chunk_fills_each_piece_but_the_last() -> None:
    """Pieces have the asked number of tokens; the rest is a shorter last one."""
    pieces = split(filler(7, 1), O200K, tokens_per_chunk=3)
    assert [piece.tokens for piece in pieces] == [3, 3, 1]


def test_a_cut_ends_a_piece_early_and_the_next_starts_there() -> None:
    """A cut splits a chunk; counting to tokens_per_chunk begins again after it."""
    pieces = split(filler(10, 1), O200K, tokens_per_chunk=4, cuts=(0, 3, 10, 99))
    assert [piece.tokens for piece in pieces] == [3, 4, 3]


def test_a_character_of_several_tokens_is_one_piece() -> None:
    """A token that ends inside a character waits for the one that completes it."""
    tokens = CL100K.count("👍🏿")
    assert tokens > len("👍🏿")
    pieces = split("👍🏿", CL100K)
    assert [piece.text for piece in pieces] == ["👍", "🏿"]
    assert sum(piece.tokens for piece in pieces) == tokens


def test_a_cut_inside_a_character_moves_to_the_next_whole_one() -> None:
    """No piece ever holds half a character, so a cut there falls after it."""
    thumb = CL100K.count("👍")
    assert thumb > 1
    pieces = split("👍 up", CL100K, tokens_per_chunk=100, cuts={1})
    assert pieces == [Piece("👍", thumb), Piece(" up", 1)]


@pytest.mark.parametrize("text,read_as", [("a\ud83db", "a\ufffdb"), ("\ud83d\ude00", "😀")])
def test_surrogates_come_out_as_the_encoder_reads_them(text: str, read_as: str) -> None:
    """A lone surrogate becomes U+FFFD, a pair its character; neither raises."""
    assert "".join(piece.text for piece in split(text, O200K)) == read_as


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_chunk_of_no_tokens_is_refused(wrong: int) -> None:
    """A piece cannot be empty, so the caller hears what was wrong."""
    with pytest.raises(ValueError, match=rf"tokens_per_chunk must be at least 1 \(got {wrong}\)"):
        split("a", O200K, tokens_per_chunk=wrong)


@quick
@given(TEXTS, ENCODINGS, st.integers(1, 5), st.sets(st.integers(-1, 80), max_size=4))
def test_nothing_is_lost_and_nothing_is_empty(
    text: str, encoding: Encoding, size: int, cuts: set[int]
) -> None:
    """Joined texts are the text, token counts add up, every piece has text and enough tokens."""
    pieces = split(text, encoding, tokens_per_chunk=size, cuts=cuts)
    assert "".join(piece.text for piece in pieces) == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )
    assert sum(piece.tokens for piece in pieces) == encoding.count(text)
    assert all(piece.text and piece.tokens for piece in pieces)


@quick
@given(TEXTS, ENCODINGS, st.integers(1, 5), st.sets(st.integers(-1, 80), max_size=4))
def test_pieces_end_where_the_rules_say(
    text: str, encoding: Encoding, size: int, cuts: set[int]
) -> None:
    """A piece ends at the first whole character that is full or at a cut, and nowhere else."""
    pieces = split(text, encoding, tokens_per_chunk=size, cuts=cuts)
    ends = list(accumulate(piece.tokens for piece in pieces))
    tokens = encoding.token_bytes_of(encoding.encode(text))
    start = 0
    for end in range(1, len(tokens) + 1):
        due = end - start >= size or any(start < cut <= end for cut in cuts)
        if end == len(tokens) or (due and _is_text(b"".join(tokens[start:end]))):
            assert end in ends
            start = end
        else:
            assert end not in ends


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
