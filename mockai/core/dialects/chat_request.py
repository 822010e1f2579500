"""A request to /v1/chat/completions: from the bytes of its body to the facts in it.

Knows JSON as the API reads it and the order in which it finds fault (seen in August 2026): model,
messages, unknown parameters, each by itself, those that need each other, messages that say
nothing. Must not know what one parameter may be: that stands in `chat_parameters`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mockai.core import openai_errors as refuse
from mockai.core.dialects.chat_parameters import PARAMETERS
from mockai.core.errors import OpenAIError
from mockai.core.making import maker_of


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """The facts of a valid request; `body` is all of it, as it was sent."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    stream: bool
    include_usage: bool
    include_obfuscation: bool
    body: Mapping[str, Any]

    @property
    def last_user(self) -> str:
        """The text of the last user message, its text parts joined; "" if there is none."""
        said = (each["content"] for each in reversed(self.messages) if each["role"] == "user")
        return _text_of(next(said, ""))

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        """The tools that the model may call, as they were sent; empty if there are none."""
        return self.body.get("tools") or ()

    @property
    def choices(self) -> int:
        """How many answers are asked for at once."""
        return self.body.get("n") or 1

    @property
    def max_tokens(self) -> int | None:
        """The most completion tokens, reasoning included; `None` is no limit."""
        wanted: int | None = self.body.get("max_completion_tokens")
        return self.body.get("max_tokens") if wanted is None else wanted

    @property
    def top_logprobs(self) -> int | None:
        """How many alternatives are shown for each token; `None` if no log probabilities are."""
        if self.body.get("logprobs") is not True:
            return None
        return self.body.get("top_logprobs") or 0

    @property
    def stop(self) -> Sequence[str]:
        """The sequences at which the content ends."""
        wanted = self.body.get("stop")
        return (wanted,) if isinstance(wanted, str) else wanted or ()


_make_request = maker_of(ChatRequest)


def parse_chat_request(raw: bytes) -> ChatRequest:
    """Read a body, or raise the `OpenAIError` with which the real API refuses it."""
    body = _json_object(raw)
    _check_required(body)
    _check_known(body)
    _check_each(body)
    _check_together(body)
    _check_content(body)
    options = body.get("stream_options") or {}
    obfuscation = options.get("include_obfuscation")
    return _make_request(
        model=body["model"],
        messages=body["messages"],
        stream=body.get("stream") or False,
        include_usage=options.get("include_usage") or False,
        include_obfuscation=True if obfuscation is None else obfuscation,
        body=body,
    )


# --- from bytes to JSON


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        text = raw.decode().strip(_BLANK)
        body, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):  # not UTF-8, not JSON, too many digits; nested too deeply
        raise refuse.invalid_json() from None
    if end != len(text):
        raise refuse.invalid_json()
    if type(body) is not dict:
        raise refuse.body_not_an_object(body)
    return body


def _finite(digits: str) -> float:
    """Refuse what is no double, so that every body can be written down as JSON again."""
    value = float(digits)
    if math.isinf(value):
        raise ValueError
    return value


def _no_constant(literal: str) -> float:
    """Python reads NaN and Infinity as numbers; JSON has neither."""
    raise ValueError(literal)


_BLANK = " \t\n\r"
_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


# --- what the body as a whole must keep, in the order of the faults


def _check_required(body: Mapping[str, Any]) -> None:
    if body.get("model") in (None, ""):
        raise refuse.missing_model()
    if "messages" not in body:
        raise refuse.missing_required_parameter("messages")


def _check_known(body: Mapping[str, Any]) -> None:
    if not body.keys() <= PARAMETERS.keys():
        raise refuse.unrecognized_arguments([key for key in body if key not in PARAMETERS])


def _check_each(body: Mapping[str, Any]) -> None:
    """Judge each parameter by itself; null is as good as absent, except for `messages`."""
    for param in sorted(body, key=_ORDER.__getitem__):
        value = body[param]
        if value is not None or param == "messages":
            PARAMETERS[param](value, param)


_ORDER = {param: place for place, param in enumerate(PARAMETERS)}

_Needs = tuple[str, str, Callable[[str, str], OpenAIError]]
_NEEDS: tuple[_Needs, ...] = (
    ("function_call", "functions", refuse.parameter_needs_specified),
    ("tool_choice", "tools", refuse.parameter_needs_specified),
    ("parallel_tool_calls", "tools", refuse.parameter_needs_specified),
    ("top_logprobs", "logprobs", refuse.parameter_needs_enabled),
    ("stream_options", "stream", refuse.parameter_needs_enabled),
)


_NEEDY = frozenset(param for param, _, _ in _NEEDS)


def _check_together(body: Mapping[str, Any]) -> None:
    if not _NEEDY.isdisjoint(body):
        for param, needed, refusal in _NEEDS:
            if body.get(param) is not None and not body.get(needed):
                raise refusal(param, needed)
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise refuse.conflicting_parameters("max_tokens", "max_completion_tokens")


# An assistant that calls, refuses or speaks need not write.
_INSTEAD_OF_CONTENT = ("tool_calls", "function_call", "refusal", "audio")


def _check_content(body: Mapping[str, Any]) -> None:
    for index, message in enumerate(body["messages"]):
        if message.get("content") is None and not _needs_no_content(message):
            raise refuse.null_content(index)


def _needs_no_content(message: Mapping[str, Any]) -> bool:
    return message["role"] == "assistant" and any(
        message.get(member) is not None for member in _INSTEAD_OF_CONTENT
    )


def _text_of(content: str | Sequence[Mapping[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")
