"""The README names every option of every command, and every fixture, option and word for pytest."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mockai import MockAI, pytest_plugin
from mockai.cli import COMMANDS
from mockai.client import Script
from mockai.client.terms import ScriptTerms
from mockai.pytest_plugin import settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_has_the_options_that_the_commands_have() -> None:
    """Who adds or changes one runs `scripts/options.py write`."""
    script = ROOT / "scripts" / "options.py"
    done = subprocess.run([sys.executable, script, "check"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode() or "python scripts/options.py write"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_tells_what_each_command_is_for(command: str) -> None:
    """A row in the table of commands."""
    assert f"| `mockai {command}" in README


class Asked:
    """What pytest is told of by the plugin: it takes down the names."""

    def __init__(self) -> None:
        self.options: list[str] = []
        self.ini: list[str] = []

    def getgroup(self, _: str) -> Asked:
        return self

    def addoption(self, name: str, **_: object) -> None:
        self.options.append(name)

    def addini(self, name: str, *_: object, **__: object) -> None:
        self.ini.append(name)


def test_the_readme_names_every_option_for_pytest() -> None:
    """Each in both spellings, in one row."""
    asked = Asked()
    settings.add_options(asked)  # type: ignore[arg-type]  # all that it needs of a parser
    assert len(asked.options) == len(asked.ini) > 5
    for option, ini in zip(asked.options, asked.ini, strict=True):
        assert option == f"--{ini.replace('_', '-')}"
        assert f"| `{ini}` | `{option}` |" in README


def test_the_readme_names_every_fixture() -> None:
    """A row for each."""
    fixtures = [
        name
        for name, value in inspect.getmembers(pytest_plugin)
        if "pytest_fixture" in type(value).__name__.lower() or "Fixture" in type(value).__name__
    ]
    assert len(fixtures) == 5
    for name in fixtures:
        assert f"| `{name}` |" in README


INNER = {"demand", "drive"}
"""How the words are made; nobody who writes a test needs them."""


@pytest.mark.parametrize("face", [MockAI, Script])
def test_the_readme_names_every_python_word(face: type) -> None:
    """In the table of words; the assertions stand with the checks."""
    table = README[README.index("\n| word | does |") : README.index("\n| ini | command line")]
    rows = {row.split("|")[1] for row in table.splitlines() if row.startswith("| `")}
    told = {word for row in rows for word in re.findall(r"`(\w+)", row)}
    words = {word for word, _ in inspect.getmembers(face) if not word.startswith(("_", "assert_"))}
    if face is Script:
        words -= {"name", "gates"}  # attributes that say themselves
    assert words - INNER <= told


def test_the_readme_names_every_argument_of_a_script() -> None:
    """What `script()` takes."""
    (row,) = [line for line in README.splitlines() if line.startswith("| `script(")]
    said = {"tokens", *re.findall(r"`(\w+)`", row)}
    assert set(ScriptTerms.__annotations__) <= said


def test_the_readme_names_every_word_of_the_marker() -> None:
    """As pytest itself shows it by --markers."""
    words = settings.MARKER.partition("(")[2].partition(")")[0].split(", ")
    assert len(words) == 6
    for word in words:
        assert f"`{word.partition('=')[0]}`" in README
