"""SECURITY.md promises nothing that is not tested, and leaves no refusal of the door out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mockai.core.door import RULES

TESTS = Path(__file__).parent
TEXT = (TESTS.parent / "SECURITY.md").read_text("utf-8")
TABLE = TEXT.partition("## Attack")[2].partition("\n## ")[0]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TABLE.splitlines()
    if line.startswith("| ") and not line.startswith(("| attack", "| ---"))
]


def names_in(path: Path) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_the_table_was_found() -> None:
    """A table in another form would be checked for nothing."""
    assert len(ROWS) > 20
    assert {len(row) for row in ROWS} == {3}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_attack_has_a_test_that_exists(row: list[str]) -> None:
    """Named as `file::test`, or as a file that is about nothing else."""
    found = re.fullmatch(r"`([\w/.]+)(?:::(\w+))?`", row[2])
    assert found is not None
    path = TESTS / found[1]
    assert path.is_file()
    assert found[2] is None or found[2] in names_in(path)


def test_every_rule_of_the_door_stands_in_the_table() -> None:
    """By its status and what it looks at."""
    said = {
        "_foreign_host": "403 `host_not_allowed`",
        "_foreign_origin": "403 `origin_not_allowed`",
        "_locked": "401",
        "_wrong_type": "415",
    }
    assert [rule.__name__ for rule in RULES] == list(said)
    assert [word for word in said.values() if word not in TABLE] == []
