"""A chat body is read as the real API reads it, and refused in its words and its order."""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockai.core import openai_errors as refuse
from mockai.core.dialects.chat_parameters import PARAMETERS
from mockai.core.dialects.chat_request import ChatRequest, parse_chat_request
from mockai.core.errors import OpenAIError

USER = {"role": "user", "content": "Hi"}
MINIMAL = {"model": "m", "messages": [USER]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

# Every parameter, every role and every kind of part, all of them valid.
FULL: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "developer", "content": "Be brief.", "name": "dev"},
        {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look: "},
                {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "text", "text": "a cat"},
            ],
        },
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}], "refusal": None},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "g", "input": "x"}}],
        },
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "42"},
        {"role": "assistant", "audio": {"id": "audio_1"}},
    ],
    "functions": [{"name": "f", "description": "d", "parameters": {"type": "object"}}],
    "function_call": {"name": "f"},
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {}, "strict": None}},
        {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "max_completion_tokens": 1,
    "n": 128,
    "temperature": 2,
    "top_p": 0.0,
    "presence_penalty": -2.0,
    "frequency_penalty": 2,
    "logprobs": True,
    "top_logprobs": 20,
    "user": "u",
    "seed": -(2**63),
    "moderation": {"model": "omni-moderation-latest", "policy": {"input": {"mode": "score"}}},
    "safety_identifier": "s" * 128,
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "prompt_cache_key": "k" * 64,
    "prompt_cache_retention": "24h",
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n" * 64, "schema": {"type": "object"}, "strict": True},
    },
    "service_tier": "scale",
    "max_tokens": None,
    "reasoning_effort": "max",
    "logit_bias": {"50256": -100, "1": 100},
    "stop": ["a", "b", "c", "d"],
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
    "store": False,
    "metadata": {"k" * 64: "v" * 512, **{f"k{n}": "v" for n in range(15)}},
    "prediction": {"type": "content", "content": [{"type": "text", "text": "p"}]},
    "verbosity": "high",
    "modalities": ["text", "audio"],
    "audio": {"voice": {"id": "voice_1"}, "format": "pcm16"},
    "web_search_options": {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Bern"}},
    },
}


def parse(**members: Any) -> ChatRequest:
    """Parse a minimal body with `members` added."""
    return parse_chat_request(json.dumps({**MINIMAL, **members}).encode())


def refusal(raw: bytes) -> OpenAIError:
    """Return the refusal of a body."""
    with pytest.raises(OpenAIError) as raised:
        parse_chat_request(raw)
    return raised.value


def refusal_of(**members: Any) -> OpenAIError:
    """Return the refusal of a minimal body with `members` added."""
    return refusal(json.dumps({**MINIMAL, **members}).encode())


def same(one: OpenAIError, other: OpenAIError) -> bool:
    """Compare what the client sees."""
    return (one.status, one.body()) == (other.status, other.body())


# --- what is accepted


def test_the_facts_of_a_request_are_read_from_its_body() -> None:
    """Scenarios match on these, and a playback is made from them."""
    request = parse_chat_request(json.dumps(FULL).encode())
    assert (request.model, request.stream) == ("gpt-4o-mini", True)
    assert (request.include_usage, request.include_obfuscation) == (True, False)
    assert request.messages == FULL["messages"]
    assert request.tools == FULL["tools"]
    assert request.last_user == "Look: a cat"
    assert request.body == FULL


def test_the_example_of_everything_leaves_no_parameter_out() -> None:
    """A parameter without a valid example could refuse every value."""
    assert FULL.keys() == PARAMETERS.keys()


def test_only_model_and_messages_are_needed() -> None:
    """The defaults are the API's: no stream, no usage chunk, obfuscation on."""
    request = parse()
    assert (request.stream, request.include_usage, request.include_obfuscation) == (
        False,
        False,
        True,
    )
    assert request.tools == ()


@pytest.mark.parametrize("param", [p for p in PARAMETERS if p not in {"model", "messages"}])
def test_null_is_as_good_as_absent(param: str) -> None:
    """Clients that serialise unset options send null."""
    request = parse(**{param: None})
    assert (request.stream, request.include_usage, request.include_obfuscation) == (
        False,
        False,
        True,
    )


def test_null_stream_options_members_are_absent_too() -> None:
    """A null switch is off for usage and on for obfuscation, as if it were not there."""
    request = parse(
        stream=True, stream_options={"include_usage": None, "include_obfuscation": None}
    )
    assert (request.include_usage, request.include_obfuscation) == (False, True)


@pytest.mark.parametrize(
    "messages,text",
    [
        ([USER, {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "Go"}], "Go"),
        ([{"role": "system", "content": "alone"}], ""),
        ([{"role": "user", "content": []}], ""),
        ([{"role": "user", "content": ""}], ""),
        ([{"role": "user", "content": [{"type": "text", "text": t} for t in "ab"]}], "ab"),
    ],
)
def test_the_last_user_text_is_that_of_the_last_user_message(
    messages: list[dict[str, Any]], text: str
) -> None:
    """What stands behind it does not hide it, and only text parts count."""
    assert parse(messages=messages).last_user == text


