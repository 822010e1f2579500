"""The two vocabularies that ship with the package, read and checked.

Knows: what tiktoken itself publishes about each encoding (hash, pattern, special tokens) and
where the bytes lie. Must not know: models, messages, the network, the environment. It only reads.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from mockai.core.errors import VocabularyError


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What tiktoken's `openai_public.py` says of one encoding; `sha256` is of the unpacked file."""

    name: str
    sha256: str
    pattern: str
    special_tokens: Mapping[str, int]

    @property
    def file_name(self) -> str:
        """The name of the packed file in the package data."""
        return f"{self.name}.tiktoken.gz"


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
        ),
    )
}


def package_data() -> Traversable:
    """The directory of the package's own data files."""
    return files("mockai") / "data"


def read_ranks(vocabulary: Vocabulary, directory: Traversable) -> dict[bytes, int]:
    """Every token's bytes with its number, from the packed file in `directory`.

    Raises VocabularyError, one sentence with the path and the cure, when the file is missing or
    is not the one OpenAI published.
    """
    path = directory / vocabulary.file_name
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise _unusable(vocabulary, path) from error
    if hashlib.sha256(raw).hexdigest() != vocabulary.sha256:
        raise _unusable(vocabulary, path)
    # Lines read `base64 rank` and the ranks run 0, 1, 2 ... (the hash has fixed that), so the
    # second column need not be parsed: half the time of tiktoken's own loop.
    return {a2b_base64(token): rank for rank, token in enumerate(raw.split()[::2])}


def _unusable(vocabulary: Vocabulary, path: Traversable) -> VocabularyError:
    return VocabularyError(
        f"vocabulary {vocabulary.name} is missing or damaged ({path}); reinstall mockai-server"
    )
