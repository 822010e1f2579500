"""What /v1/chat/completions accepts: every parameter with its rule, in the order they are judged.

Sources: the request model of openai-python 3.54, OpenAI's OpenAPI description of August 2026, and
answers of the real API that others have published. Must not know any model: which of them refuses
what is not said here, and neither are bounds that differ from one model to another.
"""

from __future__ import annotations

from typing import Any

from mockai.core.dialects.rules import (
    Rule,
    array,
    boolean,
    by_type,
    decimal,
    integer,
    mapping,
    name,
    obj,
    one_of,
    short_string,
    string,
    tagged,
)

# --- messages

_TEXT_PART = obj({"text": string}, required=["text"])
_PARTS = tagged(
    "type",
    {
        "text": _TEXT_PART,
        "image_url": obj(
            {"image_url": obj({"url": string, "detail": string}, required=["url"])},
            required=["image_url"],
        ),
        "input_audio": obj(
            {
                "input_audio": obj(
                    {"data": string, "format": one_of("wav", "mp3")}, required=["data", "format"]
                )
            },
            required=["input_audio"],
        ),
        "refusal": obj({"refusal": string}, required=["refusal"]),
        "audio": obj(),
        "file": obj(
            {"file": obj({"file_id": string, "file_data": string, "filename": string})},
            required=["file"],
        ),
    },
)
_CONTENT = by_type(
    {str: string, list: array(_PARTS)}, expected="one of a string or array of objects"
)
_CALL = obj({"name": name, "arguments": string}, required=["name", "arguments"])
_CALL_ID = short_string(40)
_TOOL_CALL = tagged(
    "type",
    {
        "function": obj({"id": _CALL_ID, "function": _CALL}, required=["id", "function"]),
        "custom": obj(
            {
                "id": _CALL_ID,
                "custom": obj({"name": name, "input": string}, required=["name", "input"]),
            },
            required=["id", "custom"],
        ),
    },
)
# The order of the roles is that of the API's own list of them; members that a role does not know
# are tolerated. Only `developer` says here that it needs content: the others do so last of all.
_MESSAGE = tagged(
    "role",
    {
        "system": obj({"content": _CONTENT, "name": string}),
        "assistant": obj(
            {
                "content": _CONTENT,
                "tool_calls": array(_TOOL_CALL, empty=False),
                "function_call": _CALL,
                "refusal": string,
                "audio": obj({"id": string}, required=["id"]),
                "name": string,
            }
        ),
        "user": obj({"content": _CONTENT, "name": string}),
        "function": obj({"content": _CONTENT, "name": string}, required=["name"]),
        "tool": obj({"content": _CONTENT, "tool_call_id": _CALL_ID}, required=["tool_call_id"]),
        "developer": obj({"content": _CONTENT, "name": string}, required=["content"]),
    },
)


_PLAIN = 2  # members
_SPEAKERS = {"system", "assistant", "user", "developer"}  # who need no more than a text, see above


def _message(value: Any, path: str) -> None:
    """Take messages. Most have but a role and a text, and then nothing can be at fault."""
    if type(value) is dict and len(value) == _PLAIN:
        role = value.get("role")
        if type(role) is str and role in _SPEAKERS and type(value.get("content")) is str:
            return
    _MESSAGE(value, path)


# --- tools

_FUNCTION = obj(
    {"name": name, "description": string, "parameters": obj(), "strict": boolean},
    required=["name"],
)
_CUSTOM = obj({"name": name, "description": string, "format": obj()}, required=["name"])
_TOOL = tagged(
    "type",
    {
        "function": obj({"function": _FUNCTION}, required=["function"]),
        "custom": obj({"custom": _CUSTOM}, required=["custom"]),
    },
)
_NAMED = obj({"name": string}, required=["name"])
_TOOL_CHOICE = tagged(
    "type",
    {
        "function": obj({"function": _NAMED}, required=["function"]),
        "custom": obj({"custom": _NAMED}, required=["custom"]),
        "allowed_tools": obj(
            {
                "allowed_tools": obj(
                    {"mode": one_of("auto", "required"), "tools": array(obj())},
                    required=["mode", "tools"],
                )
            },
            required=["allowed_tools"],
        ),
    },
    default="function",
)

