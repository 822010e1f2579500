"""Prompts count as the API counts them, and no JSON breaks the count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.prompt_tokens import count_prompt_tokens
from mockai.core.tokens import encoding_of, get_encoding

O200K = get_encoding("o200k_base")

JARGON = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate "
        "jargon into plain English.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "New synergies will help drive top-line growth.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities "
        "for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client "
        "deliverable.",
    },
]
QUESTION = [
    {
        "role": "system",
        "content": "You are a helpful assistant that can answer to questions about the weather.",
    },
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {
            "type": "object",
            "properties": {
                "location": {
                    "type": "string",
                    "description": "The city and state, e.g. San Francisco, CA",
                },
                "unit": {
                    "type": "string",
                    "description": "The unit of temperature to return",
                    "enum": ["celsius", "fahrenheit"],
                },
            },
            "required": ["location"],
        },
    },
}


def count(messages: Any, *, tools: Any = (), model: str = "gpt-4o") -> int:
    """Count with the encoding of the model."""
    encoding = encoding_of(model)
    return count_prompt_tokens(messages, tools=tools, model=model, encoding=encoding)


@pytest.mark.parametrize("model,tokens", [("gpt-4o", 124), ("gpt-4", 129), ("gpt-3.5-turbo", 129)])
def test_messages_count_as_the_api_counted_them(model: str, tokens: int) -> None:
    """The cookbook's messages give the figures that OpenAI's API gave for them."""
    assert count(JARGON, model=model) == tokens


@pytest.mark.parametrize("model,tokens", [("gpt-4o", 101), ("gpt-4", 105)])
def test_tools_count_as_the_api_counted_them(model: str, tokens: int) -> None:
    """The cookbook's weather tool gives the figures that OpenAI's API gave for it."""
    assert count(QUESTION, tools=[WEATHER], model=model) == tokens


def test_an_unknown_model_counts_like_the_newest() -> None:
    """A model of one's own has the overhead of gpt-4o."""
    assert count(QUESTION, tools=[WEATHER], model="own-model") == 101


def test_no_message_still_primes_the_reply() -> None:
    """The three tokens that open the reply are there without any message."""
    assert count([]) == 3


def test_text_parts_count_like_the_text_itself() -> None:
    """A content of parts counts its texts; images have no published rule and count nothing."""
    parts = [
        {"type": "text", "text": "Once upon a time"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]
    assert count([{"role": "user", "content": parts}]) == count(
        [{"role": "user", "content": "Once upon a time"}]
    )


@pytest.mark.parametrize(
    "call",
    [
        {"tool_calls": [{"type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"tool_calls": [{"type": "custom", "custom": {"name": "look", "input": "{}"}}]},
        {"function_call": {"name": "look", "arguments": "{}"}},
    ],
)
def test_calls_in_a_message_count_their_name_and_arguments(call: dict[str, Any]) -> None:
    """What the assistant called before is text that the model reads again (an estimate)."""
    bare = {"role": "assistant", "content": None}
    assert count([{**bare, **call}]) == count([bare]) + O200K.count("look") + O200K.count("{}")


def test_a_function_without_parameters_costs_no_properties() -> None:
    """The three tokens that open the properties are paid only when there are some."""
    tool = {"type": "function", "function": {"name": "look"}}
    assert count([], tools=[tool]) == 3 + 7 + O200K.count("look:") + 12


def test_the_dot_that_ends_a_description_costs_nothing() -> None:
    """A final dot is dropped before the line of a function is counted, as the API does."""
    plain, dotted = (
        {"type": "function", "function": {"name": "look", "description": text}}
        for text in ("Look around", "Look around.")
    )
    assert count([], tools=[dotted]) == count([], tools=[plain])
    assert O200K.count("look:Look around.") == O200K.count("look:Look around") + 1


def test_items_of_an_enum_that_are_no_text_are_one_token() -> None:
    """Numbers and null in an enum count like a text of one token."""

    def tool(items: list[Any]) -> dict[str, Any]:
        properties = {"n": {"type": "integer", "enum": items}}
        return {
            "type": "function",
            "function": {"name": "f", "parameters": {"properties": properties}},
        }

    assert count([], tools=[tool([1, None])]) == count([], tools=[tool(["a", "b"])])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
CALL = st.fixed_dictionaries({}, optional={"function": JSON, "custom": JSON, "type": JSON})
MESSAGE = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(["role", "content", "name", "function_call"], JSON)
    | {"tool_calls": JSON | st.lists(JSON | CALL, max_size=2)},
)
SCHEMA = st.fixed_dictionaries({}, optional=dict.fromkeys(["type", "description", "enum"], JSON))
PARAMETERS = st.fixed_dictionaries(
    {"properties": JSON | st.dictionaries(st.text(max_size=3), JSON | SCHEMA, max_size=2)}
)
FUNCTION = st.fixed_dictionaries(
    {}, optional={"name": JSON, "description": JSON, "parameters": JSON | PARAMETERS}
)
TOOL = st.fixed_dictionaries({"function": JSON | FUNCTION})


@settings(deadline=None)
@given(JSON | st.lists(JSON | MESSAGE, max_size=3), JSON | st.lists(JSON | TOOL, max_size=2))
def test_no_json_breaks_the_count(messages: Any, tools: Any) -> None:
    """Junk anywhere in messages or tools is ignored: the count never raises."""
    assert count(messages, tools=tools) >= 3


def test_junk_costs_nothing() -> None:
    """What is no message and no tool adds nothing to the count."""
    assert count([None, 3, "text", ["role"]], tools=[None, {}, {"function": "f"}]) == 3
    assert count(None, tools=7) == 3


def test_a_property_without_a_schema_counts_its_name() -> None:
    """A property whose schema is no object, `true` for one, has neither type nor description."""

    def tool(schema: object) -> dict[str, Any]:
        return {"function": {"name": "f", "parameters": {"properties": {"a": schema}}}}

    assert count([], tools=[tool(True)]) == count([], tools=[tool({})])
