"""An instance is valid under its schema, whoever validates it, and nothing makes it raise."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from ipaddress import ip_address
from math import inf
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from mockai.core.json_instance import DEEP, instance_of
from mockai.core.json_schema import Heights

SEEDS = range(30)
quick = settings(max_examples=200, deadline=None)
seeds = st.integers(0, 2**32)


def faults(schema: Any, seed: int) -> list[str]:
    """What the reference validator has against our instance."""
    errors = Draft202012Validator(schema).iter_errors(instance_of(schema, seed))
    return [error.message for error in errors]


# --- schemas that can be met, made part by part ---------------------------------------------


def without_none(**keywords: Any) -> dict[str, Any]:
    """A schema of the keywords that were drawn."""
    return {key: value for key, value in keywords.items() if value is not None}


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A keyword that may be left out."""
    return st.none() | values


@st.composite
def strings(draw: st.DrawFn) -> dict[str, Any]:
    """Lengths that do not contradict each other."""
    low = draw(maybe(st.integers(0, 40)))
    high = draw(maybe(st.integers(low or 0, 60)))
    return without_none(type="string", minLength=low, maxLength=high)


PATTERNS = [
    "^[A-Z]{3}-\\d{4}$",
    "^\\+?[1-9]\\d{1,14}$",
    "^(red|green|blue)$",
    "^[^\\s@]+@[^\\s@]+\\.[a-z]{2,}$",
    "^#(?:[0-9a-fA-F]{3}){1,2}$",
    "^@[a-zA-Z0-9_]+$",
    "^\\w+( \\w+)*$",
    "a.c\\.",
    "^(?=.*\\d).{6,}$",
    "^\\S+\\W\\D*$",
    "^[äöü]+$",
    "\\bword\\b",
    "",
]
bounds = st.integers(-1000, 1000) | st.sampled_from([-0.5, 0.1, 2.75, 1e9])


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, Any]:
    """Bounds with a whole number between them at least."""
    low = draw(maybe(bounds))
    high = None if low is None else draw(maybe(st.integers(2, 500).map(lambda by: low + by)))
    name_of_low = draw(st.sampled_from(["minimum", "exclusiveMinimum"]))
    name_of_high = draw(st.sampled_from(["maximum", "exclusiveMaximum"]))
    keywords = without_none(**{name_of_low: low, name_of_high: high})
    return {"type": draw(st.sampled_from(["number", "integer"])), **keywords}


@st.composite
def multiples(draw: st.DrawFn) -> dict[str, Any]:
    """A step with at least one multiple between the bounds."""
    step = draw(st.sampled_from([1, 2, 7, 0.5, 0.25, 2.5, 0.01, 0.1]))
    low = draw(maybe(st.integers(-50, 50)))
    high = None if low is None else low + 20
    kind = draw(st.sampled_from(["number", "integer"]))
    return without_none(type=kind, multipleOf=step, minimum=low, maximum=high)


values = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([1, {"a": None}])
leaves = (
    strings()
    | numbers()
    | multiples()
    | st.sampled_from(PATTERNS).map(lambda pattern: {"type": "string", "pattern": pattern})
    | st.lists(values, min_size=1, max_size=4).map(lambda enum: {"enum": enum})
    | values.map(lambda const: {"const": const})
    | st.sampled_from(["null", "boolean", "object", "array"]).map(lambda name: {"type": name})
    | st.sampled_from([["string", "null"], ["integer", "boolean", "array"]]).map(
        lambda names: {"type": names}
    )
    | st.sampled_from([{}, True, {"$ref": "#/$defs/leaf"}, {"$ref": "#/$defs/tree"}])
)


