"""Every refusal says exactly what the real API says: `tests/golden/openai_errors.txt`."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from mockai.core import openai_errors as refuse
from mockai.core.errors import OpenAIError

GOLDEN = Path(__file__).parents[1] / "golden" / "openai_errors.txt"
# Each entry: the call; status, type, param and code; the message.
ENTRIES = [entry.splitlines() for entry in GOLDEN.read_text("utf-8").split("\n\n")]


def made_by(call: str) -> OpenAIError:
    """Return what a call such as `invalid_url('POST', '/v1/foo')` constructs."""
    name, _, arguments = call.partition("(")
    error: OpenAIError = getattr(refuse, name)(*ast.literal_eval(f"[{arguments[:-1]}]"))
    return error


@pytest.mark.parametrize("call,facts,message", ENTRIES, ids=[call for call, *_ in ENTRIES])
def test_a_refusal_is_the_real_ones_word_for_word(call: str, facts: str, message: str) -> None:
    """Clients branch on status, type, param and code, and people search for the message."""
    error = made_by(call)
    param, code = error.param or "null", error.code or "null"
    assert f"{error.status} {error.type} param={param} code={code}" == facts
    assert error.message == message


def test_every_refusal_has_an_entry() -> None:
    """A refusal whose words nobody compares would drift."""
    others = {"type_name", "enumerated", "partial"}
    made = {name for name, thing in vars(refuse).items() if callable(thing) and name.islower()}
    named = {call.partition("(")[0] for call, *_ in ENTRIES}
    assert named == {name for name in made if name[0] != "_"} - others


@pytest.mark.parametrize(
    "error,headers",
    [
        (refuse.missing_api_key(), {"www-authenticate": 'Bearer realm="OpenAI API"'}),
        (refuse.method_not_allowed("PUT", "/v1/x", ["GET", "POST"]), {"allow": "GET, POST"}),
        (refuse.server_error(), {}),
    ],
)
def test_some_refusals_bring_headers(error: OpenAIError, headers: dict[str, str]) -> None:
    """A 401 names its scheme and a 405 the methods that it would take, as HTTP demands."""
    assert error.headers == headers


@pytest.mark.parametrize(
    "key,shown",
    [
        ("your_key_here", "your_key*here"),
        ("sk-proj-abcdefghijklmnop", "sk-proj-************mnop"),
        ("exactly12chr", "exactly12chr"),
        ("fake", "fake"),
        ("", ""),
    ],
)
def test_a_key_is_masked_between_its_first_8_and_last_4(key: str, shown: str) -> None:
    """Real 401s tell which key was sent, without giving it away."""
    assert f"provided: {shown}. You" in refuse.invalid_api_key(key).message


@pytest.mark.parametrize(
    "value,name",
    [
        (None, "null"),
        (True, "a boolean"),
        (0, "an integer"),
        (1.0, "a decimal number"),
        ("", "a string"),
        ([], "an array"),
        ({}, "an object"),
    ],
)
def test_every_json_type_has_the_apis_name(value: Any, name: str) -> None:
    """`true` is no integer, and 1.0 is a decimal number."""
    assert refuse.type_name(value) == name


@pytest.mark.parametrize(
    "values,text",
    [
        (["a"], "'a'"),
        (["a", "b"], "'a' or 'b'"),
        (["a", "b", "c"], "'a', 'b', or 'c'"),
    ],
)
def test_an_enumeration_has_a_comma_before_the_last_of_three(values: list[str], text: str) -> None:
    """The API writes 'in_memory' or '24h', but 'low', 'medium', or 'high'."""
    assert refuse.enumerated(values, "or") == text
