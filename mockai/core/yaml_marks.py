"""YAML text as plain data, with the line and the column of every value.

The scalars are those of YAML 1.2: only `true` and `false` are booleans, `0123` is 123, and `on`,
`1:30` and dates stay text. Nothing but text, numbers, booleans, null, lists and mappings is ever
built, and how much may be built is bounded. Must not know what a scenario is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from mockai.core.mistakes import Loc, Mark, Mistake, shown

MAX_NODES = 100_000
"""Values in one text, those behind an alias counted each time: "billion laughs" ends here."""
MAX_CHARACTERS = 5_000_000
"""Of all texts in it, counted in the same way: as many as a file can have without an alias."""
MAX_DEPTH = 64

Marks = dict[Loc, Mark]


def finite(text: str) -> float:
    """Return a number that JSON can hold. Raises `ValueError` for `1e999`, which is none."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"not a finite number: {text}")
    return number


_TAG = "tag:yaml.org,2002:"
_STR, _MERGE = _TAG + "str", _TAG + "merge"
_COLLECTIONS = {_TAG + "map", _TAG + "seq"}
_KEPT = {_TAG + "null", _MERGE}
_SCALARS: dict[str, Callable[[str], Any]] = {
    _STR: str,
    _TAG + "int": int,
    _TAG + "float": finite,
    _TAG + "bool": lambda text: {"true": True, "false": False}[text.lower()],
    _TAG + "null": lambda _: None,
}


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a text. `marks` is called only when something is wrong with the data."""

    data: Any
    marks: Callable[[], Marks]


def read_yaml(text: str) -> tuple[list[Document], list[Mistake]]:
    """Return the documents up to the first error of syntax, and everything that is wrong."""
    walk, documents = _Walk(), []
    try:
        loader = _Loader(text)
        while loader.check_node():
            documents.append(walk.document(loader.get_node()))
    except yaml.MarkedYAMLError as error:
        walk.mistakes.append(_syntax_mistake(error))
    except yaml.reader.ReaderError as error:
        walk.mistakes.append(_character_mistake(text, error.position))
    except (ValueError, OverflowError):  # PyYAML lets int() and chr() fail in "\UFFFFFFFF"
        mark = loader.get_mark()
        walk.mistakes.append(Mistake("not YAML: number or escape out of range", mark=_place(mark)))
    return documents, walk.mistakes


class _TooMuchError(yaml.MarkedYAMLError):
    """YAML that is good, but more than anybody means to write."""


# ── text to nodes ────────────────────────────────────────────────────────────────────────────


class _Loader(yaml.SafeLoader):
    """PyYAML's scanner and parser with the scalars of YAML 1.2; makes nodes, builds no values."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose one node; the bounds hold here already, before anything large exists."""
        self.nodes += 1
        self.depth += 1
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        _check_bounds(self.nodes, self.depth, event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), list(_first))


def _check_bounds(nodes: int, depth: int, mark: Any) -> None:
    if depth > MAX_DEPTH:
        raise _TooMuchError(problem=f"more than {MAX_DEPTH} levels deep", problem_mark=mark)
    if nodes > MAX_NODES:
        problem = f"more than {MAX_NODES:,} values, aliases counted each time they are used"
        raise _TooMuchError(problem=problem, problem_mark=mark)


# ── nodes to data and marks ──────────────────────────────────────────────────────────────────


