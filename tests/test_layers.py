"""Imports go down only, and the core stays pure; read from the source, so that no path escapes.

Layers, lowest first: core, engine, http, client, the faces; `__init__` and `__main__` see all.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

RANK = {
    "core": 0,
    "engine": 1,
    "http": 2,
    "client": 3,
    "cli": 4,
    "pytest_plugin": 4,
    "__init__": 5,
    "__main__": 5,
}

# (file, part above it) -> why only its types are needed there. Never for an import that runs.
EXCEPTIONS: dict[tuple[str, str], str] = {}

TYPING_GUARDS = {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
IMPURE_MODULES = {"aiohttp", "asyncio", "pytest", "secrets", "socket", "threading", "time"}
IMPURE_NAMES = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "os.getrandom",
    "os.urandom",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid.uuid6",
    "uuid.uuid7",
    "uuid.uuid8",
}

Found = tuple[int, str]  # line, what is wrong


def part_of(dotted: str) -> str:
    """Return the part of mockai that a dotted name leads to; the API list when it is no module."""
    name = dotted.split(".")[1] if "." in dotted else "__init__"
    return name if name in RANK else "__init__"


def part_of_file(path: str) -> str:
    """Return the top-level module or folder under mockai/ that a file belongs to."""
    return path.split("/")[1].removesuffix(".py")


def base_of(node: ast.ImportFrom, path: str) -> str:
    """Return the absolute module that a `from … import` names."""
    if node.level == 0:
        return node.module or ""
    package = path.split("/")[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def imported(tree: ast.AST, path: str) -> Iterator[tuple[ast.stmt, ast.alias, str]]:
    """Yield each import: its statement, the alias in it, the dotted name that it leads to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            base = f"{base_of(node, path)}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                yield node, alias, base + alias.name