@st.composite
def arrays(draw: st.DrawFn, parts: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Counts that do not contradict each other."""
    first = draw(maybe(st.lists(parts, min_size=1, max_size=3)))
    low = draw(maybe(st.integers(0, 4)))
    high = draw(maybe(st.integers(low or 0, 6)))
    rest = draw(maybe(parts))
    return without_none(type="array", items=rest, prefixItems=first, minItems=low, maxItems=high)


names = st.sampled_from(["id", "name", "a b", "ключ", "next", "~/"])


@st.composite
def objects(draw: st.DrawFn, parts: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Strict, as OpenAI wants it, or not."""
    properties = draw(st.dictionaries(names, parts, max_size=4))
    others = draw(st.sampled_from([None, False, True, {"type": "integer"}]))
    required = draw(maybe(st.lists(names, unique=True, max_size=3)))
    if required and others is False:
        required = [name for name in required if name in properties]
    return without_none(
        type="object", properties=properties, additionalProperties=others, required=required
    )


def nested(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One level more."""
    some = st.lists(parts, min_size=1, max_size=3)
    return arrays(parts) | objects(parts) | some.map(lambda branches: {"anyOf": branches})


TREE = {
    "type": "object",
    "properties": {
        "value": {"$ref": "#/$defs/leaf"},
        "left": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
        "right": {"anyOf": [{"$ref": "#/$defs/tree"}, {"$ref": "#/$defs/leaf"}]},
        "more": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
    },
    "required": ["value", "left", "right"],
    "additionalProperties": False,
}
DEFINITIONS = {"leaf": {"type": "string", "minLength": 1}, "tree": TREE}
schemas = st.recursive(leaves, nested, max_leaves=12).map(
    lambda schema: {"allOf": [schema], "$defs": DEFINITIONS}
)


@quick
@given(schema=schemas, seed=seeds)
def test_an_instance_is_valid(schema: dict[str, Any], seed: int) -> None:
    """The reference validator has nothing to say against it."""
    assert faults(schema, seed) == []


@quick
@given(schema=schemas, seed=seeds)
def test_the_same_arguments_give_the_same_instance(schema: dict[str, Any], seed: int) -> None:
    """The seed is the only chance there is."""
    assert instance_of(schema, seed) == instance_of(schema, seed)


# --- what hypothesis is not likely to put together ------------------------------------------

OBJECT_OF_A_AND_B = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"const": 2}}}
CAT = {
    "type": "object",
    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "minimum": 9}},
    "required": ["kind", "lives"],
}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}}, "required": ["kind"]}
HARD = {
    "one of two required": {
        **OBJECT_OF_A_AND_B,
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "discriminated union": {"oneOf": [CAT, DOG]},
    "choice inside a choice": {"anyOf": [{"oneOf": [CAT, DOG]}, {"anyOf": [{"type": "null"}]}]},
    "two choices in parts": {"allOf": [{"oneOf": [CAT, DOG]}, {"anyOf": [{"required": ["id"]}]}]},
    "parts of an object": {"allOf": [CAT, {"properties": {"lives": {"maximum": 9}}}]},
    "parts of a list": {
        "allOf": [{"type": "array", "items": {"enum": [1, 2, 3]}}, {"items": {"enum": [3, 4]}}]
    },
    "parts of a number": {
        "allOf": [
            {"type": "number", "multipleOf": 4, "minimum": 1},
            {"type": "integer", "multipleOf": 6, "maximum": 12, "exclusiveMinimum": 0},
        ]
    },
    "parts of an enum": {"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 4]}, {"type": ["integer"]}]},
    "reference with siblings": {
        "$ref": "#/$defs/cat",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "$defs": {"cat": CAT},
    },
    "reference with escapes": {
        "$ref": "#/$defs/a~1b%20~0/anyOf/1",
        "$defs": {"a/b ~": {"anyOf": [False, {"type": "boolean"}]}},
    },
    "a branch that is never true": {"anyOf": [False, {"type": "string"}]},
    "a property that must not be there": {"properties": {"a": False, "b": {"type": "null"}}},
    "nothing after the first items": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "null"}],
        "items": False,
    },
    "no two alike": {
        "type": "array",
        "items": {"enum": [1, 2, 3]},
        "minItems": 3,
        "uniqueItems": True,
    },
    "a mapping": {
        "type": "object",
        "additionalProperties": {"type": "integer"},
        "minProperties": 3,
    },
    "exactly so long": {"type": "string", "minLength": 33, "maxLength": 33},
    "a pattern of a length": {
        "type": "string",
        "pattern": "^[a-z]+$",
        "minLength": 20,
        "maxLength": 22,
    },
    "a narrow window": {"type": "number", "exclusiveMinimum": 0.1, "exclusiveMaximum": 0.1001},
    "cents": {"type": "number", "multipleOf": 0.01, "minimum": 0.05, "maximum": 0.07},
    "below zero": {"type": "integer", "exclusiveMaximum": -5},
    "closed by one part": {
        "allOf": [
            {"type": "object", "additionalProperties": False},
            {"additionalProperties": {"type": "integer"}},
        ]
    },
    "integers are numbers": {"allOf": [{"type": "number"}, {"type": "integer"}]},
    "numbers that are integers": {"allOf": [{"type": "integer"}, {"type": "number"}]},
    "no type": {"required": ["x"]},
}


@pytest.mark.parametrize("name", HARD)
def test_hard_cases_are_valid_too(name: str) -> None:
    """Keywords that bear on each other, each alone; many seeds see every branch."""
    assert [faults(HARD[name], seed) for seed in SEEDS] == [[]] * len(SEEDS)


LINKED_LIST = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "number"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            },
            "required": ["value", "next"],
            "additionalProperties": False,
        }
    },
}
WIDE = {
    "type": "object",
    "properties": {f"p{i}": {"type": "array", "items": {"$ref": "#"}} for i in range(20)},
    "required": [f"p{i}" for i in range(20)],
}
LATE_EXIT = {
    "$ref": "#/$defs/a",
    "$defs": {
        "a": {"anyOf": [{"$ref": "#/$defs/b"}, {"$ref": "#/$defs/c"}]},
        "b": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]},
        "c": {"type": "array", "items": {"$ref": "#/$defs/d"}, "minItems": 1},
        "d": {"type": ["string", "null"]},
    },
}

OR_NULL = {
    "type": ["object", "null"],
    "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}},
    "required": ["a", "b"],
}
OPTIONAL = {"type": "object", "properties": {f"p{i}": {"$ref": "#"} for i in range(20)}}
RECURSIVE = {
    "list": LINKED_LIST,
    "wide": WIDE,
    "optional": OPTIONAL,
    "late": LATE_EXIT,
    "or null": OR_NULL,
}


@pytest.mark.parametrize("schema", RECURSIVE.values(), ids=RECURSIVE)
def test_a_recursion_ends_where_it_may(schema: dict[str, Any]) -> None:
    """Deep down the branch that ends soonest is taken, so the whole stays small and valid."""
    assert [faults(schema, seed) for seed in SEEDS] == [[]] * len(SEEDS)
    largest = max(len(json.dumps(instance_of(schema, seed))) for seed in SEEDS)
    assert 40 < largest < 20_000


@pytest.mark.parametrize("order", [list, reversed], ids=["down", "up"])
def test_references_lead_on_to_references(order: Callable[[Any], Iterable[Any]]) -> None:
    """A chain of references is followed to its end, in whatever order it is written down."""
    chain = {f"l{i}": {"$ref": f"#/$defs/l{i + 1}"} for i in range(5)} | {"l5": {"type": "null"}}
    schema: dict[str, Any] = {"$ref": "#/$defs/l0"}
    for _ in range(DEEP + 1):
        schema = {"type": "array", "items": schema, "minItems": 1}
    made = instance_of({**schema, "$defs": dict(order(list(chain.items())))}, 1)
    assert json.dumps(made).strip("[]").endswith("null")


def test_an_excluded_bound_is_never_met() -> None:
    """Neither end of an open interval comes up, however often one asks."""
    schema = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    assert all(0 < instance_of(schema, seed) < 1 for seed in range(5000))


def test_what_no_value_can_meet_is_left_empty() -> None:
    """An endless recursion is cut a few levels down, and the rest of the object is there."""
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"const": 1}, "c": {"$ref": "#/$defs/c"}},
        "required": ["a", "b", "c"],
        "$defs": {
            "a": {"$ref": "#/$defs/a"},
            "c": {"type": "array", "items": {"$ref": "#/$defs/c"}, "minItems": 1},
        },
    }
    made = instance_of(schema, 1)
    assert (made["a"], made["b"]) == ({}, 1)
    assert re.fullmatch(r"\[+{}(, {})*\]+", json.dumps(made["c"]).replace("], [", ", "))


def test_the_seed_decides_how_long_a_list_is() -> None:
    """A recursion is not cut short always at the same place: seeds show several lengths."""
    lengths = {json.dumps(instance_of(LINKED_LIST, seed)).count("value") for seed in SEEDS}
    assert len(lengths) >= 4


FORMATS = {
    "date-time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": lambda text: datetime.fromisoformat(f"2025-01-01T{text}"),
    "duration": re.compile("P[1-9]DT[0-9]+H").fullmatch,
    "email": re.compile(r"[a-z]+@example\.com").fullmatch,
    "hostname": re.compile(r"[a-z]+\.example\.com").fullmatch,
    "uri": re.compile(r"https://example\.com/[a-z]+").fullmatch,
    "uuid": UUID,
    "ipv4": ip_address,
    "ipv6": ip_address,
    "of-our-own": str,
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_kept(name: str) -> None:
    """What stands there is what the format says; a format that nobody knows is some words."""
    texts = [instance_of({"type": "string", "format": name}, seed) for seed in SEEDS]
    assert all(FORMATS[name](text) for text in texts)
    assert len(set(texts)) > 5


OLDER = {
    "excluded": {
        "type": "integer",
        "minimum": 3,
        "exclusiveMinimum": True,
        "maximum": 5,
        "exclusiveMaximum": True,
    },
    "tuple": {
        "type": "array",
        "items": [{"type": "null"}],
        "additionalItems": False,
        "minItems": 1,
    },
    "definitions": {"$ref": "#/definitions/cat", "definitions": {"cat": CAT}},
}


@pytest.mark.parametrize("name", OLDER)
def test_older_drafts_are_understood(name: str) -> None:
    """OpenAPI 3.0 and draft 4 write some keywords differently, and are still written."""
    made = [instance_of(OLDER[name], seed) for seed in SEEDS]
    assert all(Draft4Validator(OLDER[name]).is_valid(value) for value in made)


def test_seeds_differ() -> None:
    """Another seed gives another instance; a seed that does nothing would go unseen."""
    assert len({json.dumps(instance_of(CAT, seed)) for seed in SEEDS}) > 10


def test_an_instance_is_kept_from_release_to_release() -> None:
    """A golden instance: a change here changes the bytes of users' scenarios."""
    nodes = {"value": 26.1, "next": {"value": 48.3, "next": None}}
    assert instance_of(LINKED_LIST, 1) == nodes


def test_properties_stand_in_the_order_of_the_schema() -> None:
    """As OpenAI does it: the keys come in the order in which the schema lists them."""
    properties = {name: {"type": "null"} for name in "zebra"}
    schema = {"type": "object", "properties": properties, "required": list("abrez")}
    assert list(instance_of(schema, 1)) == list("zebra")


# --- what is no schema ----------------------------------------------------------------------


@pytest.mark.parametrize("junk", [None, True, False, 5, "x", [], {}, {"type": "pony"}, {"type": 7}])
def test_what_says_nothing_gives_an_empty_object(junk: Any) -> None:
    """Junk is no reason to fail a request."""
    assert instance_of(junk, 1) == {}


NEAREST = [
    ({"type": "integer", "minimum": 5, "maximum": 3}, 5),
    ({"type": "number", "minimum": 5, "maximum": 3}, 5),
    ({"type": "string", "minLength": 5, "maxLength": 0}, ""),
    ({"type": "array", "minItems": 3, "maxItems": 1, "items": {"const": 1}}, [1]),
    ({"type": "integer", "multipleOf": 10, "minimum": 1, "maximum": 9}, 10),
    ({"type": "integer", "multipleOf": 0}, None),
    ({"allOf": [{"type": "string"}, {"type": "null"}]}, None),
]


@pytest.mark.parametrize("schema,expected", NEAREST)
def test_bounds_that_contradict_each_other_give_the_nearest(schema: Any, expected: Any) -> None:
    """One of the two is kept, and nothing raises."""
    made = instance_of(schema, 1)
    assert expected is None or made == expected
    assert made != {}


ENDLESS = {
    "itself": {"$ref": "#"},
    "twice itself": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
    "must hold itself": {
        "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}},
        "required": ["a", "b"],
    },
    "a billion": {
        "$ref": "#/$defs/0",
        "$defs": {
            str(i): {"type": "array", "items": {"$ref": f"#/$defs/{i + 1}"}, "minItems": 50}
            for i in range(30)
        },
    },
    "long": {"type": "string", "pattern": "^((a{1000}){1000}){1000}$"},
    "longer": {"type": "string", "minLength": 10**12, "pattern": "(){4000000000}"},
    "many": {"type": "array", "minItems": 10**12},
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_ends_all_the_same(name: str) -> None:
    """Work and size are bounded, whatever a schema asks for."""
    assert len(json.dumps(instance_of(ENDLESS[name], 1))) < 1_000_000


def test_a_schema_deeper_than_the_stack_gives_an_empty_object() -> None:
    """A RecursionError stays inside."""
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"type": "array", "minItems": 1, "items": deep}
    assert instance_of(deep, 1) == {}


KEYWORDS = [
    "type",
    "enum",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "$ref",
    "const",
    "prefixItems",
    "uniqueItems",
    "pattern",
    "format",
    "anyOf",
    "oneOf",
    "allOf",
    "additionalItems",
]
SENSE = ["object", "array", "string", "number", "integer", "#", "#/x", "[", "(a", "^a+$", "date"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.sampled_from(SENSE),
    lambda parts: (
        st.lists(parts, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), parts, max_size=5)
    ),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@example(schema={"$ref": "#", "properties": [True]}, seed=0)
@given(schema=st.dictionaries(st.sampled_from(KEYWORDS), json_values, max_size=8), seed=seeds)
def test_nothing_json_shaped_raises(schema: Any, seed: int) -> None:
    """Whatever stands behind a keyword, there is an answer, and it is JSON."""
    assert json.dumps(instance_of(schema, seed))


EVIL = "(?=(a+)+$)a{40}b"
MANY = {"type": "array", "minItems": 1_000}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "array", "minItems": 9, "items": {"type": "string", "minLength": 9_999}},
        {"type": "string", "pattern": "a{9000}"},
        {"type": "string", "pattern": EVIL},
        {"type": "array", "minItems": 9, "items": {"type": "string", "pattern": EVIL}},
    ],
    ids=["long", "long-patterns", "evil-patterns", "many-evil-patterns"],
)
def test_no_schema_makes_an_instance_without_bounds(item: dict[str, Any]) -> None:
    """Any client may send it: 90 MB of text, or days of backtracking, are not worked off."""
    assert len(json.dumps(instance_of({**MANY, "items": item}, 1))) < 1_000_000


@pytest.mark.parametrize("backwards", [False, True])
def test_a_long_chain_of_references_is_weighed_in_one_go(*, backwards: bool) -> None:
    """In whatever order it stands: round by round it would take hours, and any client may ask."""
    links = {
        f"d{n}": {"type": "array", "minItems": 1, "items": {"$ref": f"#/$defs/d{n + 1}"}}
        for n in range(4_000)
    }
    names = sorted(links, reverse=backwards, key=lambda name: int(name[1:]))
    defs = {name: links[name] for name in names} | {"d4000": {"type": "string"}}
    root = {"$defs": defs, "$ref": "#/$defs/d0"}
    assert Heights(root).of(root) == 4_000


def test_references_that_are_too_many_count_as_endless() -> None:
    """Each of five hundred leads to any of them: not all ways are gone."""
    every = [{"$ref": f"#/$defs/d{n}"} for n in range(500)]
    root = {"$defs": {f"d{n}": {"anyOf": every} for n in range(500)}, "$ref": "#/$defs/d0"}
    assert Heights(root).of(root) == inf
    assert instance_of(root, 1) == {}
