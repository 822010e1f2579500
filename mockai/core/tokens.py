"""Text to tokens and back, offline and exact; which model counts with which encoding.

Knows tiktoken's encoder and its traps. Must not know: messages, scenarios, the network, the
environment. Loading an encoding takes 0.1 to 0.3 s and holds the GIL: load it before the first
connection is accepted, never inside a stream.

The rules for a model's encoding, first match wins: `ft:BASE:...` counts as BASE; then MODELS
(a trailing `*` matches any ending, anything else is a whole name); a name that matches none is
counted with DEFAULT_ENCODING, and the answer says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from hashlib import blake2b
from importlib.resources.abc import Traversable

import tiktoken

from mockai.core.errors import VocabularyError
from mockai.core.vocabulary import VOCABULARIES, package_data, read_ranks

DEFAULT_ENCODING = "o200k_base"

MODELS: tuple[tuple[str, str], ...] = (
    ("gpt-5*", "o200k_base"),
    ("gpt-4.5*", "o200k_base"),
    ("gpt-4.1*", "o200k_base"),
    ("gpt-4o*", "o200k_base"),
    ("chatgpt-4o*", "o200k_base"),
    ("o1*", "o200k_base"),
    ("o3*", "o200k_base"),
    ("o4-mini*", "o200k_base"),
    ("gpt-oss-*", "o200k_base"),  # o200k_harmony: see ALIASES
    ("gpt-4", "cl100k_base"),
    ("gpt-4-*", "cl100k_base"),
    ("gpt-3.5*", "cl100k_base"),
    ("gpt-35-turbo*", "cl100k_base"),  # the name of an Azure deployment
    ("davinci-002", "cl100k_base"),
    ("babbage-002", "cl100k_base"),
    ("text-embedding-3-*", "cl100k_base"),
    ("text-embedding-ada-002", "cl100k_base"),
)

# Same ranks and pattern, other special tokens: ordinary text counts the same.
ALIASES: Mapping[str, str] = {"o200k_harmony": "o200k_base"}

# tiktoken's regex overflows its stack on about 996,000 characters of white space and panics with
# a BaseException that `except Exception` does not stop. A text is cut between two words, where
# both encodings begin a new token anyway; only one without such a place can cost a token more.
MAX_PIECE = 50_000
_LOOK_BACK = 1_000
SHORT = 200  # characters: the count of so short a text is kept by itself, a digest would cost more
MOST_COUNTS = 8_192  # that are kept: about a megabyte
_BETWEEN_WORDS = re.compile("[A-Za-z](?= [A-Za-z])")


class Encoding:
    """One vocabulary; exact for up to MAX_PIECE characters, and for longer texts of words.

    >>> get_encoding("o200k_base").count("hello world")
    2
    """

    __slots__ = ("_counts", "_tiktoken", "name")

    def __init__(self, inner: tiktoken.Encoding) -> None:
        self._tiktoken = inner
        self._counts: dict[str | bytes, int] = {}
        self.name: str = inner.name

    def __repr__(self) -> str:
        return f"<Encoding {self.name}>"

    def count(self, text: str) -> int:
        """How many tokens `encode(text)` has.

        Each request of a conversation brings all its messages along, so counts are kept; those of
        longer texts by a digest, which takes a twentieth of the time (a seventh for the shortest of
        them) and keeps nobody's words.
        """
        key = text if len(text) <= SHORT else _digest(text)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= MOST_COUNTS:
                self._counts.clear()  # at once: another thread may change it under who iterates
            self._counts[key] = count = len(self.encode(text))
        return count

    def encode(self, text: str) -> list[int]:
        """The tokens of `text`, all of it ordinary: `<|endoftext|>` is nine tokens or so.

        Never raises: a lone surrogate is encoded as U+FFFD, two that make a pair as their
        character. A text longer than MAX_PIECE characters is encoded piece by piece.
        """
        if len(text) <= MAX_PIECE:
            return self._tiktoken.encode_ordinary(text)
        tokens: list[int] = []
        for piece in _pieces(_well_formed(text)):
            tokens += self._tiktoken.encode_ordinary(piece)
        return tokens

    def token_bytes(self, token: int) -> bytes:
        """The bytes of one token, not always whole characters. KeyError for an unknown token."""
        return self._tiktoken.decode_single_token_bytes(token)

    def token_bytes_of(self, tokens: Iterable[int]) -> list[bytes]:
        """The bytes of each token, in order. KeyError for an unknown token."""
        return list(map(self._tiktoken.decode_single_token_bytes, tokens))


def get_encoding(name: str) -> Encoding:
    """The encoding of that name, loaded once per process from the package's own data.

    Raises VocabularyError for a file that is missing or damaged, and for an unknown name.
    """
    return _cached(ALIASES.get(name, name))


def load_encoding(name: str, directory: Traversable) -> Encoding:
    """Read an encoding from the packed files in `directory`, past the cache. Errors as above."""
    vocabulary = VOCABULARIES.get(name)
    if vocabulary is None:
        raise VocabularyError(f"unknown encoding {name!r}; there are {', '.join(VOCABULARIES)}")
    return Encoding(
        tiktoken.Encoding(
            vocabulary.name,
            pat_str=vocabulary.pattern,
            mergeable_ranks=read_ranks(vocabulary, directory),
            special_tokens=dict(vocabulary.special_tokens),
        )
    )


@lru_cache(256)
def encoding_for_model(model: str) -> tuple[str, str]:
    """Name the encoding for `model`, and the basis: "exact" (MODELS has it) or "default"."""
    # tiktoken's own table tests the prefix `ft:gpt-4` and so takes ft:gpt-4.1-mini for a gpt-4.
    base = model.removeprefix("ft:").partition(":")[0] if model.startswith("ft:") else model
    for pattern, encoding in MODELS:
        if base == pattern or (pattern[-1] == "*" and base.startswith(pattern[:-1])):
            return encoding, "exact"
    return DEFAULT_ENCODING, "default"


@lru_cache(256)
def encoding_of(model: str) -> Encoding:
    """The encoding that a model is asked in: its own if it is known, else the default one."""
    return get_encoding(encoding_for_model(model)[0])


@cache
def _cached(name: str) -> Encoding:
    return load_encoding(name, package_data())


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + MAX_PIECE
        if end < len(text):
            seams = _BETWEEN_WORDS.finditer(text, end - _LOOK_BACK, end)
            end = max((seam.end() for seam in seams), default=end)
        yield text[start:end]
        start = end


def _well_formed(text: str) -> str:
    """What tiktoken does to surrogates, done before a cut could fall between two of a pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
