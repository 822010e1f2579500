"""What each step adds to a reply: text, tokens, time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockai.core.compile import compile_reply
from mockai.core.errors import UnplayableError
from mockai.core.reply import Reply
from mockai.core.steps import STEPS
from mockai.core.tokens import get_encoding
from tests.support.facts import reply_of, request_of, scenario_of

FIFTY = {"ttft": "200ms", "tokens_per_second": 50}
MS = 1_000_000
WEATHER = {"name": "weather", "arguments": {"city": "Köln", "days": [1, 2]}}


def channels(reply: Reply) -> list[str]:
    """Return the channels of the deltas, each run of the same one once."""
    found = [delta.channel for delta in reply.deltas]
    return [one for place, one in enumerate(found) if place == 0 or found[place - 1] != one]


def answer(*steps: Any, **asked: Any) -> str:
    """Return the content of the reply to a request."""
    reply = compile_reply(
        scenario_of(*steps), get_encoding("o200k_base"), request=request_of("hello", **asked)
    )
    return reply.text


# ── saying ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text,said",
    [
        ("You asked {request.model}.", "You asked gpt-4o-mini."),
        ("{request.last_user}!", "hello!"),
        ("{request.temperature} {request.stream}", "0.5 true"),
        ("{request.metadata.user}", "ann"),
        ("{request.messages.0.role}", "user"),
        ("{request.messages.1.role}|{request.nothing.at.all}|{request.user}", "||"),
        ("{request.metadata}", '{"user": "ann"}'),
        ("{request} {model} {} {request.}", "{request} {model} {} {request.}"),
    ],
)
def test_a_text_names_fields_of_the_request(text: str, said: str) -> None:
    """Plain look-ups, no template language: what does not exist is empty, the rest stays."""
    assert answer({"text": text}, temperature=0.5, metadata={"user": "ann"}) == said


def test_what_a_request_says_is_not_looked_up_again() -> None:
    """A user who writes `{request.model}` is quoted, not obeyed."""
    messages = [{"role": "user", "content": "{request.model}"}]
    assert answer({"text": "{request.last_user}"}, messages=messages) == "{request.model}"


def test_two_fakers_say_different_words() -> None:
    """Each step draws for itself."""
    reply = reply_of(8, {"text": "|"}, 8)
    one, other = reply.text.split("|")
    assert (reply.total, len(one.split()), len(other.split())) == (17, 8, 8)
    assert one.split() != other.split()


def test_prose_of_a_locale_has_exactly_its_tokens() -> None:
    """Counted with the vocabulary of today's models."""
    reply = reply_of({"faker": {"tokens": 30, "locale": "ja_JP"}})
    assert reply.total == 30
    assert not reply.text.isascii()


def test_a_locale_without_words_is_refused_with_its_place() -> None:
    """Faker would give Latin, silently."""
    with pytest.raises(UnplayableError, match="story: locale: no text for 'xx_XX'") as caught:
        reply_of(1, {"faker": {"tokens": 3, "locale": "xx_XX"}})
    assert caught.value.loc == ("reply", 1, "faker")


def test_hidden_reasoning_takes_time_and_tokens_and_says_nothing() -> None:
    """It is billed, and a client sees only that nothing comes."""
    reply = reply_of({"reasoning": 10}, {"text": "42."}, pace=FIFTY)
    assert channels(reply) == ["thinking", "content"]
    assert (reply.reasoning_tokens, reply.total, reply.text) == (10, 12, "42.")
    assert reply.due_ns[11] / MS == 200 + 10 * 20
    assert list(reply.sent[9:]) == [0, 0, 1, 2, 2]


@pytest.mark.parametrize(
    "asked,tokens",
    [({"text": "Let me see."}, 4), ({"tokens": 7, "visible": True}, 7)],
    ids=["text", "visible"],
)
def test_visible_reasoning_is_text_of_its_own(asked: dict[str, Any], tokens: int) -> None:
    """It is sent before the content, and counted apart."""
    reply = reply_of({"reasoning": asked}, {"text": "42."})
    assert channels(reply) == ["reasoning", "content"]
    assert (reply.reasoning_tokens, reply.text) == (tokens, "42.")


def test_a_refusal_is_no_content() -> None:
    """It has a field of its own."""
    reply = reply_of({"refusal": "I can't."})
    assert (reply.said("refusal"), reply.text, reply.finish_reason) == ("I can't.", "", "stop")


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


def test_json_is_an_instance_of_the_schema_that_the_request_gives() -> None:
    """The schema of `response_format`."""
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 4}},
        "required": ["n"],
    }
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert json.loads(answer({"json": None}, response_format=asked))["n"] in {3, 4}


