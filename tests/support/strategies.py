"""Any scenario: a strategy that is made of the model's own JSON Schema.

A field or a step that is added to the model is drawn here without another word. What the schema
cannot say stands in `_OWN`; numbers stay small, so that most of what is drawn can be played.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
from hypothesis import strategies as st

from mockai.core.loading import scenario_schema

Drawn = st.SearchStrategy[Any]
_DEFS: Mapping[str, Any] = scenario_schema()["$defs"]
_WORDS = st.text(max_size=12) | st.sampled_from(
    ["no", "1e3", "0123", "1:30", "~", "<<", " #", "{request.model}", "{request.last_user} 🦤"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | _WORDS
_ANYTHING = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_WORDS, inner, max_size=2),
    max_leaves=3,
)
_DURATIONS = st.floats(0, 2) | st.sampled_from([0, 1, "5ms", "1.5s", " 2 s "])
_OWN: Mapping[str, Drawn] = {
    "TextMatch.regex": st.sampled_from(["story", "(?i)^tell", r"\bdodo\b|🦤", "a++"]),
    "FakerArguments.locale": st.sampled_from(["de_DE", "ja_JP"]),
    "Error.headers": st.dictionaries(st.sampled_from(["x-one", "Retry-After"]), st.just("1")),
    "Pace.jitter": st.floats(0, 2) | st.sampled_from(["0%", "10%", " 150 % "]),
    "KeepaliveStep.keepalive": _WORDS.map(lambda text: " ".join(text.split())),
    "Scenario.expect": st.lists(
        st.sampled_from([{"completed": {}}, {"cancelled": {"within": "1s"}}]), max_size=2
    ),
    "Policy.notice": st.sampled_from(["now", "never", "next_token", "1s", {"tokens": 3}]),
    "Policy.non_stream": st.sampled_from(["now", "never", 0.5]),
    "Policy.name": st.sampled_from(["ours"]),
}
"""Fields of which the schema cannot say all."""


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """Return mappings as a file has them; nearly all are valid, and most can be played."""
    data: dict[str, Any] = draw(_SCENARIO)
    turns, reply = data.pop("turns", None), data.pop("reply", None) or []
    for steps in turns or [reply]:
        steps.extend(draw(st.lists(_STEP, min_size=1, max_size=4)))
        for said in [steps, *(said for step in steps for said in step.get("choices", ()))]:
            said[:-1] = [step for step in said[:-1] if not _ends(step)]
        steps[:0] = draw(st.sampled_from([[], [{"faker": 9}], [{"faker": 9}]]))
    return {**data, "turns": turns} if turns else {**data, "reply": reply}


def _ends(step: dict[str, Any]) -> bool:
    return "finish" in step or any(
        _ends(inner) for said in step.get("choices", ()) for inner in said
    )


def _strategy(schema: Any) -> Drawn:
    if not isinstance(schema, dict):
        return _ANYTHING
    if "$ref" in schema:
        return _object(_DEFS[schema["$ref"].rpartition("/")[2]])
    for word in ("anyOf", "oneOf"):
        if word in schema and "properties" not in schema:
            return st.one_of([_strategy(branch) for branch in schema[word]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    return _TYPES[schema["type"]](schema) if "type" in schema else _ANYTHING


def _object(schema: Any) -> Drawn:
    properties = schema.get("properties")
    if properties is None:
        return st.dictionaries(_WORDS, _strategy(schema.get("additionalProperties")), max_size=2)
    title, needed = schema["title"], schema.get("required", ())
    drawn = {name: _field(f"{title}.{name}", each) for name, each in properties.items()}
    if title.endswith("Step"):
        return st.fixed_dictionaries(drawn)
    found: Drawn = st.fixed_dictionaries(
        {name: drawn[name] for name in needed},
        optional={name: each for name, each in drawn.items() if name not in needed},
    )
    together = {word: schema[word] for word in ("anyOf", "oneOf", "not") if word in schema}
    fits = jsonschema.Draft202012Validator(together).is_valid
    return found.filter(fits) if together and title != "Scenario" else found


def _field(name: str, schema: Any) -> Drawn:
    if name in _OWN:
        return _OWN[name]
    return _DURATIONS if _is_duration(schema) else _strategy(schema)


def _is_duration(schema: Any) -> bool:
    described = [schema, *schema.get("anyOf", ())]
    return any("duration" in str(each.get("description", "")).lower() for each in described)


def _array(schema: Any) -> Drawn:
    return st.lists(
        _strategy(schema.get("items", {})), min_size=schema.get("minItems", 0), max_size=4
    )


def _integer(schema: Any) -> Drawn:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    return st.integers(least, min(schema.get("maximum", least + 9), least + 9))


def _number(schema: Any) -> Drawn:
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0.0) + 0.25)
    return st.floats(least, min(schema.get("maximum", least + 40), least + 40))


def _string(schema: Any) -> Drawn:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].replace("^", r"\A").replace("$", r"\Z"))
    return _WORDS.filter(bool) if schema.get("minLength") else _WORDS


_TYPES: Mapping[str, Callable[[Any], Drawn]] = {
    "object": _object,
    "array": _array,
    "integer": _integer,
    "number": _number,
    "string": _string,
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
}

_SCENARIO = _object(_DEFS["Scenario"])
_STEP = _strategy(_DEFS["Scenario"]["properties"]["reply"]["anyOf"][0]["items"])
