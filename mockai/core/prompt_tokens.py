"""How many tokens a prompt is, by the rule of OpenAI's cookbook.

Source: cookbook, "How to count tokens with tiktoken", with the figures the API itself gave: 124
and 129 (gpt-4o and gpt-4) for its messages, 101 and 105 for the weather tool; both reproduced.
An estimate, for want of a published rule: tool calls in messages, nested schemas, custom tools,
several parts in one content. Images and audio count nothing. Junk is ignored, never an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mockai.core.tokens import Encoding, encoding_for_model

PER_REQUEST = 3  # every reply is primed with <|start|>assistant<|message|>
PER_MESSAGE = 3
PER_NAME = 1

PER_FUNCTION = {"o200k_base": 7, "cl100k_base": 10}  # gpt-4o and later; gpt-4 and gpt-3.5
PROPERTIES = 3
PER_PROPERTY = 3
ENUM = -3
PER_ENUM_ITEM = 3
TOOLS_END = 12


def count_prompt_tokens(
    messages: Sequence[Mapping[str, Any]],
    *,
    tools: Sequence[Mapping[str, Any]] = (),
    model: str,
    encoding: Encoding,
) -> int:
    """Count `messages` and `tools` of a chat request in tokens of `encoding`.

    `model` decides the overhead of a function only. Never raises on JSON-shaped values.
    """
    total, count = PER_REQUEST, encoding.count
    for message in _list(messages):
        if not isinstance(message, dict):
            continue
        role, content = message.get("role"), message.get("content")
        if len(message) == _PLAIN and type(role) is str and type(content) is str:  # as most are
            total += PER_MESSAGE + count(role) + count(content)
        else:
            total += _message(message, encoding)
    return total + _functions(tools, model, encoding) if tools else total


def _message(message: Mapping[str, Any], encoding: Encoding) -> int:
    named = PER_NAME if isinstance(message.get("name"), str) else 0
    total = PER_MESSAGE + named
    for value in message.values():
        if isinstance(value, str):
            total += encoding.count(value)
    return total + sum(map(encoding.count, _texts_inside(message)))


_PLAIN = 2  # members of a message that has but a role and a content
_LISTS = (list, tuple)  # a union would be made anew for each question


def _texts_inside(message: Mapping[str, Any]) -> Iterator[str]:
    """The texts that are no values of the message: parts of the content, calls of tools."""
    for part in _list(message.get("content")):
        yield from _strings((part, _mapping(part).get("text")))
    for call in (*_mappings(message.get("tool_calls")), {"function": message.get("function_call")}):
        function = _function(call)
        yield from _strings(map(function.get, ("name", "arguments", "input")))


def _functions(tools: object, model: str, encoding: Encoding) -> int:
    functions = [function for tool in _mappings(tools) if (function := _function(tool))]
    if not functions:
        return 0
    each = PER_FUNCTION[encoding_for_model(model)[0]]
    return sum(each + _declaration(function, encoding) for function in functions) + TOOLS_END


def _declaration(function: Mapping[str, Any], encoding: Encoding) -> int:
    line = f"{_text(function.get('name'))}:{_description(function)}"
    properties = _mapping(_mapping(function.get("parameters")).get("properties"))
    return (
        encoding.count(line)
        + (PROPERTIES if properties else 0)
        + sum(_property(key, _mapping(schema), encoding) for key, schema in properties.items())
    )


def _property(key: str, schema: Mapping[str, Any], encoding: Encoding) -> int:
    line = f"{key}:{_text(schema.get('type'))}:{_description(schema)}"
    return PER_PROPERTY + encoding.count(line) + _enum(schema, encoding)


def _enum(schema: Mapping[str, Any], encoding: Encoding) -> int:
    if "enum" not in schema:
        return 0
    items = _list(schema["enum"])
    # A number, a boolean or null is taken for one token.
    texts = sum(encoding.count(item) if isinstance(item, str) else 1 for item in items)
    return ENUM + PER_ENUM_ITEM * len(items) + texts


def _description(schema: Mapping[str, Any]) -> str:
    return _text(schema.get("description")).removesuffix(".")


def _function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(tool.get("function")) or _mapping(tool.get("custom"))


def _strings(values: Iterable[object]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, _LISTS) else ()


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
