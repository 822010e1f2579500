"""Each kind of answer on the chat surface, against the shapes recorded from the real API.

A golden file has one line for each event: what differs from chunk to chunk.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from mockai.core.compile import compile_reply
from mockai.core.dialects.chat import plan_chat
from mockai.core.plan import Plan
from mockai.core.staging import joined, staged
from mockai.core.tokens import get_encoding
from tests.support.facts import request_of, scenario_of
from tests.support.frames import CREATED
from tests.support.golden import golden

PARIS = {"name": "get_weather", "arguments": {"city": "Paris"}}
OSLO = {"name": "get_weather", "arguments": {"city": "Oslo"}}
NO = "I'm sorry."
BARE = {"stream_options": {"include_obfuscation": False}}
USAGE = {"stream_options": {"include_obfuscation": False, "include_usage": True}}
LOGPROBS = {"logprobs": True, "top_logprobs": 1, **BARE}
MATHS = {"text": "42."}

KINDS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "tool": (({"tool_call": PARIS},), BARE),
    "tools": (({"tool_call": [PARIS, OSLO]},), BARE),
    "tool_after_text": (({"text": "Let me see."}, {"tool_call": PARIS}), BARE),
    "refusal": (({"refusal": NO},), BARE),
    "reasoning": (({"reasoning": {"text": "Easy."}}, MATHS), USAGE),
    "thinking": (({"reasoning": 5}, MATHS), USAGE),
    "choices": (({"text": "Hi"}, {"faker": 1}), {"n": 3, **USAGE}),
    "logprobs": ((MATHS,), LOGPROBS),
    "refusal_logprobs": (({"refusal": NO},), LOGPROBS),
    "verbatim": (({"keepalive": "WAIT"}, MATHS, {"raw": "data: {}\n\n"}), BARE),
    "error": (({"text": "One two"}, {"error": {"code": "server_error", "at_token": 1}}), BARE),
}


def plan_of(*steps: Any, ordinal: int = 1, **asked: Any) -> Plan:
    """Return the plan of such a request."""
    request, encoding = request_of(**asked), get_encoding("o200k_base")
    scenario = scenario_of(*steps)
    replies = [
        compile_reply(scenario, encoding, choice=choice) for choice in range(request.choices)
    ]
    stage = staged(joined(replies), ordinal=ordinal, draw=Random(7))
    return plan_chat(request, stage, seed=7, created=CREATED, prompt_tokens=11, encoding=encoding)


def events_of(*steps: Any, **asked: Any) -> list[str]:
    """Return the events of the stream, data only."""
    plan = plan_of(*steps, **asked)
    frames = (plan.frames.frame(index) for index in range(1, len(plan.reply)))
    stream = b"".join(frame for frame in frames if isinstance(frame, bytes)).decode()
    return stream.removesuffix("\n\n").split("\n\n")


def shown(event: str) -> str:
    """Return what differs from chunk to chunk."""
    if not event.startswith('data: {"id"'):
        return event
    chunk = json.loads(event.removeprefix("data: "))
    return json.dumps({key: chunk[key] for key in ("choices", "usage") if key in chunk})


def chunks_of(*steps: Any, **asked: Any) -> list[Any]:
    """Return the choices of each chunk: the only one, or none in the last."""
    return [json.loads(event[6:])["choices"] for event in events_of(*steps, **asked)[:-1]]


def body_of(*steps: Any, **asked: Any) -> Any:
    """Return the answer in one body."""
    return json.loads(plan_of(*steps, stream=False, **asked).frames.body())


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_word_for_word_the_golden_one(kind: str) -> None:
    """A change here changes the bytes of every user's test."""
    steps, asked = KINDS[kind]
    assert "\n".join(map(shown, events_of(*steps, **asked))) == golden(f"chat_{kind}.txt")


# ── what was recorded ────────────────────────────────────────────────────────────────────────


def test_one_tool_call_comes_with_the_role() -> None:
    """Fragments follow without id, type and name."""
    first, second, *_, last = [choices[0] for choices in chunks_of({"tool_call": PARIS})]
    (call,) = first["delta"].pop("tool_calls")
    assert first["delta"] == {"role": "assistant", "content": None, "refusal": None}
    assert call.pop("id").startswith("call_")
    function = {"name": "get_weather", "arguments": ""}
    assert call == {"index": 0, "type": "function", "function": function}
    assert second["delta"] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"'}}]}
    assert (last["delta"], last["finish_reason"]) == ({}, "tool_calls")


