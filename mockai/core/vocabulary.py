"""The two vocabularies that ship with the package, read and checked.

Knows: what tiktoken itself publishes about each encoding (hash, pattern, special tokens) and
where the bytes lie. A file is the tokens of OpenAI's in the order of their ranks, one behind the
other after their lengths, a byte each, and compressed: base64 takes half as long again to read.
Must not know: models, messages, the network, the environment. It only reads.
"""

from __future__ import annotations

import hashlib
import zlib
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from struct import Struct

from mockai.core.errors import VocabularyError


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What tiktoken's `openai_public.py` says of one encoding; `sha256` is of OpenAI's file.

    `size` tokens are in ours, whose `digest` is the sha256 of what it unpacks to.
    """

    name: str
    sha256: str
    pattern: str
    special_tokens: Mapping[str, int]
    size: int = 0
    digest: str = ""

    @property
    def file_name(self) -> str:
        """The name of the packed file in the package data."""
        return f"{self.name}.tokens.z"


_O200K_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

_CL100K_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)

VOCABULARIES: Mapping[str, Vocabulary] = {
    vocabulary.name: vocabulary
    for vocabulary in (
        Vocabulary(
            name="o200k_base",
            sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
            pattern=_O200K_PATTERN,
            special_tokens={"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
            size=199_998,
            digest="440741350e7cfa1c0f4869ce742d1b043550adbda5187adcac9e787edac6fba9",
        ),
        Vocabulary(
            name="cl100k_base",
            sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
            pattern=_CL100K_PATTERN,
            special_tokens={
                "<|endoftext|>": 100257,
                "<|fim_prefix|>": 100258,
                "<|fim_middle|>": 100259,
                "<|fim_suffix|>": 100260,
                "<|endofprompt|>": 100276,
            },
            size=100_256,
            digest="18288f996f452d44e0e65996176591a4b712a3eb1b42afd6f0511e735c099480",
        ),
    )
}

_FIELDS = [f"{size}s" for size in range(256)]


def package_data() -> Traversable:
    """The directory of the package's own data files."""
    return files("mockai") / "data"


def read_ranks(vocabulary: Vocabulary, directory: Traversable) -> dict[bytes, int]:
    """Every token's bytes with its number, from the packed file in `directory`.

    Raises VocabularyError, one sentence with the path and the cure, when the file is missing or
    is not the one that was made of what OpenAI published.
    """
    path = directory / vocabulary.file_name
    try:
        data = zlib.decompress(path.read_bytes())
    except (OSError, zlib.error) as error:
        raise _unusable(vocabulary, path) from error
    if hashlib.sha256(data).hexdigest() != vocabulary.digest:
        raise _unusable(vocabulary, path)
    # One layout for all of them, "3s2s7s…": C cuts them, faster than as many slices do.
    layout = "".join(map(_FIELDS.__getitem__, data[: vocabulary.size]))
    tokens = Struct(layout).unpack_from(data, vocabulary.size)
    return dict(zip(tokens, range(len(tokens)), strict=True))


def packed(tokens: Iterable[bytes]) -> bytes:
    """Return our file of tokens in the order of their ranks: the same bytes for the same zlib."""
    known = list(tokens)
    return zlib.compress(bytes(map(len, known)) + b"".join(known), 9)


def published(tokens: Iterable[bytes]) -> bytes:
    """Return OpenAI's file of them: lines of base64 and rank."""
    lines = (b2a_base64(token, newline=False) + b" %d\n" % n for n, token in enumerate(tokens))
    return b"".join(lines)


def _unusable(vocabulary: Vocabulary, path: Traversable) -> VocabularyError:
    return VocabularyError(
        f"vocabulary {vocabulary.name} is missing or damaged ({path}); reinstall mockai-server"
    )
