"""A valid instance of a JSON schema, from a seed: what a model in strict mode would answer.

Knows: the keywords of OpenAI's structured outputs and the common ones beside them. Must not know:
requests, scenarios. Not looked at: `not`, `if`, `dependent*`, `patternProperties`, `contains`.

The rules: choices are drawn from the seed, and what is optional is there, until the instance is
DEEP levels or LARGE schemas big; from then on the branch that ends soonest is taken and what is
optional is left out. Under `oneOf` nothing optional is there, for it could make a second branch
true. What no value can meet is {} from there on. MAX_SCHEMAS bounds the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from math import inf
from random import Random
from typing import Any

from mockai.core.filler import filler
from mockai.core.json_scalars import Allowance, number, string
from mockai.core.json_schema import (
    Heights,
    Schema,
    choices_of,
    items_of,
    list_of,
    merged,
    required_of,
    schema_of,
    size_of,
    target,
    types_of,
)

DEEP = 6
LARGE, MAX_SCHEMAS = 300, 10_000
MAX_ITEMS = 1_000
TRIES = 20  # to find an item that is not there yet


def instance_of(schema: Any, seed: int) -> Any:
    """A JSON value that is valid under `schema`; the same arguments give the same value.

    Never raises for JSON-shaped input: {} for what is no schema or says nothing, and the nearest
    value where bounds contradict each other.

    >>> instance_of({"type": "object", "properties": {"n": {"const": 3}}}, 1)
    {'n': 3}
    """
    try:
        return _Maker(schema, Random(seed)).make(schema, 0)
    except RecursionError:
        return {}


class _Maker:
    """One instance in the making; `depth` is the number of levels above the value."""

    def __init__(self, root: Any, rng: Random) -> None:
        self._root = root
        self._heights = Heights(root)
        self._schemas = 0
        self.rng = rng
        self.allowance = Allowance()

    def make(self, schema: Any, depth: int) -> Any:
        flat = self._flat(schema, depth)
        if "const" in flat:
            return flat["const"]
        if values := list_of(flat, "enum"):
            return self.rng.choice(values)
        names = [name for name in _MAKERS if name in types_of(flat)]
        if not names:
            return {}
        name = names[0] if self._is_deep(depth) else self.rng.choice(names)
        return _MAKERS[name](self, flat, depth)

    def array(self, schema: Schema, depth: int) -> list[Any]:
        first, rest = items_of(schema)
        low = size_of(schema, "minItems", 0, most=MAX_ITEMS)
        high = size_of(schema, "maxItems", MAX_ITEMS, most=MAX_ITEMS)
        count = low
        if not self._is_deep(depth):
            count = max(low, len(first))
            if self._heights.of(rest) < inf:
                count = max(count, self.rng.randint(1, 3))
        items: list[Any] = []
        for item in [*first, *[rest] * count][: min(count, high)]:
            items += self._item(item, depth + 1, items if schema.get("uniqueItems") else [])
        return items

    def _item(self, schema: Any, depth: int, taken: list[Any]) -> list[Any]:
        """A list of one item; of none when only those that are `taken` were found."""
        for _ in range(TRIES):
            item = self.make(schema, depth)
            if item not in taken:
                return [item]
        return []

    def object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties, required = schema_of(schema.get("properties")), required_of(schema)
        other = schema.get("additionalProperties", {})
        may = "oneOf" not in schema and not self._is_deep(depth)
        wanted = {
            name: value
            for name, value in properties.items()
            if name in required or (may and self._heights.of(value) < inf)
        }
        wanted |= {name: other for name in required if name not in wanted}
        count = size_of(schema, "minProperties", 0, most=MAX_ITEMS)
        if may and not properties and schema_of(other) and self._heights.of(other) < inf:
            count = max(count, self.rng.randint(1, 2))
        if self._heights.of(other) < inf:
            wanted |= dict.fromkeys(self._new_names(count - len(wanted), wanted), other)
        return {name: self.make(value, depth + 1) for name, value in wanted.items()}

    def _new_names(self, count: int, taken: Mapping[str, Any]) -> list[str]:
        """`count` words, none of them twice: four times as many are drawn."""
        words = dict.fromkeys(filler(4 * max(0, count), self.rng.getrandbits(32)).split())
        return [word for word in words if word not in taken][: max(0, count)]

    def _flat(self, schema: Any, depth: int) -> Schema:
        """The schema with its reference, its parts and a branch of each choice put into it."""
        self._schemas += 1
        endless = self._is_deep(depth) and self._heights.of(schema) == inf
        if endless or self._schemas > MAX_SCHEMAS:
            return {}
        schema = schema_of(schema)
        parts = list(list_of(schema, "allOf"))
        if "$ref" in schema:
            parts.append(target(self._root, schema["$ref"]))
        parts += [self._branch(branches, depth) for branches in choices_of(schema)]
        # `oneOf` stays, as a sign for `object`.
        own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf")}
        return reduce(merged, [self._flat(part, depth + 1) for part in parts], own)

    def _branch(self, branches: list[Any], depth: int) -> Any:
        heights = [self._heights.of(branch) for branch in branches]
        lowest = min(heights)
        deep = self._is_deep(depth)
        return self.rng.choice(
            [
                branch
                for branch, height in zip(branches, heights, strict=True)
                if height == lowest or (height < inf and not deep)
            ]
        )

    def _is_deep(self, depth: int) -> bool:
        return depth > DEEP or self._schemas > LARGE


# By type, the simplest first: where the instance is deep, the first one that is allowed is made.
_MAKERS: Mapping[str, Callable[[_Maker, Schema, int], Any]] = {
    "null": lambda _maker, _schema, _depth: None,
    "boolean": lambda maker, _schema, _depth: maker.rng.choice((False, True)),
    "integer": lambda maker, schema, _depth: number(schema, maker.rng, whole=True),
    "number": lambda maker, schema, _depth: number(schema, maker.rng, whole=False),
    "string": lambda maker, schema, _depth: string(schema, maker.rng, maker.allowance),
    "array": _Maker.array,
    "object": _Maker.object,
}