# --- bytes


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"model": "m",}',
        b"\xff\xfe",
        b'{"model": "\xed\xa0\x80"}',  # a surrogate in the bytes is no UTF-8
        b'\xef\xbb\xbf{"model": "m"}',  # nor is a byte order mark JSON
        '{"model": "m"}'.encode("utf-16"),
        b'{"model": "a\tb"}',
        b'{"temperature": NaN}',
        b'{"temperature": Infinity}',
        b'{"temperature": -Infinity}',
        b'{"temperature": 1e999}',
        b'{"seed": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"metadata": ' * 100_000,
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_not_json_cannot_be_parsed(raw: bytes) -> None:
    """Whatever is wrong with the bytes, nested too deeply included, the answer is the same 400."""
    assert same(refusal(raw), refuse.invalid_json())


@pytest.mark.parametrize("body", [None, True, 1, 1.5, "text", [], [{}]])
def test_a_body_is_an_object(body: Any) -> None:
    """JSON that is no object has no parameters that could be missing."""
    assert same(refusal(json.dumps(body).encode()), refuse.body_not_an_object(body))


def test_the_last_of_two_equal_keys_wins() -> None:
    """As in every common JSON parser."""
    assert (
        parse_chat_request(
            b'{"model": "a", "messages": [], "model": "b", "messages": ['
            + (json.dumps(USER).encode() + b"]}")
        ).model
        == "b"
    )


def test_a_lone_surrogate_is_text() -> None:
    r"""Clients cut emoji in halves: `"\ud83d"` is legal JSON and stays what it is."""
    assert parse(messages=[{"role": "user", "content": "\ud83d"}]).last_user == "\ud83d"


# --- what must be there


@pytest.mark.parametrize("body", [{}, {"model": None}, {"model": ""}, {"messages": [USER]}])
def test_a_model_must_be_given(body: dict[str, Any]) -> None:
    """Absent, null and empty are the same fault, and the first of all."""
    assert same(refusal(json.dumps(body).encode()), refuse.missing_model())


def test_messages_must_be_given() -> None:
    """The second fault of all."""
    assert same(refusal(b'{"model": "m"}'), refuse.missing_required_parameter("messages"))


def test_unknown_parameters_are_named_in_the_order_sent() -> None:
    """The API knows only what it documents; one argument or several arguments."""
    assert refusal_of(foo=1).message == "Unrecognized request argument supplied: foo"
    message = refusal_of(foo=None, bar=2).message
    assert message == "Unrecognized request arguments supplied: foo, bar"


# --- messages that say nothing


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
@pytest.mark.parametrize("content", [{}, {"content": None}])
def test_a_message_must_say_something(role: str, content: dict[str, Any]) -> None:
    """Absent and null content are one fault, with the API's odd dot in its `param`."""
    error = refusal_of(messages=[USER, {"role": role, **content}])
    assert same(error, refuse.null_content(1))


def test_developer_content_is_missed_in_other_words() -> None:
    """That role has a stricter schema than the older ones."""
    path = "messages[0].content"
    assert same(
        refusal_of(messages=[{"role": "developer"}]), refuse.missing_required_parameter(path)
    )
    assert same(
        refusal_of(messages=[{"role": "developer", "content": None}]),
        refuse.invalid_type(path, "one of a string or array of objects", None),
    )


INSTEAD: dict[str, Any] = {
    "tool_calls": [CALL],
    "function_call": {"name": "f", "arguments": "{}"},
    "refusal": "no",
    "audio": {"id": "audio_1"},
}


@pytest.mark.parametrize("member,value", INSTEAD.items())
def test_only_an_assistant_may_act_instead_of_speaking(member: str, value: Any) -> None:
    """A call, a refusal or audio stands for content; null does not, nor does it elsewhere."""
    acting = {"role": "assistant", member: value}
    assert parse(messages=[acting]).messages == [acting]
    silent = {"role": "assistant", member: None}
    assert same(refusal_of(messages=[silent]), refuse.null_content(0))
    stray = {"role": "user", member: value}
    assert same(refusal_of(messages=[stray]), refuse.null_content(0))


# --- the order of faults

MEASURED = """
messages functions function_call tools tool_choice parallel_tool_calls max_completion_tokens n
temperature top_p presence_penalty frequency_penalty logprobs top_logprobs user seed moderation
safety_identifier prompt_cache_options prompt_cache_key prompt_cache_retention response_format
service_tier max_tokens reasoning_effort logit_bias stop stream stream_options store metadata
prediction verbosity
"""
BOOLEANS = {"parallel_tool_calls", "logprobs", "stream", "store"}
OF_WRONG_TYPE: list[dict[str, Any]] = [
    {param: "x" if param in BOOLEANS else True} for param in MEASURED.split()
]

