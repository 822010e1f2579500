"""The bytes of a chat completion, as a stream and as one body."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.dialects.chat import plan_chat
from mockai.core.plan import without_seams
from mockai.core.staging import staged
from mockai.core.tokens import get_encoding
from mockai.engine.scripts import Entry
from tests.support.facts import reply_of, request_of, scenario_of
from tests.support.frames import CREATED, STORY, USAGE, frames_of, plan_of, stream_of
from tests.support.golden import golden

BARE = {"stream_options": {"include_obfuscation": False}}


def chunks_of(*steps: Any, **asked: Any) -> list[dict[str, Any]]:
    """Return the chunks of the stream, as a client decodes them."""
    *events, done, rest = stream_of(*steps, **asked).decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    assert all(event.startswith("data: {") and "\n" not in event for event in events)
    return [json.loads(event.removeprefix("data: ")) for event in events]


def said_in(chunks: list[dict[str, Any]]) -> str:
    """Return the text that a client puts together."""
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


# ── word for word ────────────────────────────────────────────────────────────────────────────


def test_a_stream_is_word_for_word_the_golden_one() -> None:
    """Ids, padding and order of keys: a change here changes the bytes of every user's test."""
    assert stream_of(STORY, **USAGE).decode().removesuffix("\n\n") == golden("chat_stream.txt")


def test_a_body_is_word_for_word_the_golden_one() -> None:
    """Indented as the real API's."""
    body = plan_of(STORY, stream=False).frames.body()
    assert body.decode() == golden("chat_body.json")


def test_the_headers_say_what_it_is() -> None:
    """A stream names its charset, a body does not."""
    assert plan_of(1).headers == (("content-type", "text/event-stream; charset=utf-8"),)
    assert plan_of(1, stream=False).headers == (("content-type", "application/json"),)


def test_an_error_has_one_type_its_own_if_a_script_names_one() -> None:
    """Two of a kind would leave it to the client which to believe."""
    error = {"code": "slow_down", "headers": {"Content-Type": "text/plain"}}
    stage = staged(reply_of({"error": error}), ordinal=1, draw=Random(0))
    headers = plan_chat(
        request_of(),
        stage,
        seed=7,
        created=0,
        prompt_tokens=1,
        encoding=get_encoding("o200k_base"),
    ).headers
    assert [value for name, value in headers if name == "content-type"] == ["text/plain"]


# ── the stream ───────────────────────────────────────────────────────────────────────────────


def test_a_stream_opens_with_the_role_and_ends_with_a_reason() -> None:
    """Role chunk, one chunk per delta, finish chunk; one id for all of them."""
    chunks = chunks_of(STORY, {"finish": "length"})
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices[0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + [
        "length"
    ]
    assert choices[-1]["delta"] == {}
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert said_in(chunks) == STORY["text"]


def test_the_keys_come_in_the_real_order() -> None:
    """As recorded from the real API."""
    assert list(chunks_of(1, **USAGE)[0]) == [
        "id",
        "object",
        "created",
        "model",
        "service_tier",
        "system_fingerprint",
        "choices",
        "usage",
        "obfuscation",
    ]


def test_the_role_leaves_with_the_first_token() -> None:
    """Time to the first byte of content is time to the first chunk."""
    counts = [frame.count(b"data: {") for frame in frames_of(3)]
    assert counts == [2, 1, 1, 1]


def test_usage_is_sent_only_when_it_is_asked_for() -> None:
    """Then every chunk has the key, null but in the last one, which has no choice."""
    chunks = chunks_of(STORY, **USAGE)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    total = reply_of(STORY).total
    usage = chunks[-1]["usage"]
    assert chunks[-1]["choices"] == []
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (11, total)
    assert usage["total_tokens"] == 11 + total
    assert not any("usage" in chunk for chunk in chunks_of(STORY))


@pytest.mark.parametrize("options", [{}, USAGE])
def test_padding_hides_the_length_of_the_text(options: dict[str, Any]) -> None:
    """The length of every event in characters is the same modulo 16, as in every recording."""
    text = 'a bb ccc dddd 🦤 é 漢字 \x00 " end'
    events = stream_of({"text": text}, 20, **options).decode().split("\n\n")[:-2]
    assert len(events) > 20
    assert {len(event) % 16 for event in events} == {7}
    padding = [json.loads(event[6:])["obfuscation"] for event in events]
    assert all(len(each) < 16 and (each + "0").isalnum() for each in padding)
    assert len(set(padding)) > 10


def test_padding_can_be_declined() -> None:
    """`include_obfuscation: false` drops the key."""
    assert not any("obfuscation" in chunk for chunk in chunks_of(STORY, **BARE))
    assert said_in(chunks_of(STORY, **BARE)) == STORY["text"]


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "gpt-5-nano-2025-08-07"])
def test_gpt_5_has_no_logprobs_key_and_no_fingerprint(model: str) -> None:
    """The key is missing, not null; chunks of the gpt-4o era have it."""
    chunk = chunks_of(1, model=model)[0]
    assert "logprobs" not in chunk["choices"][0]
    assert chunk["system_fingerprint"] is None
    body = json.loads(plan_of(1, model=model, stream=False).frames.body())
    assert "logprobs" not in body["choices"][0]
    assert chunks_of(1)[0]["choices"][0]["logprobs"] is None