@pytest.mark.parametrize("response_format", [None, {"type": "json_object"}])
def test_json_without_a_schema_is_some_json(response_format: Any) -> None:
    """Also where the request asks for no format at all."""
    json.loads(answer({"json": None}, response_format=response_format))


@pytest.mark.parametrize("value", [{"a": [1, None, "é"]}, [], 0, False, ""])
def test_json_that_is_given_is_sent_as_it_is(value: Any) -> None:
    """Also a value that is empty, and no escapes for other scripts."""
    text = answer({"json": value})
    assert json.loads(text) == value
    assert "\\u" not in text


# ── tools ────────────────────────────────────────────────────────────────────────────────────


def test_a_tool_call_is_a_name_and_fragments_of_its_arguments() -> None:
    """Put together they are the JSON that the script has as a mapping."""
    reply = reply_of({"tool_call": WEATHER})
    head, *fragments = reply.deltas
    assert (head.channel, head.text) == ("tool_name", "weather")
    assert len(fragments) > 3
    assert json.loads("".join(delta.text for delta in fragments)) == WEATHER["arguments"]
    assert reply.finish_reason == "tool_calls"


def test_arguments_that_are_text_are_sent_as_they_are() -> None:
    """Broken JSON too: that is what such a script is for."""
    reply = reply_of({"tool_call": {"name": "weather", "arguments": '{"city": "Par'}})
    assert reply.said("tool_arguments") == '{"city": "Par'


@pytest.mark.parametrize(
    "steps",
    [
        ({"tool_call": [WEATHER, {"name": "clock"}]},),
        ({"tool_call": WEATHER}, {"tool_call": {"name": "clock"}}),
    ],
    ids=["one step", "two steps"],
)
def test_several_calls_are_numbered(steps: tuple[Any, ...]) -> None:
    """In one step or in two; without arguments they are an empty mapping."""
    reply = reply_of(*steps)
    names = [(delta.text, delta.tool) for delta in reply.deltas if delta.channel == "tool_name"]
    assert names == [("weather", 0), ("clock", 1)]
    assert "".join(delta.text for delta in reply.deltas if delta.tool == 1) == "clock{}"


def test_a_reply_can_say_why_it_ends() -> None:
    """Real servers say `stop` after a forced call."""
    assert reply_of({"tool_call": WEATHER}, {"finish": "stop"}).finish_reason == "stop"
    assert reply_of(1, {"finish": "content_filter"}).finish_reason == "content_filter"


# ── verbatim, pace, usage ────────────────────────────────────────────────────────────────────


def test_comments_and_raw_bytes_carry_no_tokens() -> None:
    """They take no time either, and leave with what is before them."""
    reply = reply_of(1, {"keepalive": "ok"}, {"raw": "data: x\n\n"}, 1, pace=FIFTY)
    assert channels(reply) == ["content", "comment", "raw", "content"]
    assert list(reply.tokens) == [0, 1, 1, 1, 2, 2]
    assert [due / MS for due in reply.due_ns] == [0, 200, 200, 200, 220, 220]


def test_the_pace_changes_from_a_step_on() -> None:
    """What is left out stays as it is."""
    steps = (2, {"pace": {"tokens_per_second": 10}}, 2, {"pace": {"tokens_per_chunk": 3}}, 3)
    reply = reply_of(*steps, pace=FIFTY)
    assert [due / MS for due in reply.due_ns] == [0, 200, 220, 320, 420, 720, 720]
    assert list(reply.tokens) == [0, 1, 2, 3, 4, 7, 7]


def test_a_chunk_of_several_tokens_ends_where_a_hold_or_a_fault_stands() -> None:
    """A place in tokens is exact, whatever the size of chunks."""
    steps = (9, {"hold": {"at_token": 2}}, {"cut": {"at_token": 7}})
    assert list(reply_of(*steps, pace={"tokens_per_chunk": 4}).tokens) == [0, 2, 6, 7, 9, 9]


def test_figures_of_usage_add_up_over_steps() -> None:
    """A later step overrides the same figure."""
    steps = ({"usage": {"prompt_tokens": 5, "cached_tokens": 3}}, {"usage": {"cached_tokens": 4}})
    assert reply_of(*steps).usage == {"prompt_tokens": 5, "cached_tokens": 4}


def test_each_kind_of_step_has_its_own_key() -> None:
    """The kind is the one key under which a step is written."""
    for kind, step in STEPS.items():
        assert kind in {field.alias or name for name, field in step.model_fields.items()}
        assert len(step.model_fields) == 1