def test_of_several_tool_calls_the_role_comes_alone() -> None:
    """Then all of the first, then all of the second: not interleaved."""
    choices = [each[0] for each in chunks_of({"tool_call": [PARIS, OSLO]})]
    assert choices[0]["delta"] == {"role": "assistant", "content": None}
    calls = [each["delta"]["tool_calls"][0] for each in choices[1:-1]]
    order = [call["index"] for call in calls]
    assert order == sorted(order)
    assert len({call["id"] for call in calls if "id" in call}) == 2


def test_a_refusal_has_its_own_field() -> None:
    """Content is null throughout, the reason is `stop`."""
    first, second, *_, last = [choices[0] for choices in chunks_of({"refusal": NO})]
    assert first["delta"] == {"role": "assistant", "content": None, "refusal": ""}
    assert second["delta"] == {"refusal": "I'm"}
    assert last["finish_reason"] == "stop"


def test_choices_open_together_and_end_together() -> None:
    """In the order 0, 0, 1, 1, 2, 2, 0, 1, 2, …; the finish chunks come last, one usage for all."""
    *chunks, usage = chunks_of({"text": "Once upon a"}, n=3, **USAGE)
    assert [choice["index"] for (choice,) in chunks] == [0, 0, 1, 1, 2, 2, *[0, 1, 2] * 3]
    assert [choice["finish_reason"] for (choice,) in chunks[-3:]] == ["stop"] * 3
    assert usage == []


def test_logprobs_stand_in_content_chunks_only() -> None:
    """An empty list in the first, null in the last."""
    first, *middle, last = [choices[0] for choices in chunks_of(MATHS, **LOGPROBS)]
    assert first["logprobs"] == {"content": [], "refusal": None}
    assert [len(choice["logprobs"]["content"]) for choice in middle] == [1, 1]
    assert last["logprobs"] is None


def told_in(items: list[dict[str, Any]]) -> list[float]:
    """Return the log probabilities of some items."""
    return [item["logprob"] for item in items]


def test_a_script_tells_the_logprobs_of_the_next_tokens() -> None:
    """In a stream as in one body; what comes after them has made-up ones again."""
    steps = (
        {"text": "Hi"},
        {"logprobs": [0, -2.5, -9999]},
        {"text": " one two"},
        {"refusal": "No"},
    )
    asked = {key: LOGPROBS[key] for key in ("logprobs", "top_logprobs")}
    body = body_of(*steps, {"text": " and more"}, **asked)["choices"][0]["logprobs"]
    assert told_in(body["content"])[1:3] == [0, -2.5]
    assert told_in(body["refusal"]) == [-9999]
    assert not {0, -2.5, -9999} & set(told_in([body["content"][0], *body["content"][3:]]))
    chunks = chunks_of(*steps, {"text": " and more"}, **asked)
    judged = [choice["logprobs"] for choices in chunks for choice in choices if choice["logprobs"]]
    assert [item for said in judged for item in said["content"] or []] == body["content"]
    for item in (*body["content"], *body["refusal"]):
        assert all(other["logprob"] <= item["logprob"] for other in item["top_logprobs"])


def test_logprobs_are_not_told_to_who_does_not_ask() -> None:
    """And the text is the same."""
    steps = ({"logprobs": [-1]}, {"text": "Hi"})
    assert body_of(*steps)["choices"][0] == body_of({"text": "Hi"})["choices"][0]


def test_logprobs_of_a_refusal_stand_in_its_own_list() -> None:
    """`content` is null there."""
    _, *middle, last = [choices[0] for choices in chunks_of({"refusal": NO}, **LOGPROBS)]
    for choice in middle:
        assert choice["logprobs"]["content"] is None
        assert len(choice["logprobs"]["refusal"]) == 1
    assert last["logprobs"] is None


