"""Validate data against a model, and say in plain words what is wrong with it.

pydantic names the branch of a union within its paths and speaks of "input"; here a path is what
the writer wrote, and a message says what is allowed and what came. Works for every `Model`.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from mockai.core.mistakes import Loc, Mistake, meant, shown
from mockai.core.model import NAME

ModelT = TypeVar("ModelT", bound=BaseModel)

_WHOLE, _NUMBER, _TRUTH = "must be a whole number", "must be a number", "must be true or false"
_MAPPING, _LIST = "must be a mapping", "must be a list"
_WORDS = {
    "missing": "is required",
    "invalid_key": "a key must be text",
    "string_type": "must be text",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
}
_ONE_OF_KINDS = {"unknown_step", "unknown_check"}
_WITHOUT_GOT = {"missing", "extra_forbidden", "value_error", "invalid_key", "misplaced"}


def validated(model: type[ModelT], data: Any) -> ModelT | list[Mistake]:
    """Return the model, or everything that is wrong with the data."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        return _explained(model, error)
    except RecursionError:
        return [Mistake("nested too deeply")]


def _explained(model: type[BaseModel], error: ValidationError) -> list[Mistake]:
    errors = _without_echoes(error.errors(include_url=False))
    said = [_said(_locate(model, _path(item)), item) for item in errors]
    return [mistake for group in _by_union(said) for mistake in _told(group)]


def _path(error: Mapping[str, Any]) -> Loc:
    at: Loc = error["ctx"]["at"] if error["type"] == "misplaced" else ()
    return (*error["loc"], *at)


def _without_echoes(errors: list[Any]) -> list[Any]:
    """Leave out "too short" where it only means that the entries themselves are wrong."""
    return [
        item
        for item in errors
        if item["type"] != "too_short" or not any(_is_inside(other, item) for other in errors)
    ]


def _is_inside(error: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    size = len(other["loc"])
    return len(error["loc"]) > size and error["loc"][:size] == other["loc"]


# ── what: the words ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Said:
    """One message of pydantic in our words; `got` is kept apart, so that two can be joined."""

    place: _Place
    text: str
    got: str


def _said(place: _Place, error: Mapping[str, Any]) -> _Said:
    kind, value = error["type"], error["input"]
    quotes = kind == "string_type" and isinstance(value, int | float)
    hint = "; in quotes it is text" if quotes else ""
    got = "" if kind in _WITHOUT_GOT else f" (got {shown(value)}{hint})"
    return _Said(place, _words(kind, place, error), got)


def _words(kind: str, place: _Place, error: Mapping[str, Any]) -> str:
    value = error["input"]
    if kind == "extra_forbidden":
        return _unknown_key(place)
    if kind == "value_error":
        return _own_words(error["ctx"]["error"], value)
    if kind == "string_pattern_mismatch" and error["ctx"]["pattern"] == NAME:
        return "must be 1 to 64 letters, digits, '_' or '-'"
    if kind in _ONE_OF_KINDS:
        text = str(error["msg"])
        return text + _meant(value, text.rpartition(": ")[2].split(", "))
    if kind == "too_short":
        return f"must have at least {error['ctx']['min_length']} of them"
    default: str = error["msg"].replace("Input should be", "must be").replace("should", "must")
    return _WORDS.get(kind, default[:1].lower() + default[1:])


def _own_words(error: ValueError, value: Any) -> str:
    """Return the text of a validator of ours, with a long value in it shortened."""
    try:
        return str(error).replace(repr(value), shown(value))
    except ValueError:  # Python prints no number of more than 4,300 digits, nor did the validator
        return f"cannot be used: {shown(value)}"


def _unknown_key(place: _Place) -> str:
    key, allowed = str(place.loc[-1]), place.allowed
    hint = meant(key, allowed) or ";"
    return f"unknown key {shown(key)}{hint} allowed: {', '.join(allowed)}"


def _meant(value: Any, kinds: Sequence[str]) -> str:
    """Return the kind that the only key of a mapping is probably a misspelling of."""
    if not isinstance(value, dict) or len(value) != 1:
        return ""
    (key,) = value
    return meant(str(key), kinds)


# ── where: pydantic's path as the writer sees it ─────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Place:
    """A path without the names of branches; the keys allowed there; the last plain union."""

    loc: Loc = ()
    allowed: tuple[str, ...] = ()
    union: Loc | None = None


def _locate(model: type[BaseModel], loc: Loc) -> _Place:
    """Walk the model's annotations along a path of pydantic's."""
    place, annotation = _Place(), cast("Any", model)
    for part in loc:
        annotation = _bare(annotation)
        branches = _members(annotation)
        if branches:
            annotation, tagged = _chosen(branches, part)
            place = place if tagged else replace(place, union=place.loc)
            continue
        if part == "[key]":  # pydantic's word for the key itself; the part before it is its name
            continue
        allowed, annotation = _inside(annotation, part)
        place = _Place((*place.loc, part), allowed, place.union)
    return place


def _bare(annotation: Any) -> Any:
    """Return an annotation without `Annotated` and without `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif len(_members(annotation)) == 1:
            (annotation,) = _members(annotation)
        else:
            return annotation


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) not in {Union, types.UnionType}:
        return []
    return [member for member in get_args(annotation) if member is not types.NoneType]


def _chosen(branches: Iterable[Any], label: str | int) -> tuple[Any, bool]:
    """Return the branch that pydantic names, and whether the branches are told apart by tags."""
    for branch in branches:
        tags = [item.tag for item in get_args(branch) if isinstance(item, Tag)]
        if label in tags:
            return branch, True
        if getattr(branch, "__name__", None) == label:
            return branch, False
    return None, False


def _inside(annotation: Any, part: str | int) -> tuple[tuple[str, ...], Any]:
    """Return the keys that are allowed in a value, and the annotation of one part of it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
        field = fields.get(str(part))
        return tuple(fields), None if field is None else field.annotation
    arguments = get_args(annotation)
    # tuple[X, ...] and list[X] hold X; dict[K, V] holds V.
    held = arguments[1] if get_origin(annotation) is dict else arguments[0] if arguments else None
    return (), held


# ── a plain union complains once for each branch ─────────────────────────────────────────────


def _by_union(said: Iterable[_Said]) -> Iterator[list[_Said]]:
    """Group what is said about the same union; all else stands alone."""
    groups: dict[Any, list[_Said]] = {}
    for place, item in enumerate(said):
        groups.setdefault(place if item.place.union is None else item.place.union, []).append(item)
    yield from groups.values()


def _told(group: list[_Said]) -> list[Mistake]:
    """Return a group's mistakes: those within a branch if there are any, else one for all."""
    within = [item for item in group if item.place.loc != item.place.union]
    if within:
        return [Mistake(item.text + item.got, item.place.loc) for item in within]
    first, *others = group
    either = [first.text, *(item.text.removeprefix("must be ") for item in others)]
    return [Mistake(" or ".join(dict.fromkeys(either)) + first.got, first.place.loc)]
