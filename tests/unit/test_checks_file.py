"""A file of checks says what the control API would be told, and where it is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mockai.core.checks.cancelled import Cancelled
from mockai.core.checks.completed import Completed
from mockai.core.checks_file import parse_checks, read_checks
from mockai.core.errors import ScenarioError

EXPECTED = (Cancelled(within=0.25, max_tokens=12), Completed())
LIST = "- cancelled: {within: 250ms, max_tokens: 12}\n- completed: {}\n"
FORMS = [
    LIST,
    f"checks:\n{LIST}",
    f"wait: 5\nchecks:\n{LIST}",
    LIST.replace("- completed", "---\n- completed"),
    json.dumps([{"cancelled": {"within": 0.25, "max_tokens": 12}}, {"completed": {}}]),
    json.dumps(
        {"checks": [{"cancelled": {"within": "250ms", "max_tokens": 12}}, {"completed": {}}]}
    ),
]


@pytest.mark.parametrize("text", FORMS)
def test_every_form_says_the_same(text: str) -> None:
    """A list, a mapping as the control API takes it, documents; YAML or JSON."""
    assert parse_checks(text, source="checks.yaml") == EXPECTED


WRONG = [
    ("- cancelled: {within: soon}\n", "c.yaml:1:15: 0.cancelled.within: not a duration"),
    ("- completed: {}\n- nothing: {}\n", "c.yaml:2:3: 1: a check is a mapping with one key of"),
    ("checks:\n- completed: {x: 1}\n", "c.yaml:2:15: checks.0.completed.x: unknown key 'x'"),
    ("checks: []\n", "must have at least 1"),
    ("", "c.yaml: no check in it"),
    ("[]", "must have at least 1"),
    ("completed: {}\n", "unknown key 'completed'"),
    ("- completed: {}\n- [\n", "c.yaml:"),
    ("3", "must be a list"),
]


@pytest.mark.parametrize("text,said", WRONG, ids=[said for _, said in WRONG])
def test_what_is_wrong_is_told_with_its_place(text: str, said: str) -> None:
    """As for scenarios: file, line and column, path, and why."""
    with pytest.raises(ScenarioError) as told:
        parse_checks(text, source="c.yaml")
    assert said in str(told.value)


def test_a_file_is_read_by_its_name(tmp_path: Path) -> None:
    """`.json` is JSON and nothing else; one that is not there is told by name."""
    good, bad, gone = tmp_path / "c.yaml", tmp_path / "c.json", tmp_path / "gone.yaml"
    good.write_text(LIST)
    bad.write_text(LIST)
    assert read_checks(good) == EXPECTED
    with pytest.raises(ScenarioError, match="not JSON"):
        read_checks(bad)
    with pytest.raises(ScenarioError, match=r"gone.yaml: cannot be read: No such file"):
        read_checks(gone)
