"""`mockai validate`: exit codes, lines, and the schema that editors use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mockai.core.loading import scenario_schema

ROOT = Path(__file__).parents[2]
GOOD = "name: story\nreply:\n  - text: hi\n"
BAD = "name: story\nreply:\n  - faker: -3\n  - txet: hi\nsede: 1\n"


def validated(*arguments: object) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "mockai", "validate", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_good_files_are_named(tmp_path: Path) -> None:
    """With what is in them; folders are looked into."""
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.json").write_text(json.dumps({"name": "b", "reply": [{"faker": 3}]}))
    assert validated(tmp_path) == (0, "valid: 2 scenarios (story, b)\n", "")
    assert validated(tmp_path / "a.yaml") == (0, "valid: 1 scenario (story)\n", "")


def test_every_mistake_is_a_line_with_its_place(tmp_path: Path) -> None:
    """In all files at once, on stderr, as compilers say it."""
    one, other = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(BAD)
    other.write_text("name: far\nreply:\n  - text: hi\n  - hold: {at_token: 7}\n")
    code, stdout, stderr = validated(one, other)
    assert (code, stdout) == (1, "")
    starts = [
        f"{one}:3:5: reply.0.faker.tokens: must be greater than 0 (got -3)",
        f"{one}:4:5: reply.1: a step is a mapping with one key of: text, faker",
        f"{one}:5:1: sede: unknown key 'sede'; did you mean 'seed'?",
        f"{other}:4:12: reply.1.hold.at_token: hold at token 7: the reply has only 1 token of",
    ]
    for line, start in zip(stderr.splitlines(), starts, strict=True):
        assert line.startswith(start)


def test_a_file_of_fifty_megabytes_is_not_read(tmp_path: Path) -> None:
    """Nobody writes that by hand."""
    file = tmp_path / "large.yaml"
    with file.open("wb") as opened:
        opened.truncate(50 << 20)
    assert validated(file) == (1, "", f"{file}:1:5000001: larger than 5 MB\n")


def test_a_billion_laughs_are_counted_before_they_are_made(tmp_path: Path) -> None:
    """A few hundred bytes must not fill the memory; the error says where it went too far."""
    file = tmp_path / "laughs.yaml"
    laughs = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 10)]
    file.write_text("\n".join(["x0: &x0 [lol]", *laughs, "name: a", "reply: []", ""]))
    code, _, stderr = validated(file)
    assert code == 1
    assert stderr.startswith(f"{file}:1:5: more than 100,000 values, aliases counted")


@pytest.mark.parametrize(
    "arguments,said",
    [
        ((), "mockai: say which files: mockai validate FILE…\n"),
        (("/none.yaml",), "mockai: there is no /none.yaml\n"),
    ],
    ids=["nothing", "no such file"],
)
def test_what_is_no_use_is_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    """The files are not what is wrong."""
    assert validated(*arguments) == (2, "", said)


def test_the_schema_is_printed() -> None:
    """The one of the model, to be written into a file."""
    code, stdout, _ = validated("--schema")
    assert (code, json.loads(stdout)) == (0, scenario_schema())


@pytest.mark.parametrize(
    "file", ["scenarios/scenario.schema.json", "mockai/data/scenario.schema.json"]
)
def test_the_schema_in_the_project_is_that_of_the_model(file: str) -> None:
    """One stands beside the library, for its modelines; the other is part of the package."""
    text = (ROOT / file).read_text("utf-8")
    expected = json.dumps(scenario_schema(), indent=2) + "\n"
    assert text == expected, f"refresh it: mockai validate --schema > {file}"
