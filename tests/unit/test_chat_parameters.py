"""Every parameter takes what the real API takes, and refuses the rest in its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mockai.core import openai_errors as refuse
from mockai.core.dialects.chat_parameters import PARAMETERS
from mockai.core.dialects.chat_request import ChatRequest, parse_chat_request
from mockai.core.errors import OpenAIError

USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def parse(**members: Any) -> ChatRequest:
    """Parse a minimal body with `members` added."""
    return parse_chat_request(json.dumps({"model": "m", "messages": [USER], **members}).encode())


def refusal_of(**members: Any) -> OpenAIError:
    """Return the refusal of a minimal body with `members` added."""
    with pytest.raises(OpenAIError) as raised:
        parse(**members)
    return raised.value


def same(one: OpenAIError, other: OpenAIError) -> bool:
    """Compare what the client sees."""
    return (one.status, one.body()) == (other.status, other.body())


@pytest.mark.parametrize(
    "members",
    [
        {"n": 1},
        {"temperature": 0},
        {"top_p": 1},
        {"logprobs": True, "top_logprobs": 0},
        {"max_tokens": 1},
        {"seed": 2**63 - 1},
        {"stop": "a"},
        {"stop": []},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_object"}},
        {"tools": [TOOL] * 128, "tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": {"type": "custom", "custom": {"name": "g"}}},
        {
            "tools": [TOOL],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [TOOL]},
            },
        },
        {"functions": [{"name": "f"}], "function_call": "auto"},
        {"prediction": {"type": "content", "content": "p"}},
        {"audio": {"voice": "alloy", "format": "mp3"}},
        {"messages": [{**USER, "reasoning_content": "hm", "cache_control": {}}]},
        {"tools": [{"type": "function", "function": {"name": "f", "extra": 1}, "extra": 1}]},
    ],
)
def test_the_edge_of_what_is_allowed_is_allowed(members: dict[str, Any]) -> None:
    """A bound that is one off would refuse what the real API takes."""
    assert parse(**members).body.items() >= members.items()


TYPES = [  # parameter, what the API says that it expects
    ("model", "a string"),
    ("messages", "an array of objects"),
    ("functions", "an array of function definitions"),
    ("function_call", "one of one of 'none' or 'auto' or object"),
    ("tools", "an array of objects"),
    ("tool_choice", "one of one of 'none', 'auto', or 'required' or object"),
    ("parallel_tool_calls", "a boolean"),
    ("max_completion_tokens", "an integer"),
    ("n", "an integer"),
    ("temperature", "a decimal"),
    ("top_p", "a decimal"),
    ("presence_penalty", "a decimal"),
    ("frequency_penalty", "a decimal"),
    ("logprobs", "a boolean"),
    ("top_logprobs", "an integer"),
    ("user", "a string"),
    ("seed", "an integer"),
    ("moderation", "an object"),
    ("safety_identifier", "a string"),
    ("prompt_cache_options", "an object"),
    ("prompt_cache_key", "a string"),
    ("prompt_cache_retention", "one of 'in_memory' or '24h'"),
    ("response_format", "an object"),
    ("service_tier", "one of 'auto', 'default', 'fast', 'flex', 'priority', or 'scale'"),
    ("max_tokens", "an integer"),
    (
        "reasoning_effort",
        "one of 'none', 'minimal', 'low', 'medium', 'high', 'xhigh', or 'max'",
    ),
    ("logit_bias", "an object"),
    ("stop", "one of a string or array of strings"),
    ("stream", "a boolean"),
    ("stream_options", "an object"),
    ("store", "a boolean"),
    ("metadata", "a metadata object"),
    ("prediction", "an object"),
    ("verbosity", "one of 'low', 'medium', or 'high'"),
    ("modalities", "an array of strings"),
    ("audio", "an object"),
    ("web_search_options", "an object"),
]


# A value of every JSON type but null, and whether `expected` speaks of it.
VALUES: list[tuple[Any, Callable[[str], bool]]] = [
    (True, lambda expected: expected == "a boolean"),
    (1, lambda expected: expected in {"an integer", "a decimal"}),
    (1.0, lambda expected: expected == "a decimal"),
    ("text", lambda expected: "'" in expected or "a string" in expected),
    ([], lambda expected: "array" in expected),
    ({}, lambda expected: expected.endswith("object")),
]
WRONG = [(p, said, value) for p, said in TYPES for value, fits in VALUES if not fits(said)]


@pytest.mark.parametrize("param,expected,wrong", WRONG)
def test_a_value_of_another_type_is_refused(param: str, expected: str, wrong: Any) -> None:
    """`true` is no integer, 1.0 is none either, and a number is no string."""
    assert same(refusal_of(**{param: wrong}), refuse.invalid_type(param, expected, wrong))


def test_every_parameter_has_its_type_tested() -> None:
    """A parameter that is not in the table above would be taken on trust."""
    assert {param for param, _ in TYPES} == PARAMETERS.keys()


FUNCTION_NAME = "tools[0].function.name"


def tool(**function: Any) -> list[dict[str, Any]]:
    """Return one function tool, made of `function`."""
    return [{"type": "function", "function": function}]


def parts(*content: Any) -> list[dict[str, Any]]:
    """Return one user message with these parts."""
    return [{"role": "user", "content": [*content]}]


def did(**message: Any) -> list[dict[str, Any]]:
    """Return an assistant's message behind a user's."""
    return [USER, {"role": "assistant", **message}]


KNOWN_PARTS = ["text", "image_url", "input_audio", "refusal", "audio", "file"]
ROLES = ["system", "assistant", "user", "function", "tool", "developer"]

REFUSALS: list[tuple[dict[str, Any], OpenAIError]] = [
    # bounds
    ({"n": 0}, refuse.integer_below_min_value("n", 1, 0)),
    ({"n": 129}, refuse.integer_above_max_value("n", 128, 129)),
    ({"max_tokens": -1}, refuse.integer_below_min_value("max_tokens", 1, -1)),
    ({"max_tokens": 2**63}, refuse.integer_above_max_value("max_tokens", 2**63 - 1, 2**63)),
    (
        {"max_completion_tokens": 0},
        refuse.integer_below_min_value("max_completion_tokens", 1, 0),
    ),
    ({"top_logprobs": -1}, refuse.integer_below_min_value("top_logprobs", 0, -1)),
    ({"top_logprobs": 21}, refuse.integer_above_max_value("top_logprobs", 20, 21)),
    ({"seed": -(2**63) - 1}, refuse.integer_below_min_value("seed", -(2**63), -(2**63) - 1)),
    ({"temperature": -0.1}, refuse.decimal_below_min_value("temperature", 0, -0.1)),
    ({"temperature": 2.1}, refuse.decimal_above_max_value("temperature", 2, 2.1)),
    ({"temperature": 10**400}, refuse.decimal_above_max_value("temperature", 2, 10**400)),
    ({"top_p": 1.5}, refuse.decimal_above_max_value("top_p", 1, 1.5)),
    ({"presence_penalty": -3}, refuse.decimal_below_min_value("presence_penalty", -2, -3)),
    ({"frequency_penalty": 3}, refuse.decimal_above_max_value("frequency_penalty", 2, 3)),
    ({"logit_bias": {"50": 101}}, refuse.decimal_above_max_value("logit_bias.50", 100, 101)),
    ({"logit_bias": {"50": None}}, refuse.invalid_type("logit_bias.50", "a decimal", None)),
    # lengths
    (
        {"safety_identifier": "s" * 129},
        refuse.string_above_max_length("safety_identifier", 128, 129),
    ),
    ({"prompt_cache_key": "k" * 65}, refuse.string_above_max_length("prompt_cache_key", 64, 65)),
    ({"stop": ["a"] * 5}, refuse.array_above_max_length("stop", 4, 5)),
    ({"tools": [TOOL] * 129}, refuse.array_above_max_length("tools", 128, 129)),
    ({"functions": [{"name": "f"}] * 129}, refuse.array_above_max_length("functions", 128, 129)),
    ({"messages": []}, refuse.empty_array("messages")),
    ({"tools": []}, refuse.empty_array("tools")),
    ({"functions": []}, refuse.empty_array("functions")),
    (
        {"metadata": {f"k{n}": "v" for n in range(17)}},
        refuse.object_above_max_properties("metadata", 16, 17),
    ),
    (
        {"metadata": {"k" * 65: "v"}},
        refuse.property_name_above_max_length("metadata", 64, "k" * 65),
    ),
    ({"metadata": {"k": "v" * 513}}, refuse.string_above_max_length("metadata.k", 512, 513)),
    # choices
    ({"verbosity": "x"}, refuse.invalid_value("verbosity", "x", ["low", "medium", "high"])),
    ({"function_call": "x"}, refuse.invalid_value("function_call", "x", ["none", "auto"])),
    (
        {"tool_choice": "x"},
        refuse.invalid_value("tool_choice", "x", ["none", "auto", "required"]),
    ),
    ({"modalities": ["x"]}, refuse.invalid_value("modalities[0]", "x", ["text", "audio"])),
    (
        {"response_format": {"type": "x"}},
        refuse.invalid_value("response_format.type", "x", ["json_object", "json_schema", "text"]),
    ),
    # elements and members
    ({"stop": ["a", 7]}, refuse.invalid_type("stop[1]", "a string", 7)),
    ({"metadata": {"k": 7}}, refuse.invalid_type("metadata.k", "a string", 7)),
    ({"stream_options": {"x": 1}}, refuse.unknown_parameter("stream_options.x")),
    (
        {"stream_options": {"include_usage": 1}},
        refuse.invalid_type("stream_options.include_usage", "a boolean", 1),
    ),
    ({"prompt_cache_options": {"x": 1}}, refuse.unknown_parameter("prompt_cache_options.x")),
    (
        {"prompt_cache_options": {"ttl": 1}},
        refuse.invalid_type("prompt_cache_options.ttl", "'30m'", 1),
    ),
    ({"moderation": {}}, refuse.missing_required_parameter("moderation.model")),
    ({"response_format": {}}, refuse.missing_required_parameter("response_format.type")),
    (
        {"response_format": {"type": "json_schema"}},
        refuse.missing_required_parameter("response_format.json_schema"),
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        refuse.missing_required_parameter("response_format.json_schema.name"),
    ),
    # tools
    ({"tools": ["f"]}, refuse.invalid_type("tools[0]", "an object", "f")),
    ({"tools": [{}]}, refuse.missing_required_parameter("tools[0].type")),
    (
        {"tools": [{"type": None}]},
        refuse.invalid_type("tools[0].type", "one of 'function' or 'custom'", None),
    ),
    (
        {"tools": [{"type": "web_search"}]},
        refuse.invalid_value("tools[0].type", "web_search", ["function", "custom"]),
    ),
    ({"tools": [{"type": "function"}]}, refuse.missing_required_parameter("tools[0].function")),
    ({"tools": tool()}, refuse.missing_required_parameter(FUNCTION_NAME)),
    ({"tools": tool(name=None)}, refuse.invalid_type(FUNCTION_NAME, "a string", None)),
    ({"tools": tool(name="")}, refuse.empty_string(FUNCTION_NAME)),
    ({"tools": tool(name="a.b")}, refuse.pattern_mismatch(FUNCTION_NAME, "^[a-zA-Z0-9_-]+$")),
    ({"tools": tool(name="f\n")}, refuse.pattern_mismatch(FUNCTION_NAME, "^[a-zA-Z0-9_-]+$")),
    ({"tools": tool(name="f" * 65)}, refuse.string_above_max_length(FUNCTION_NAME, 64, 65)),
    ({"functions": [{}]}, refuse.missing_required_parameter("functions[0].name")),
    ({"tool_choice": {"type": "x"}}, refuse.missing_required_parameter("tool_choice.function")),
    ({"tool_choice": {"type": []}}, refuse.missing_required_parameter("tool_choice.function")),
    (
        {"tool_choice": {"type": "function", "function": {}}},
        refuse.missing_required_parameter("tool_choice.function.name"),
    ),
    ({"function_call": {}}, refuse.missing_required_parameter("function_call.name")),
    # messages
    ({"messages": None}, refuse.invalid_type("messages", "an array of objects", None)),
    ({"messages": ["Hi"]}, refuse.invalid_type("messages[0]", "an object", "Hi")),
    ({"messages": [{"content": "a"}]}, refuse.missing_required_parameter("messages[0].role")),
    (
        {"messages": [USER, {"role": "bot", "content": "a"}]},
        refuse.invalid_value("messages[1].role", "bot", ROLES),
    ),
    (
        {"messages": [{"role": 7}]},
        refuse.invalid_type("messages[0].role", f"one of {refuse.enumerated(ROLES, 'or')}", 7),
    ),
    (
        {"messages": [{"role": "user", "content": 7}]},
        refuse.invalid_type("messages[0].content", "one of a string or array of objects", 7),
    ),
    (
        {"messages": [{"role": "user", "content": {}}]},
        refuse.invalid_type("messages[0].content", "one of a string or array of objects", {}),
    ),
    (
        {"messages": [{"role": "tool", "content": "a"}]},
        refuse.missing_required_parameter("messages[0].tool_call_id"),
    ),
    (
        {"messages": [{"role": "function", "content": "a"}]},
        refuse.missing_required_parameter("messages[0].name"),
    ),
    # parts
    (
        {"messages": parts("text")},
        refuse.invalid_type("messages[0].content[0]", "an object", "text"),
    ),
    (
        {"messages": parts({"text": "a"})},
        refuse.missing_required_parameter("messages[0].content[0].type"),
    ),
    (
        {"messages": parts({"type": "text", "text": "a"}, {"type": "tool_result"})},
        refuse.invalid_value("messages[0].content[1].type", "tool_result", KNOWN_PARTS),
    ),
    (
        {"messages": parts({"type": "text"})},
        refuse.missing_required_parameter("messages[0].content[0].text"),
    ),
    (
        {"messages": parts({"type": "image_url", "image_url": "https://x"})},
        refuse.invalid_type("messages[0].content[0].image_url", "an object", "https://x"),
    ),
    (
        {"messages": parts({"type": "image_url", "image_url": {}})},
        refuse.missing_required_parameter("messages[0].content[0].image_url.url"),
    ),
    (
        {"messages": parts({"type": "input_audio", "input_audio": {"data": "", "format": "ogg"}})},
        refuse.invalid_value("messages[0].content[0].input_audio.format", "ogg", ["wav", "mp3"]),
    ),
    # what an assistant did
    ({"messages": did(tool_calls=[])}, refuse.empty_array("messages[1].tool_calls")),
    (
        {"messages": did(tool_calls=[{"id": "c", "function": {}}])},
        refuse.missing_required_parameter("messages[1].tool_calls[0].type"),
    ),
    (
        {"messages": did(tool_calls=[{**CALL, "id": "c" * 41}])},
        refuse.string_above_max_length("messages[1].tool_calls[0].id", 40, 41),
    ),
    (
        {"messages": did(tool_calls=[{**CALL, "function": {"name": "f"}}])},
        refuse.missing_required_parameter("messages[1].tool_calls[0].function.arguments"),
    ),
    (
        {"messages": did(tool_calls=[{**CALL, "function": {"name": "f", "arguments": {}}}])},
        refuse.invalid_type("messages[1].tool_calls[0].function.arguments", "a string", {}),
    ),
    ({"messages": did(refusal=7)}, refuse.invalid_type("messages[1].refusal", "a string", 7)),
    (
        {"messages": did(function_call={})},
        refuse.missing_required_parameter("messages[1].function_call.name"),
    ),
    # parameters that need, or exclude, each other
    ({"stream_options": {}}, refuse.stream_options_without_stream()),
    ({"stream": False, "stream_options": {}}, refuse.stream_options_without_stream()),
    ({"top_logprobs": 1}, refuse.parameter_needs_enabled("top_logprobs", "logprobs")),
    ({"tool_choice": "none"}, refuse.parameter_needs_specified("tool_choice", "tools")),
    (
        {"parallel_tool_calls": True},
        refuse.parameter_needs_specified("parallel_tool_calls", "tools"),
    ),
    (
        {"function_call": "auto"},
        refuse.parameter_needs_specified("function_call", "functions"),
    ),
    (
        {"max_tokens": 5, "max_completion_tokens": 5},
        refuse.conflicting_parameters("max_tokens", "max_completion_tokens"),
    ),
]


@pytest.mark.parametrize(
    "members,expected", REFUSALS, ids=[json.dumps(members)[:60] for members, _ in REFUSALS]
)
def test_a_fault_is_refused_in_the_words_of_the_api(
    members: dict[str, Any], expected: OpenAIError
) -> None:
    """Status, type, code, param and message: clients read all of them."""
    assert same(refusal_of(**members), expected)