def for_types_only(tree: ast.AST) -> set[ast.AST]:
    """Return every node that stands under `if TYPE_CHECKING:` (and not under its `else`)."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in TYPING_GUARDS
        for statement in node.body
        for inner in ast.walk(statement)
    }


def upward(
    tree: ast.AST, path: str, exceptions: Mapping[tuple[str, str], str]
) -> tuple[list[Found], set[tuple[str, str]]]:
    """Return the imports of higher layers, and the exceptions that excused one."""
    part, typing_only = part_of_file(path), for_types_only(tree)
    found: list[Found] = []
    used: set[tuple[str, str]] = set()
    for node, _, dotted in imported(tree, path):
        target = part_of(dotted)
        if dotted.split(".")[0] != "mockai" or RANK[target] <= RANK[part]:
            continue
        if node in typing_only and (path, target) in exceptions:
            used.add((path, target))
            continue
        hint = (
            ", even for types: list it in EXCEPTIONS with a reason" if node in typing_only else ""
        )
        found.append((node.lineno, f"{part} must not import {target}, which is above it{hint}"))
    return found, used


def outsiders(tree: ast.AST, path: str) -> Iterator[Found]:
    """Yield the imports of foreign modules that this layer must not know."""
    part = part_of_file(path)
    for node, _, dotted in imported(tree, path):
        module = dotted.split(".")[0]
        if part == "core" and module in IMPURE_MODULES:
            yield node.lineno, f"core must not import {module}: time, seed and I/O are arguments"
        elif module == "aiohttp" and part != "http":
            yield node.lineno, f"only http imports aiohttp, {part} must not"


def bound(tree: ast.AST, path: str) -> dict[str, str]:
    """Return what stands behind each imported name: `datetime` behind `dt`."""
    names: dict[str, str] = {}
    for node, alias, dotted in imported(tree, path):
        if isinstance(node, ast.Import) and not alias.asname:
            root = alias.name.split(".")[0]
            names[root] = root
        else:
            names[alias.asname or alias.name] = dotted
    return names


def impurities(tree: ast.AST, path: str) -> Iterator[Found]:
    """Yield the uses of clocks and of chance; `random.Random(seed)` is the one way to chance."""
    behind = bound(tree, path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            dotted = dotted_name(node, behind)
            if dotted in IMPURE_NAMES:
                yield node.lineno, f"core must not use {dotted}: time, seed and ids are arguments"
            elif dotted.startswith("random.") and dotted != "random.Random":
                yield node.lineno, f"core must not use {dotted}: only random.Random(seed)"
        elif isinstance(node, ast.Call) and dotted_name(node.func, behind) == "random.Random":
            seeds = [*node.args, *(keyword.value for keyword in node.keywords)]
            if not seeds or ast.unparse(seeds[0]) == "None":
                yield node.lineno, "core must not use random.Random without a seed"


def dotted_name(node: ast.expr, behind: Mapping[str, str]) -> str:
    """Return `datetime.datetime.now` for `dt.now`, or nothing when no import stands behind it."""
    if isinstance(node, ast.Name):
        return behind.get(node.id, "")
    if isinstance(node, ast.Attribute) and (owner := dotted_name(node.value, behind)):
        return f"{owner}.{node.attr}"
    return ""


def violations(sources: Mapping[str, str], exceptions: Mapping[tuple[str, str], str]) -> list[str]:
    """Return `path:line: what is wrong` for every broken rule, in the order of the files."""
    lines: list[str] = []
    needed: set[tuple[str, str]] = set()
    for path, source in sorted(sources.items()):
        if part_of_file(path) not in RANK:
            lines.append(f"{path}:1: belongs to no layer: give it a place in RANK, or move it")
            continue
        tree = ast.parse(source)
        found, used = upward(tree, path, exceptions)
        needed |= used
        found += outsiders(tree, path)
        if part_of_file(path) == "core":
            found += impurities(tree, path)
        lines += [f"{path}:{line}: {text}" for line, text in sorted(set(found))]
    stale = sorted(exceptions.keys() - needed)
    return lines + [f"{path}: no longer imports {part}: drop the exception" for path, part in stale]


def test_imports_go_down_and_the_core_is_pure() -> None:
    """No module knows a layer above it, and the core knows no clock, no chance and no I/O."""
    root = Path(__file__).parents[1]
    files = (root / "mockai").rglob("*.py")
    sources = {file.relative_to(root).as_posix(): file.read_text("utf-8") for file in files}
    assert "mockai/__main__.py" in sources
    assert violations(sources, EXCEPTIONS) == []


UP = "which is above it"
TYPES = "even for types: list it in EXCEPTIONS with a reason"
PURE = "time, seed and I/O are arguments"
IDS = "time, seed and ids are arguments"
CORE, ENGINE = "mockai/core/x.py", "mockai/engine/x.py"

BROKEN = [
    (CORE, "import mockai.http.app", f"core must not import http, {UP}"),
    (CORE, "from mockai.engine import pacer", f"core must not import engine, {UP}"),
    (CORE, "from mockai import engine", f"core must not import engine, {UP}"),
    (CORE, "from ..http import x", f"core must not import http, {UP}"),
    (ENGINE, "from .. import client", f"engine must not import client, {UP}"),
    (ENGINE, "from mockai import MockAI", f"engine must not import __init__, {UP}"),
    (ENGINE, "import mockai", f"engine must not import __init__, {UP}"),
    ("mockai/core/__init__.py", "from ..cli import main", f"core must not import cli, {UP}"),
    ("mockai/core/steps/x.py", "from ...engine import gates", f"core must not import engine, {UP}"),
    (
        "mockai/client.py",
        "from mockai.pytest_plugin import mockai",
        f"client must not import pytest_plugin, {UP}",
    ),
    (ENGINE, "def late(): from mockai.http import app", f"engine must not import http, {UP}"),
    (
        CORE,
        "if TYPE_CHECKING: from mockai.engine import sink",
        f"core must not import engine, {UP}, {TYPES}",
    ),
    (
        CORE,
        "if typing.TYPE_CHECKING: import mockai.http",
        f"core must not import http, {UP}, {TYPES}",
    ),
    (CORE, "import time", f"core must not import time: {PURE}"),
    (CORE, "from time import monotonic_ns", f"core must not import time: {PURE}"),
    (CORE, "import asyncio.events", f"core must not import asyncio: {PURE}"),
    (CORE, "import aiohttp", f"core must not import aiohttp: {PURE}"),
    (ENGINE, "from aiohttp import web", "only http imports aiohttp, engine must not"),
    (
        CORE,
        "import datetime as d; d.datetime.now()",
        f"core must not use datetime.datetime.now: {IDS}",
    ),
    (
        CORE,
        "from datetime import date; date.today()",
        f"core must not use datetime.date.today: {IDS}",
    ),
    (
        CORE,
        "from datetime import datetime as D; f(clock=D.utcnow)",
        f"core must not use datetime.datetime.utcnow: {IDS}",
    ),
    (CORE, "import os.path; os.urandom(8)", f"core must not use os.urandom: {IDS}"),
    (CORE, "from uuid import uuid4; uuid4()", f"core must not use uuid.uuid4: {IDS}"),
    (
        CORE,
        "import random; random.random()",
        "core must not use random.random: only random.Random(seed)",
    ),
    (
        CORE,
        "from random import choice as pick; pick('ab')",
        "core must not use random.choice: only random.Random(seed)",
    ),
    (CORE, "import random; random.Random()", "core must not use random.Random without a seed"),
    (
        CORE,
        "from random import Random; Random(None)",
        "core must not use random.Random without a seed",
    ),
]


@pytest.mark.parametrize("path,source,text", BROKEN, ids=[source for _, source, _ in BROKEN])
def test_a_broken_rule_is_reported_with_its_line(path: str, source: str, text: str) -> None:
    """Each rule can fail: one breach gives one sentence with the file and the line."""
    assert violations({path: f"# one\n# two\n{source}\n"}, {}) == [f"{path}:3: {text}"]


@pytest.mark.parametrize(
    "path", ["mockai/helpers.py", "mockai/data/table.py", "mockai/extra/__init__.py"]
)
def test_a_file_without_a_layer_is_reported(path: str) -> None:
    """A new module must be given its place; the data folder holds no code."""
    expected = f"{path}:1: belongs to no layer: give it a place in RANK, or move it"
    assert violations({path: ""}, {}) == [expected]


@pytest.mark.parametrize(
    "path,source",
    [
        (CORE, "from .y import z; from mockai.core import y; import mockai.core.y"),
        (CORE, "import random; rng: random.Random = random.Random(seed)"),
        (CORE, "from datetime import datetime, time; datetime.fromtimestamp(at)"),
        (CORE, "import uuid; uuid.uuid5(space, name); self.now()"),
        (ENGINE, "import asyncio, time, secrets; from ..core import plan"),
        ("mockai/http/app.py", "from aiohttp import web; from mockai.engine import pacer"),
        ("mockai/cli/serve.py", "import mockai.http.app; from ..client import MockAI"),
        ("mockai/__init__.py", "from mockai import client, cli; from .core import checks"),
    ],
)
def test_what_goes_down_or_sideways_is_allowed(path: str, source: str) -> None:
    """The rules do not cry wolf: lower layers, the own layer and seeded chance are free."""
    assert violations({path: source}, {}) == []


FOR_TYPES = "if TYPE_CHECKING:\n    from mockai.engine import sink\nelse:\n    sink = None\n"
REASON = {(CORE, "engine"): "the Sink protocol in a signature"}


def test_an_exception_excuses_types_only() -> None:
    """A listed file may name a higher layer's types, but an import that runs is never excused."""
    assert violations({CORE: FOR_TYPES}, REASON) == []
    at_run_time = FOR_TYPES.replace("sink = None", "from mockai.engine import sink")
    assert violations({CORE: at_run_time}, REASON) == [
        f"{CORE}:4: core must not import engine, {UP}"
    ]
    negated = FOR_TYPES.replace("if TYPE", "if not TYPE")
    assert f"{CORE}:2: core must not import engine, {UP}" in violations({CORE: negated}, REASON)


def test_an_exception_that_excuses_nothing_must_go() -> None:
    """The table of exceptions only ever lists what is still there."""
    assert violations({CORE: ""}, REASON) == [
        f"{CORE}: no longer imports engine: drop the exception"
    ]
