"""What the Dockerfile, the compose file and the recipes say holds, also without an image."""

from __future__ import annotations

import argparse
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from mockai.cli import COMMANDS
from mockai.cli.options import variable_of

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
ACTION = ROOT / ".github" / "actions" / "mockai" / "action.yml"
FILES = [ROOT / "Dockerfile", ROOT / "compose.yaml", ACTION, *(ROOT / "cookbook/ci").iterdir()]
ALSO = {"MOCKAI_SESSION"}
"""Said by `mockai run` to its command."""


def actions(command: str) -> list[argparse.Action]:
    """Return the options of a command that have a name."""
    parser = argparse.ArgumentParser(add_help=False)
    import_module(f"mockai.cli.{command}").add_options(parser)
    return [action for action in parser._actions if action.option_strings]  # noqa: SLF001


VARIABLES = {variable_of(item.option_strings[-1]) for name in COMMANDS for item in actions(name)}


@pytest.mark.parametrize("command", ["serve", "run", "report", "health"])
def test_every_option_is_a_variable(command: str) -> None:
    """A container, and a job, are told everything from outside; its help says how."""
    lacking = [
        item.option_strings
        for item in actions(command)
        if f"[{variable_of(item.option_strings[-1])}" not in (item.help or "")
    ]
    assert lacking == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_variable_that_is_set_is_an_option(file: Path) -> None:
    """A misspelt one would be passed over in silence."""
    said = set(re.findall(r"MOCKAI_[A-Z_]*[A-Z]", file.read_text("utf-8")))
    assert said - VARIABLES - ALSO == set()


def test_the_image_says_the_version_of_the_package() -> None:
    """Two places, one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"ARG VERSION={project['version']}\n" in DOCKERFILE


def test_the_image_runs_as_nobody_without_a_shell() -> None:
    """The last stage sets the user, and every command of it is in exec form."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "\nUSER 65532:65532\n" in last
    assert "\nSTOPSIGNAL SIGTERM\n" in last
    assert "\nRUN " not in last
    commands = re.findall(r"^(?:ENTRYPOINT|CMD|HEALTHCHECK .* CMD) (.*)$", last, re.MULTILINE)
    assert len(commands) == 3
    assert all(command.startswith('["mockai"') or command == '["serve"]' for command in commands)
