"""A text cut into pieces at real token boundaries: what one streamed delta carries.

Knows tokens and UTF-8. Must not know: frames, pace, scenarios.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from mockai.core.tokens import Encoding

INSIDE_A_CHARACTER = range(0x80, 0xC0)  # every byte of UTF-8 but the first: 10xxxxxx


class Piece(NamedTuple):
    """A part of a text that is whole characters and whole tokens, and how many tokens it is."""

    text: str
    tokens: int


def split(
    text: str,
    encoding: Encoding,
    *,
    tokens_per_chunk: int = 1,
    cuts: Collection[int] = (),
) -> list[Piece]:
    """Cut `text` into pieces of `tokens_per_chunk` tokens; none is empty, none of it is lost.

    A piece also ends at each of `cuts`, which count tokens from the start of the text; a cut past
    the end does nothing. Where a token ends inside a character, as most of an emoji's do, the
    piece goes on until the character is whole, as the real API does; so does a cut.

    The texts joined are `text` (with U+FFFD for each lone surrogate, as the encoder reads it), the
    tokens add up to `encoding.count(text)`. Raises ValueError when `tokens_per_chunk` is below 1.
    """
    if tokens_per_chunk < 1:
        raise ValueError(f"tokens_per_chunk must be at least 1 (got {tokens_per_chunk})")
    tokens = encoding.token_bytes_of(encoding.encode(text))
    if not tokens:
        return []
    at_cut = {*cuts, len(tokens)}
    pieces: list[Piece] = []
    start, due = 0, False
    for end, after in enumerate([*tokens[1:], b"."], start=1):
        due = due or end - start >= tokens_per_chunk or end in at_cut
        if due and after[0] not in INSIDE_A_CHARACTER:
            pieces.append(Piece(b"".join(tokens[start:end]).decode(), end - start))
            start, due = end, False
    return pieces