# --- the others that are objects

_MODERATED = obj({"mode": one_of("score", "block")}, required=["mode"])
_MODERATION = obj(
    {"model": string, "policy": obj({"input": _MODERATED, "output": _MODERATED})},
    required=["model"],
)
_RESPONSE_FORMAT = tagged(
    "type",
    {
        "json_object": obj(),
        "json_schema": obj(
            {
                "json_schema": obj(
                    {"name": name, "description": string, "schema": obj(), "strict": boolean},
                    required=["name"],
                )
            },
            required=["json_schema"],
        ),
        "text": obj(),
    },
)
_STREAM_OPTIONS = obj({"include_usage": boolean, "include_obfuscation": boolean}, closed=True)
_CACHE_OPTIONS = obj({"mode": one_of("implicit", "explicit"), "ttl": one_of("30m")}, closed=True)
_PREDICTION = obj(
    {
        "type": one_of("content"),
        "content": by_type(
            {str: string, list: array(_TEXT_PART)}, expected="one of a string or array of objects"
        ),
    },
    required=["type", "content"],
)
_AUDIO = obj(
    {
        "voice": by_type(
            {str: string, dict: obj({"id": string}, required=["id"])},
            expected="one of a string or object",
        ),
        "format": one_of("wav", "aac", "mp3", "flac", "opus", "pcm16"),
    },
    required=["voice", "format"],
)
_WEB_SEARCH = obj(
    {
        "search_context_size": one_of("low", "medium", "high"),
        "user_location": obj(
            {"type": one_of("approximate"), "approximate": obj()}, required=["type", "approximate"]
        ),
    }
)

# The order is that in which the real API was seen to report two faults of one body (August 2026);
# only the place of the last three, which the model under test did not know, is a guess.
PARAMETERS: dict[str, Rule] = {
    "model": string,  # of a number the API claims that it does not parse: not imitated
    "messages": array(_message, empty=False),
    "functions": array(
        _FUNCTION, expected="an array of function definitions", empty=False, maximum=128
    ),
    "function_call": by_type(
        {str: one_of("none", "auto"), dict: _NAMED},
        expected="one of one of 'none' or 'auto' or object",
    ),
    "tools": array(_TOOL, empty=False, maximum=128),
    "tool_choice": by_type(
        {str: one_of("none", "auto", "required"), dict: _TOOL_CHOICE},
        expected="one of one of 'none', 'auto', or 'required' or object",
    ),
    "parallel_tool_calls": boolean,
    "max_completion_tokens": integer(1),
    "n": integer(1, 128),
    "temperature": decimal(0, 2),
    "top_p": decimal(0, 1),
    "presence_penalty": decimal(-2, 2),
    "frequency_penalty": decimal(-2, 2),
    "logprobs": boolean,
    "top_logprobs": integer(0, 20),
    "user": string,
    "seed": integer(),
    "moderation": _MODERATION,
    "safety_identifier": short_string(128),
    "prompt_cache_options": _CACHE_OPTIONS,
    "prompt_cache_key": short_string(64),
    "prompt_cache_retention": one_of("in_memory", "24h"),
    "response_format": _RESPONSE_FORMAT,
    "service_tier": one_of("auto", "default", "fast", "flex", "priority", "scale"),
    "max_tokens": integer(1),
    "reasoning_effort": one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "logit_bias": mapping(decimal(-100, 100), expected="an object"),
    "stop": by_type(
        {str: string, list: array(string, expected="an array of strings", maximum=4)},
        expected="one of a string or array of strings",
    ),
    "stream": boolean,
    "stream_options": _STREAM_OPTIONS,
    "store": boolean,
    "metadata": mapping(
        short_string(512), expected="a metadata object", maximum=16, longest_name=64
    ),
    "prediction": _PREDICTION,
    "verbosity": one_of("low", "medium", "high"),
    "modalities": array(one_of("text", "audio"), expected="an array of strings"),
    "audio": _AUDIO,
    "web_search_options": _WEB_SEARCH,
}
