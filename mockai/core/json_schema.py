"""Reading a JSON schema: where a reference leads, two schemas as one, how soon one can end.

Knows: the keywords. Must not know: chance. A keyword whose value makes no sense is passed over,
for a schema comes from a user's request and need not be one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import islice
from math import inf, isfinite, lcm
from typing import Any
from urllib.parse import unquote

Schema = Mapping[str, Any]

MAX_REFERENCES, MAX_WEIGHED = 5_000, 50_000
_SCALARS = {"null", "boolean", "string", "number", "integer"}

# What a schema without a `type` is about, by its keywords.
_HINTS: Mapping[str, tuple[str, ...]] = {
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def schema_of(value: Any) -> Schema:
    """The schema itself; one that says nothing for what is no object."""
    return value if isinstance(value, dict) else {}


def list_of(schema: Schema, key: str) -> list[Any]:
    """The list under that key; an empty one for anything else."""
    value = schema.get(key)
    return value if isinstance(value, list) else []


def number_of(schema: Schema, key: str) -> Fraction | None:
    """The decimal number that was written: 0.1 is one tenth. None for what is no number."""
    value = schema.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return Fraction(value)
    return Fraction(repr(value)) if isfinite(value) else None


def size_of(schema: Schema, key: str, default: int, *, most: int) -> int:
    """A length or a count, from 0 to `most`."""
    value = number_of(schema, key)
    return default if value is None else max(0, min(int(value), most))


def types_of(schema: Schema) -> list[str]:
    """The names of its types, as they stand; what the keywords suggest where it gives none."""
    given = schema.get("type")
    names = given if isinstance(given, list) else [given]
    return [name for name in names if isinstance(name, str)] or [
        name for name, keywords in _HINTS.items() if any(word in schema for word in keywords)
    ][:1]


def required_of(schema: Schema) -> list[str]:
    """The names that must be there."""
    return [name for name in list_of(schema, "required") if isinstance(name, str)]


def choices_of(schema: Schema) -> list[list[Any]]:
    """The branches of each choice that is open."""
    return [branches for key in ("anyOf", "oneOf") if (branches := list_of(schema, key))]


def items_of(schema: Schema) -> tuple[list[Any], Any]:
    """The schemas of the first items, and that of all others (drafts up to 2019 list the first)."""
    others = schema.get("items", {})
    if isinstance(others, list):
        return others, schema.get("additionalItems", {})
    return list_of(schema, "prefixItems"), others


def target(root: Any, reference: Any) -> Any:
    """What `#` or `#/$defs/name` leads to in `root`; {} for anything else."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return {}
    found = root
    for part in unquote(reference).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = dict(enumerate(found)).get(int(key), {}) if key.isdecimal() else {}
        else:
            found = schema_of(found).get(key, {})
    return found


def both(one: Any, other: Any) -> Any:
    """A schema that asks for what both ask for."""
    return {"allOf": [one, other]}


def merged(one: Schema, other: Schema) -> Schema:
    """Both schemas in one; neither has `$ref`, `allOf` or a choice that is still open."""
    result = {**one, **other}
    for key in one.keys() & other.keys() & _MERGE.keys():
        try:
            result[key] = _MERGE[key](one[key], other[key])
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError):
            continue  # one of them makes no sense: the other one's stands
    return result


def _merged_properties(one: Any, other: Any) -> Any:
    shared = {name: both(one[name], other[name]) for name in one if name in other}
    return {**one, **other, **shared}


def _merged_types(one: Any, other: Any) -> Any:
    ones, others = types_of({"type": one}), types_of({"type": other})
    if "number" in ones and "integer" in others:
        return "integer"
    return [name for name in ones if name in others] or one


def _merged_multiples(one: Any, other: Any) -> Any:
    a, b = Fraction(repr(one)), Fraction(repr(other))
    common = lcm(a.denominator, b.denominator)
    multiple = Fraction(lcm(int(a * common), int(b * common)), common)
    return int(multiple) if multiple.denominator == 1 else float(multiple)


_LARGER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_SMALLER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_MERGE: Mapping[str, Callable[[Any, Any], Any]] = {
    "properties": _merged_properties,
    "required": lambda one, other: one + other,
    "items": both,
    "additionalProperties": both,
    "enum": lambda one, other: [value for value in one if value in other] or one,
    "type": _merged_types,
    "multipleOf": _merged_multiples,
    **dict.fromkeys(_LARGER, max),
    **dict.fromkeys(_SMALLER, min),
}


class Heights:
    """How many levels the lowest instance of a schema has: 0 for a value, inf for one without end.

    The references of a document are weighed together, until nothing changes any more, or until
    that has been work enough: the rest of them count as endless.
    """

    def __init__(self, root: Any) -> None:
        self._left = MAX_WEIGHED
        self._known: dict[int, tuple[Schema, float]] = {}
        """By identity, which only an object that is kept has for itself."""
        self._settled = False
        names = list(islice(dict.fromkeys(_references(root)), MAX_REFERENCES))
        self._references: dict[str, float] = dict.fromkeys(names, inf)
        self._weigh({name: target(root, name) for name in names})
        self._settled = True

    def of(self, schema: Any) -> float:
        if not isinstance(schema, dict):
            return inf if schema is False else 0
        if id(schema) in self._known:
            return self._known[id(schema)][1]
        height = self._height(schema)
        if self._settled:
            self._known[id(schema)] = (schema, height)
        return height

    def _weigh(self, targets: Mapping[str, Any]) -> None:
        """Find the heights of references: to and fro, for each may lead to the next."""
        names, changed = list(targets), True
        while changed:
            changed = False
            for name in names:
                height = self.of(targets[name])
                if self._left <= 0:
                    return
                changed = changed or height != self._references[name]
                self._references[name] = height
            names.reverse()

    def _height(self, schema: Schema) -> float:
        self._left -= 1
        if "const" in schema or list_of(schema, "enum"):
            return 0
        if self._left <= 0 and not self._settled:
            return inf
        parts = [self._own(schema), *map(self.of, list_of(schema, "allOf"))]
        if isinstance(reference := schema.get("$ref"), str):
            parts.append(self._references.get(reference, inf))
        parts += [min(map(self.of, branches)) for branches in choices_of(schema)]
        return max(parts)

    def _own(self, schema: Schema) -> float:
        """Without its references, parts and choices."""
        types = types_of(schema)
        if not types or not _SCALARS.isdisjoint(types):
            return 0
        if "array" in types:
            first, others = items_of(schema)
            count = size_of(schema, "minItems", 0, most=len(first) + 1)
            needed = [*first, others][:count]
        else:
            properties = schema_of(schema.get("properties"))
            needed = [properties.get(name) for name in required_of(schema)]
        return 1 + max(map(self.of, needed), default=0)


def _references(root: Any) -> Iterator[str]:
    """Every `$ref` in a document, however deep."""
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
            if isinstance(reference := value.get("$ref"), str):
                yield reference
        elif isinstance(value, list):
            waiting += value