def test_an_empty_reply_is_a_role_and_a_reason() -> None:
    """A client that waits for the role is not left waiting."""
    chunks = chunks_of({"finish": "content_filter"})
    assert [chunk["choices"][0]["delta"].get("role") for chunk in chunks] == ["assistant", None]
    assert chunks[-1]["choices"][0]["finish_reason"] == "content_filter"
    body = json.loads(plan_of({"finish": "stop"}, stream=False).frames.body())
    assert body["choices"][0]["message"]["content"] == ""
    assert body["usage"]["completion_tokens"] == 0


@pytest.mark.parametrize(
    "asked,answered",
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18"),
        ("my/own:model", "my/own:model"),
        ('quo"te\\ 漢 \n', 'quo"te\\ 漢 \n'),
        ("\ud800", "\ud800"),
    ],
)
def test_an_alias_is_answered_with_its_snapshot(asked: str, answered: str) -> None:
    """Any other name comes back as it was sent, whatever is in it."""
    assert chunks_of(1, model=asked)[0]["model"] == answered
    assert json.loads(plan_of(1, model=asked, stream=False).frames.body())["model"] == answered


# ── any text ─────────────────────────────────────────────────────────────────────────────────

texts = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)


@settings(max_examples=100, deadline=None)
@given(text=texts)
def test_any_text_arrives_as_it_is(text: str) -> None:
    """Control characters, line separators, emoji; a lone surrogate as U+FFFD; in UTF-8 and JSON."""
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert said_in(chunks_of({"text": text})) == expected
    body = json.loads(plan_of({"text": text}, stream=False).frames.body())
    assert body["choices"][0]["message"]["content"] == expected


# ── determinism ──────────────────────────────────────────────────────────────────────────────


def test_the_same_arguments_give_the_same_bytes() -> None:
    """And each argument that should change them does."""
    first = stream_of(STORY)
    assert stream_of(STORY) == first
    assert stream_of(STORY, seed=8) != first
    assert stream_of(STORY, created=CREATED + 1) != first
    assert plan_of(STORY, seed=8).completion_id != plan_of(STORY).completion_id
    assert len(plan_of(STORY).completion_id) == len("chatcmpl-") + 29


def test_a_seed_changes_the_padding_too() -> None:
    """Not only the id."""
    one, two = chunks_of(STORY), chunks_of(STORY, seed=8)
    assert [c["obfuscation"] for c in one] != [c["obfuscation"] for c in two]