class _Walk:
    """Builds data from nodes; what is wrong is noted, and the walk goes on."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.nodes = self.characters = 0
        self.marks: Marks = {}

    def document(self, node: Any) -> Document:
        marks: Marks = {}
        self.marks = marks
        return Document(self._value(node, (), _place(node.start_mark), depth=1), lambda: marks)

    def _value(self, node: yaml.Node, loc: Loc, mark: Mark, *, depth: int) -> Any:
        self._count(node, depth)
        self.marks[loc] = mark
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, loc)
        if node.tag not in _COLLECTIONS:
            self._mistake(node, loc, _tag_text(node.tag))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, loc, depth)
        return [
            self._value(child, (*loc, place), _place(child.start_mark), depth=depth + 1)
            for place, child in enumerate(node.value)
        ]

    def _count(self, node: yaml.Node, depth: int) -> None:
        self.nodes += 1
        _check_bounds(self.nodes, depth, node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            self.characters += len(node.value)
        if self.characters > MAX_CHARACTERS:
            problem = f"more than {MAX_CHARACTERS:,} characters, aliases counted each time"
            raise _TooMuchError(problem=problem, problem_mark=node.start_mark)

    def _mapping(self, node: yaml.MappingNode, loc: Loc, depth: int) -> dict[str, Any]:
        data = self._merged(node, loc, depth)
        seen: dict[str, Mark] = {}
        for key_node, value_node in node.value:
            key, mark = self._key(key_node, loc), _place(key_node.start_mark)
            if key is None:
                continue
            if key in seen:
                line, column = seen[key]
                text = f"duplicate key: it stands at line {line}, column {column} already"
                self.mistakes.append(Mistake(text, (*loc, key), mark))
                continue
            seen[key] = mark
            data[key] = self._value(value_node, (*loc, key), mark, depth=depth + 1)
        return data

    def _merged(self, node: yaml.MappingNode, loc: Loc, depth: int) -> dict[str, Any]:
        """Return what `<<` brings; of several sources the first wins, marks show the original."""
        sources = [
            source
            for key_node, value_node in node.value
            if key_node.tag == _MERGE
            for source in self._sources(value_node, loc)
        ]
        data: dict[str, Any] = {}
        for source in reversed(sources):
            self._count(source, depth + 1)
            data |= self._mapping(source, loc, depth + 1)
        return data

    def _sources(self, node: yaml.Node, loc: Loc) -> Iterator[yaml.MappingNode]:
        for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if isinstance(source, yaml.MappingNode):
                yield source
            else:
                self._mistake(source, loc, "`<<` takes a mapping, or a list of mappings")

    def _key(self, node: yaml.Node, loc: Loc) -> str | None:
        if node.tag == _STR and isinstance(node, yaml.ScalarNode):
            text: str = node.value
            return text
        if node.tag != _MERGE:
            got = shown(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            self._mistake(node, loc, f"a key must be text: put it in quotes (got {got})")
        return None

    def _scalar(self, node: yaml.ScalarNode, loc: Loc) -> Any:
        make = _SCALARS.get(node.tag)
        if make is None:
            self._mistake(node, loc, _tag_text(node.tag))
            return node.value
        try:
            return make(node.value)
        except (ValueError, KeyError):  # `!!int x`; a number of more than 4,300 digits
            self._mistake(node, loc, f"not {_short_tag(node.tag)}: {shown(node.value)}")
            return node.value

    def _mistake(self, node: yaml.Node, loc: Loc, text: str) -> None:
        self.mistakes.append(Mistake(text, loc, _place(node.start_mark)))


def _tag_text(tag: str) -> str:
    return f"the tag {_short_tag(tag)} is not allowed: only text, numbers, true, false and null are"


def _short_tag(tag: str) -> str:
    return shown(tag.replace(_TAG, "!!", 1)).strip("'")


# ── what is wrong with the text itself ───────────────────────────────────────────────────────


def _syntax_mistake(error: yaml.MarkedYAMLError) -> Mistake:
    problem, began = error.problem or "it cannot be read", error.context_mark
    if "'\\t'" in problem:
        problem = "a tab cannot indent: use spaces"
    if error.context and began is not None:
        problem += f" ({error.context} that began at line {began.line + 1})"
    kind = "" if isinstance(error, _TooMuchError) else "not YAML: "
    mark = error.problem_mark or began
    return Mistake(kind + problem, mark=None if mark is None else _place(mark))


def _character_mistake(text: str, position: int) -> Mistake:
    before = text[:position]
    mark = (before.count("\n") + 1, position - before.rfind("\n"))
    return Mistake(f"not YAML: the character U+{ord(text[position]):04X} is not allowed", mark=mark)


def _place(mark: Any) -> Mark:
    return mark.line + 1, mark.column + 1
