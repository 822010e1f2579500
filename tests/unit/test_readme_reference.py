"""The README's reference of the scenario language is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mockai.cli import play, validate
from mockai.core.mangling import MANGLES
from mockai.core.match_fields import Match, TextMatch
from mockai.core.scenario import Pace, RateLimit, Scenario
from mockai.core.scripted_errors import ERRORS
from mockai.core.steps import STEPS
from mockai.core.steps.ending import UsageFigures
from mockai.core.steps.faults import Cut, Error, Mangle, Silence
from mockai.core.steps.pacing import HoldArguments, PaceChange
from mockai.core.steps.saying import FakerArguments, ReasoningArguments
from mockai.core.steps.tool_call import ToolCall

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
REFERENCE = README.split("\n## Scripts\n")[1].split("\n## What is recorded\n")[0]
MODELS = (
    Scenario,
    Match,
    TextMatch,
    Pace,
    RateLimit,
    UsageFigures,
    Cut,
    Error,
    Mangle,
    Silence,
    HoldArguments,
    PaceChange,
    FakerArguments,
    ReasoningArguments,
    ToolCall,
)
UNSAID = {"how", "description"}
"""Written in short everywhere: `cut: fin`, `mangle: crlf`; and what explains itself."""
FIELDS = {
    f"{model.__name__}.{field.alias or name}"
    for model in MODELS
    for name, field in model.model_fields.items()
} - {f"{model.__name__}.{name}" for model in MODELS for name in UNSAID}


def named(word: str) -> bool:
    """Say whether the reference has the word within backticks or in a block of code."""
    code = re.findall(r"```yaml\n.*?```|`[^`\n]+`", REFERENCE, re.DOTALL)
    return any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", part) for part in code)


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_every_field_is_told(field: str) -> None:
    """Of the scenario, its match, its pace, its limits and every step."""
    assert named(field.partition(".")[2])


@pytest.mark.parametrize("kind", STEPS)
def test_every_step_is_told(kind: str) -> None:
    """In its own row, or with the others that go wrong."""
    assert re.search(rf"^\| .*`{kind}[:`]", REFERENCE, re.MULTILINE)


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_is_told_with_its_status(code: str) -> None:
    """All that a script can ask for."""
    assert re.search(rf"`{code}`\s\({ERRORS[code].status}\)", REFERENCE)


@pytest.mark.parametrize("how", MANGLES)
def test_every_way_to_mangle_is_told_in_its_own_words(how: str) -> None:
    """Those of its docstring."""
    words = (MANGLES[how].__doc__ or "").strip().removesuffix(".")
    said = f"`{how}` ({words[0].lower()}{words[1:]})"
    assert said in " ".join(REFERENCE.split())


@pytest.mark.parametrize("command", ["validate", "play"])
def test_every_option_of_the_tools_is_told(command: str) -> None:
    """Of those that read scenario files."""
    import argparse

    parser = argparse.ArgumentParser()
    {"validate": validate, "play": play}[command].add_options(parser)
    flags = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001
    for flag in set(flags) - {"-h", "--help", "--seed", "--model"}:
        assert f"`{flag}" in REFERENCE or f" {flag}" in REFERENCE, flag
    assert f"`mockai {command} " in REFERENCE