ORDER: list[tuple[dict[str, Any], dict[str, Any]]] = [  # the fault reported, and one that waits
    ({"model": None}, {"messages": ...}),
    ({"model": None}, {"foo": 1}),
    ({"messages": ...}, {"foo": 1}),
    ({"foo": 1}, {"messages": []}),
    ({"foo": 1}, {"n": "abc"}),
    *pairwise(OF_WRONG_TYPE),
    ({"n": 0}, {"metadata": {"k": 7}}),
    ({"max_completion_tokens": 0}, {"logprobs": "x"}),
    ({"messages": [7]}, {"metadata": {"k": 7}}),
    ({"stream_options": {"x": 1}}, {"store": 7}),
    ({"verbosity": True}, {"stream_options": {}}),
    ({"stream_options": {}}, {"messages": [{"role": "user"}]}),
]


@pytest.mark.parametrize("first,second", ORDER, ids=[f"{a} {b}"[:60] for a, b in ORDER])
def test_of_two_faults_the_real_api_reports_this_one(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Clients that mend one fault at a time walk the same way here, however they order keys."""
    wanted = refusal(body_with(first))
    assert same(refusal(body_with({**first, **second})), wanted)
    assert same(refusal(body_with({**second, **first})), wanted)
    assert not same(refusal(body_with(second)), wanted)


def test_a_silent_message_is_reported_after_every_other_fault_of_the_messages() -> None:
    """A bad role further down comes first."""
    error = refusal(body_with({"messages": [{"role": "user"}, {"role": "bot"}]}))
    assert error.param == "messages[1].role"


def body_with(members: dict[str, Any]) -> bytes:
    """Return a minimal body behind `members`; a member that is `...` is left out."""
    body = {**members, **{k: v for k, v in MINIMAL.items() if k not in members}}
    return json.dumps({key: value for key, value in body.items() if value is not ...}).encode()


# --- whatever comes

WORDS = ["user", "assistant", "tool", "text", "file", "function", "auto", "\ud83d", "x" * 600]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "name", "function", "text", "\udc00"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
MISSING = object()

Path = tuple[str | int, ...]


def paths_in(value: Any, path: Path = ()) -> list[Path]:
    """Return the path of everything in `value`, itself included."""
    members: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        members = [*value.items()]
    elif isinstance(value, list):
        members = [*enumerate(value)]
    return [path, *(deep for key, part in members for deep in paths_in(part, (*path, key)))]


def mutated(body: Any, path: Path, value: Any) -> Any:
    """Return `body` with the part at `path` replaced, or removed if `value` is MISSING."""
    if not path:
        return {} if value is MISSING else value
    body = deepcopy(body)
    part = body
    for key in path[:-1]:
        part = part[key]
    if value is MISSING:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return body


MUTATED = st.builds(
    mutated, st.just(FULL), st.sampled_from(paths_in(FULL)), st.just(MISSING) | JSON
)


def judge(raw: bytes) -> None:
    """Check that `raw` is either a request that can be used or a 400 that can be sent."""
    outcome = outcome_of(raw)
    if isinstance(outcome, OpenAIError):
        assert outcome.status == 400
        assert json.loads(json.dumps(outcome.body()))["error"]["message"]
    else:
        assert isinstance(outcome.last_user, str)
        assert all(isinstance(tool, dict) for tool in outcome.tools)
        assert json.dumps(outcome.body, allow_nan=False)


def outcome_of(raw: bytes) -> ChatRequest | OpenAIError:
    """Return the request or its refusal; anything else that is raised fails the test."""
    try:
        return parse_chat_request(raw)
    except OpenAIError as error:
        return error


anything = settings(max_examples=150, deadline=None)


@anything
@given(st.binary(max_size=60))
@example(b"")
def test_no_bytes_can_surprise(raw: bytes) -> None:
    """A client can send anything; the answer is a request or a refusal, never a failure."""
    judge(raw)


@anything
@given(JSON | st.dictionaries(st.sampled_from(sorted(PARAMETERS)), JSON, max_size=5))
def test_no_json_can_surprise(body: Any) -> None:
    """Nor can any JSON, with the names of parameters or without."""
    judge(json.dumps(body).encode())


@anything
@given(MUTATED)
def test_no_nearly_valid_body_can_surprise(body: Any) -> None:
    """Nor can a valid body with one part replaced or removed, however deep."""
    judge(json.dumps(body).encode())


@anything
@given(st.integers(0, len(json.dumps(FULL))), st.binary(max_size=3))
def test_no_damaged_body_can_surprise(position: int, junk: bytes) -> None:
    """Nor can a valid body with a few bytes overwritten."""
    raw = json.dumps(FULL).encode()
    judge(raw[:position] + junk + raw[position + len(junk) :])