@pytest.mark.parametrize(
    "asked",
    [
        {},
        USAGE,
        BARE,
        {"model": "gpt-5"},
        {"model": "a-model-whose-name-is-long"},
        {"logprobs": True},
        {"n": 2},
        {"max_tokens": 3},
        {"max_tokens": 3, "n": 2},
        {"stop": "upon"},
    ],
)
def test_what_another_play_has_rendered_is_what_it_would_have_rendered(
    asked: dict[str, Any],
) -> None:
    """Plays share the frames of a reply: each gets its own head, its own end, its own limits."""
    steps = (STORY, {"tool_call": {"name": "f", "arguments": "{}"}}, {"reasoning": 4}, 5)
    others: list[dict[str, Any]] = [{}, {"n": 3}, {"max_tokens": 5}, USAGE, {"model": "gpt-5-nano"}]
    cold = frames_after(asked, others=[], seed=7, steps=steps)
    assert frames_after(asked, others=[*others, asked], seed=7, steps=steps) == cold


def frames_after(
    asked: dict[str, Any], *, others: list[dict[str, Any]], seed: int, steps: Any
) -> list[Any]:
    """Return the frames of a play, after others have played the same reply."""
    # A name of its own for each call would not do: what was compiled is kept by content.
    pace = {"jitter": "10%", "tokens_per_second": 50 + len(others)}
    entry = Entry(scenario_of(*steps, pace=pace))
    encoding = get_encoding("o200k_base")
    frames: list[Any] = []
    for one in [*others, asked]:
        request = request_of(**one)
        staged = entry.staged(request, encoding, 1.0, ordinal=1, seed=seed)
        plan = plan_chat(
            request, staged, seed=seed, created=CREATED, prompt_tokens=11, encoding=encoding
        )
        frames = [plan.frames.frame(index) for index in range(1, len(plan.reply))]
    return frames


@pytest.mark.parametrize("most", [1, 700, 16 * 1024])
def test_frames_of_one_write_are_those_rendered_one_by_one(most: int) -> None:
    """Whoever plays first, or after others; and a row stops with the frame that fills it."""
    long = [{"text": "l" * 3_000}] * 9  # longer than those before, which tell how many may fit
    steps = ({"faker": 90}, {"raw": "r" * 5_000}, {"faker": 90}, *long, {"reasoning": 4}, STORY)
    entry, request = Entry(scenario_of(*steps)), request_of()
    encoding = get_encoding("o200k_base")
    for seed in (7, 9, 11):
        staged = entry.staged(request, encoding, 1.0, ordinal=1, seed=seed)
        plan = plan_chat(
            request, staged, seed=seed, created=CREATED, prompt_tokens=11, encoding=encoding
        )
        end, rows, index = len(plan.reply), list[list[bytes]](), 1
        while index < end:
            rows.append([without_seams(one) for one in plan.frames.row(index, end, most)])
            index += len(rows[-1])
        single = [without_seams(plan.frames.frame(index)) for index in range(1, end)]
        assert [one for row in rows for one in row] == single
        assert all(sum(map(len, row[:-1])) < most for row in rows)
        if most > 1 and seed > 7:  # others have played: only the estimate, or the end, is short
            assert any(sum(map(len, row)) >= most for row in rows[:-1])


def test_only_a_reply_that_many_play_is_kept_rendered() -> None:
    """What one request has cut for itself leaves nothing behind, nor does one of many forms."""
    reply = reply_of(STORY)
    assert reply.ended_before(3).column("any") is None
    for form in range(9):
        assert reply.column(form) == [None] * len(reply)
    assert len(reply.columns or ()) <= 4


def test_threads_may_render_the_same_reply_in_many_forms_at_once() -> None:
    """What is long is planned off the loop, and servers on several threads share their replies."""
    reply, before = reply_of(STORY), sys.getswitchinterval()

    def render(thread: int) -> None:
        for form in range(30_000):
            reply.column((thread, form % 7))

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor() as threads:
            list(threads.map(render, range(4)))
    finally:
        sys.setswitchinterval(before)


def test_two_processes_agree() -> None:
    """No order of a set and no hash of a text gets into the bytes."""
    code = (
        "import sys; from tests.support.frames import *;"
        "sys.stdout.buffer.write(stream_of(STORY, 5, **USAGE) + plan_of(5).frames.body())"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
    )
    assert other.stdout == stream_of(STORY, 5, **USAGE) + plan_of(5).frames.body()