def test_an_error_in_the_stream_is_an_event_and_then_done() -> None:
    """Without a finish chunk."""
    *_, error, done = events_of(*KINDS["error"][0])
    assert json.loads(error.removeprefix("data: "))["error"]["type"] == "server_error"
    assert done == "data: [DONE]"
    assert not any('"finish_reason":"' in event for event in events_of(*KINDS["error"][0]))


# ── in one body ──────────────────────────────────────────────────────────────────────────────


def test_a_tool_call_in_a_body_is_whole() -> None:
    """Content is null, the arguments are text."""
    (choice,) = body_of({"tool_call": PARIS})["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert choice["message"]["content"] is None
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}
    assert (call["type"], choice["finish_reason"]) == ("function", "tool_calls")


def test_the_same_call_has_the_same_id_in_a_body_and_in_a_stream() -> None:
    """It comes from the seed."""
    (choice,) = body_of({"tool_call": PARIS})["choices"]
    streamed = chunks_of({"tool_call": PARIS})[0][0]["delta"]["tool_calls"][0]["id"]
    assert choice["message"]["tool_calls"][0]["id"] == streamed


@pytest.mark.parametrize("kind", ["refusal", "reasoning", "tool_after_text"])
def test_a_body_says_what_the_stream_says(kind: str) -> None:
    """Field by field."""
    steps, _ = KINDS[kind]
    message = body_of(*steps)["choices"][0]["message"]
    deltas = [choice["delta"] for (choice,) in chunks_of(*steps)]
    for field in ("content", "refusal", "reasoning_content"):
        streamed = "".join(delta.get(field) or "" for delta in deltas)
        assert (message.get(field) or "") == streamed


def test_choices_in_a_body_have_their_index() -> None:
    """And each its own message and reason."""
    choices = body_of({"faker": 5}, n=3)["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) == 3


@pytest.mark.parametrize(
    "step,field,other", [(MATHS, "content", "refusal"), ({"refusal": NO}, "refusal", "content")]
)
def test_logprobs_in_a_body_are_those_of_the_stream(step: Any, field: str, other: str) -> None:
    """The same figures for the same tokens."""
    asked = {"logprobs": True, "top_logprobs": 2}
    shown = body_of(step, **asked)["choices"][0]["logprobs"]
    streamed = [choices[0]["logprobs"] for choices in chunks_of(step, **asked)]
    items = [item for found in streamed if found for item in found[field]]
    assert (shown[field], shown[other]) == (items, None)


def test_an_error_after_tokens_is_the_answer_for_who_does_not_stream() -> None:
    """There is no byte before it: a status and a body."""
    plan = plan_of(*KINDS["error"][0], stream=False)
    assert (plan.status, plan.ending) == (500, "error")
    assert json.loads(plan.frames.body())["error"]["type"] == "server_error"


# ── usage ────────────────────────────────────────────────────────────────────────────────────


def test_reasoning_is_billed_and_shown_as_a_part() -> None:
    """Hidden or not."""
    for steps in (({"reasoning": 5}, MATHS), ({"reasoning": {"text": "Easy."}}, MATHS)):
        usage = body_of(*steps)["usage"]
        reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
        assert usage["completion_tokens"] == reasoning + 2
        assert usage["total_tokens"] == 11 + usage["completion_tokens"]


@pytest.mark.parametrize(
    "figures,shown",
    [
        ({"prompt_tokens": 1200, "cached_tokens": 1024}, (1200, 2, 1024, 0)),
        ({"completion_tokens": 9}, (11, 9, 0, 0)),
        ({"cached_tokens": 1024}, (11, 2, 11, 0)),
    ],
    ids=str,
)
def test_a_script_can_report_other_figures(figures: dict[str, int], shown: Any) -> None:
    """A detail is never more than its whole."""
    usage = body_of(MATHS, {"usage": figures})["usage"]
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    assert (prompt, completion, cached, reasoning) == shown
    assert usage["total_tokens"] == prompt + completion


def test_what_is_reported_of_the_prompt_is_what_is_billed() -> None:
    """Else the client's own books could never agree."""
    plan = plan_of(MATHS, {"usage": {"prompt_tokens": 1200, "cached_tokens": 1024}})
    assert (plan.prompt_tokens, plan.cached_tokens) == (1200, 1024)
