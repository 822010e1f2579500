"""What docstrings show is what happens."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import mockai

ROOT = Path(mockai.__file__).parent
SHOWING = [
    ".".join(("mockai", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", SHOWING)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    """All of them; and there are some, as it says `>>>`."""
    results = doctest.testmod(import_module(name))
    assert (results.failed, results.attempted > 0) == (0, True)


def test_examples_are_found() -> None:
    """Else the test above would say nothing."""
    assert "mockai.core.plan" in SHOWING
