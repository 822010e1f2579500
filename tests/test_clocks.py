"""A clock that is set moves no deadline and no duration: the wall clock is read for stamps only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "mockai"
WALL = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}
ALLOWED = {"engine/session.py: wall_clock"}
"""Read there, and shown as `received_at` and `created`."""


def readings(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each function that reads a wall clock, and how."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in WALL:
                    yield function.name, ast.unparse(node.func)


def test_the_wall_clock_is_read_in_one_place() -> None:
    """Everything else counts on the monotonic clock, which nobody can set."""
    found = {
        f"{path.relative_to(PACKAGE).as_posix()}: {function}"
        for path in PACKAGE.rglob("*.py")
        for function, _ in readings(ast.parse(path.read_text("utf-8")))
    }
    assert found == ALLOWED


def test_a_reading_is_found() -> None:
    """Otherwise the rule above would hold for anything."""
    source = "def a():\n    return time.time()\nasync def b():\n    datetime.now(UTC)\n"
    assert [name for name, _ in readings(ast.parse(source))] == ["a", "b"]
