"""Texts that people read are compared word for word with files in `tests/golden`."""

from __future__ import annotations

from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name: str) -> str:
    """Return the text of a golden file, without its last newline."""
    return (GOLDEN / name).read_text("utf-8").removesuffix("\n")
