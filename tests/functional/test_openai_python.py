"""The official Python client: every right way to cancel is seen, every wrong one is caught."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk

from tests.support.control import Control

TOKENS, MIDDLE = 20, 5
ASKED: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "Tell me a story"}],
}
LIMIT_S = 0.5  # how long a client waits that gives up by time-out

# where the answer is held; for a stream: the phase it is left in, and the tokens written
HEADERS = ({"at": "headers"}, "before_headers", 0)
FIRST = ({"at": "first_token"}, "before_first_token", 0)
IN_THE_MIDDLE = ({"at_token": MIDDLE}, "streaming", MIDDLE)
END = ({"at": "done"}, "after_last_token", TOKENS)


@pytest.fixture
def client(control: Control) -> Iterator[OpenAI]:
    """A sync client that never retries."""
    with OpenAI(base_url=control.base_url, api_key="sk-any", max_retries=0) as client:
        yield client


def an_async_client(control: Control) -> AsyncOpenAI:
    """Return an async client that never retries."""
    return AsyncOpenAI(base_url=control.base_url, api_key="sk-any", max_retries=0)


def has_text(chunk: ChatCompletionChunk) -> bool:
    """Say whether a chunk carries a token."""
    return bool(chunk.choices and chunk.choices[0].delta.content)


@pytest.mark.parametrize("coalesce", [True, False])
def test_a_whole_answer_is_the_same_in_one_write_or_in_many(
    client: OpenAI, control: Control, *, coalesce: bool
) -> None:
    """How events are cut into writes is nothing that a client may notice."""
    control.script(pace={"coalesce": coalesce})
    chunks = list(client.chat.completions.create(**ASKED, stream=True))
    assert sum(map(has_text, chunks)) == TOKENS
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert control.ended("completed")["tokens"]["written"] == TOKENS


def stop(control: Control) -> None:
    """Do what a test does: wait for the hold, mark the stop."""
    control.wait_held()
    control.mark("stop")


def was_left(control: Control, place: tuple[dict[str, Any], str, int]) -> None:
    """Check that the only exchange was cancelled exactly at the hold."""
    _, phase, token = place
    left = control.ended("cancelled")
    assert (left["phase"], left["disconnect"]["token"]) == (phase, token)
    assert (left["disconnect"]["while_held"], left["tokens"]["written"]) == ("hold-1", token)
    assert left["request"]["sdk_retry_count"] == 0
    assert control.call("GET", "findings")["findings"] == []


# ── the sync client: right ways ──────────────────────────────────────────────────────────────

Sync = Callable[[OpenAI, Control, int], None]


def break_in_a_with(client: OpenAI, control: Control, tokens: int) -> None:
    """Leave the loop, and with it the block that closes the response."""
    with client.chat.completions.create(**ASKED, stream=True) as stream:
        read(stream, tokens)
        stop(control)


def close(client: OpenAI, control: Control, tokens: int) -> None:
    """Close the stream by hand."""
    stream = client.chat.completions.create(**ASKED, stream=True)
    read(stream, tokens)
    stop(control)
    stream.close()


def close_the_response(client: OpenAI, control: Control, tokens: int) -> None:
    """Close what is below the stream."""
    stream = client.chat.completions.create(**ASKED, stream=True)
    read(stream, tokens)
    stop(control)
    stream.response.close()


def raise_in_a_with(client: OpenAI, control: Control, tokens: int) -> None:
    """Leave by an exception."""
    with (
        contextlib.suppress(KeyError),
        client.chat.completions.create(**ASKED, stream=True) as stream,
    ):
        read(stream, tokens)
        stop(control)
        raise KeyError


def break_in_the_stream_helper(client: OpenAI, control: Control, tokens: int) -> None:
    """Use the helper that accumulates, and leave its block."""
    with client.chat.completions.stream(**ASKED) as stream:
        seen = 0
        while seen < tokens:
            seen += next(stream).type == "content.delta"
        stop(control)


def read(stream: Iterator[ChatCompletionChunk], tokens: int) -> None:
    """Read so many tokens of a stream, and leave it as it is."""
    while tokens:
        tokens -= has_text(next(stream))


@pytest.mark.parametrize("place", [FIRST, IN_THE_MIDDLE, END], ids=lambda place: place[1])
@pytest.mark.parametrize(
    "leave",
    [break_in_a_with, close, close_the_response, raise_in_a_with, break_in_the_stream_helper],
)
def test_a_sync_stream_that_is_closed_is_a_cancel_at_the_hold(
    control: Control, client: OpenAI, leave: Sync, place: tuple[dict[str, Any], str, int]
) -> None:
    """Every way to close the response is seen, with the exact token, while the client lives on."""
    hold, _, token = place
    control.script(tokens=TOKENS, hold=hold)
    leave(client, control, token)
    was_left(control, place)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_sync_client_that_gives_up_waiting_is_a_cancel_before_the_headers(
    control: Control, client: OpenAI, *, stream: bool
) -> None:
    """A time-out before the first byte closes the connection, for both kinds of answer."""
    control.script(tokens=TOKENS, hold={"at": "headers"})
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(**ASKED, stream=stream, timeout=LIMIT_S)
    was_left(control, HEADERS)


def test_a_sync_client_that_gives_up_on_one_body_pays_for_what_was_generated(
    control: Control, client: OpenAI
) -> None:
    """Nothing was written, but the model was already at work."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    with pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(**ASKED, timeout=LIMIT_S)
    left = control.ended("cancelled")
    assert (left["phase"], left["tokens"]["written"]) == ("before_headers", 0)
    assert left["tokens"]["generated"] == left["bill"]["completion_tokens"] == MIDDLE


def test_each_retry_of_a_client_that_gives_up_is_an_exchange_of_its_own(
    control: Control, client: OpenAI
) -> None:
    """By default one impatient call is three generations; the record tells them apart."""
    control.script(tokens=TOKENS, hold={"at": "headers"})
    with pytest.raises(openai.APITimeoutError):
        client.with_options(max_retries=1, timeout=LIMIT_S).chat.completions.create(**ASKED)
    both = control.wait_for(2, outcome="cancelled")
    assert [item["request"]["sdk_retry_count"] for item in both] == [0, 1]


# ── the async client: right ways ─────────────────────────────────────────────────────────────

Work = Callable[[AsyncOpenAI], Awaitable[None]]


async def read_in_a_block(client: AsyncOpenAI) -> None:
    """Read to the end, in the block that closes the response."""
    async with await client.chat.completions.create(**ASKED, stream=True) as stream:
        async for _ in stream:
            pass


async def read_without_a_block(client: AsyncOpenAI) -> None:
    """Read to the end, and never wait for anything but the next chunk."""
    async for _ in await client.chat.completions.create(**ASKED, stream=True):
        pass


async def work_in_a_block(client: AsyncOpenAI) -> None:
    """Wait for something else with each chunk: a slow consumer."""
    async with await client.chat.completions.create(**ASKED, stream=True) as stream:
        async for chunk in stream:
            if has_text(chunk):
                await asyncio.Event().wait()


async def read_in_the_stream_helper(client: AsyncOpenAI) -> None:
    """Use the helper that accumulates."""
    async with client.chat.completions.stream(**ASKED) as stream:
        async for _ in stream:
            pass


async def await_one_body(client: AsyncOpenAI) -> None:
    """Do not stream."""
    await client.chat.completions.create(**ASKED)


async def cancel_at_the_hold(control: Control, work: Work) -> None:
    """Start the work, wait until its answer is held, and cancel its task."""
    async with an_async_client(control) as client:
        task = asyncio.ensure_future(work(client))
        await asyncio.to_thread(stop, control)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.to_thread(control.ended, "cancelled")  # the client itself is still open


@pytest.mark.parametrize("place", [HEADERS, FIRST, IN_THE_MIDDLE, END], ids=lambda place: place[1])
@pytest.mark.parametrize(
    "work", [read_in_a_block, read_without_a_block, read_in_the_stream_helper, work_in_a_block]
)
def test_an_async_stream_whose_task_is_cancelled_is_a_cancel_at_the_hold(
    control: Control, work: Work, place: tuple[dict[str, Any], str, int]
) -> None:
    """Before the first byte, before the first token, in the middle and before the end."""
    control.script(tokens=TOKENS, hold=place[0])
    asyncio.run(cancel_at_the_hold(control, work))
    was_left(control, place)


@pytest.mark.parametrize(
    "hold, generated", [({"at": "headers"}, 0), ({"at_token": MIDDLE}, MIDDLE)], ids=str
)
def test_an_async_request_for_one_body_can_be_cancelled(
    control: Control, hold: dict[str, Any], generated: int
) -> None:
    """It is left before the headers, and costs what had been generated."""
    control.script(tokens=TOKENS, hold=hold)
    asyncio.run(cancel_at_the_hold(control, await_one_body))
    was_left(control, HEADERS)
    assert control.exchanges()[0]["bill"]["completion_tokens"] == generated


async def break_in_an_async_with(control: Control) -> None:
    """Leave the loop, and with it the block."""
    async with an_async_client(control) as client:
        async with await client.chat.completions.create(**ASKED, stream=True) as stream:
            await read_async(stream)
            await asyncio.to_thread(stop, control)
        await asyncio.to_thread(control.ended, "cancelled")


async def close_async(control: Control) -> None:
    """Close the stream by hand."""
    async with an_async_client(control) as client:
        stream = await client.chat.completions.create(**ASKED, stream=True)
        await read_async(stream)
        await asyncio.to_thread(stop, control)
        await stream.close()
        await asyncio.to_thread(control.ended, "cancelled")


async def give_up_by_time_out(control: Control) -> None:
    """Bound the whole reading."""
    async with an_async_client(control) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIMIT_S):
                await read_without_a_block(client)
        await asyncio.to_thread(control.ended, "cancelled")


async def read_async(stream: Any) -> None:
    """Read the tokens up to the hold."""
    tokens = MIDDLE
    while tokens:
        tokens -= has_text(await anext(stream))


@pytest.mark.parametrize("leave", [break_in_an_async_with, close_async, give_up_by_time_out])
def test_an_async_stream_that_is_closed_is_a_cancel_at_the_hold(
    control: Control, leave: Callable[[Control], Awaitable[None]]
) -> None:
    """Also without a task to cancel."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    asyncio.run(leave(control))
    was_left(control, IN_THE_MIDDLE)


# ── the wrong ways ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def no_luck() -> Iterator[None]:
    """Switch the cyclic collector off: with luck it closes what the program has forgotten."""
    gc.disable()
    yield
    gc.enable()


def set_a_flag(client: OpenAI, control: Control) -> None:
    """Stop showing what comes, and read on."""
    stopped, seen = False, 0
    for chunk in client.chat.completions.create(**ASKED, stream=True):
        seen += has_text(chunk) and not stopped
        if seen == MIDDLE and not stopped:
            stop(control)
            stopped = True
            control.release()


def break_only(client: OpenAI, control: Control) -> None:
    """Leave the loop, and believe that this closes the stream."""
    seen = 0
    for chunk in client.chat.completions.create(**ASKED, stream=True):
        seen += has_text(chunk)
        if seen == MIDDLE:
            stop(control)
            break


def raise_without_a_with(client: OpenAI, control: Control) -> None:
    """Leave by an exception, and believe the same."""
    with contextlib.suppress(KeyError):
        read(client.chat.completions.create(**ASKED, stream=True), MIDDLE)
        stop(control)
        raise KeyError


async def set_a_flag_async(client: AsyncOpenAI, control: Control) -> None:
    """Stop showing what comes, and read on."""
    stopped, seen = False, 0
    async for chunk in await client.chat.completions.create(**ASKED, stream=True):
        seen += has_text(chunk) and not stopped
        if seen == MIDDLE and not stopped:
            await asyncio.to_thread(stop, control)
            stopped = True
            control.release()


async def break_only_async(client: AsyncOpenAI, control: Control) -> None:
    """Leave the loop, and believe that this closes the stream."""
    seen = 0
    async for chunk in await client.chat.completions.create(**ASKED, stream=True):
        seen += has_text(chunk)
        if seen == MIDDLE:
            await asyncio.to_thread(stop, control)
            break


async def cancel_at_work_without_a_block(client: AsyncOpenAI, control: Control) -> None:
    """Cancel the task while it waits for something else than the next chunk."""
    at_work = asyncio.Event()

    async def work() -> None:
        seen = 0
        async for chunk in await client.chat.completions.create(**ASKED, stream=True):
            seen += has_text(chunk)
            if seen == MIDDLE:
                at_work.set()
                await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await at_work.wait()
    await asyncio.to_thread(stop, control)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def shield(client: AsyncOpenAI, control: Control) -> None:
    """Cancel who waits for the work, and not the work."""
    work = asyncio.ensure_future(read_in_a_block(client))
    waiting = asyncio.ensure_future(asyncio.shield(work))
    await asyncio.to_thread(stop, control)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    control.release()
    await work


DRAINED = "read to its end after the mark 'stop'"
LEFT_OPEN = "still open"
Wrong = Callable[[OpenAI, Control], None]
WrongAsync = Callable[[AsyncOpenAI, Control], Awaitable[None]]


def was_caught(control: Control, outcome: str, finding: str) -> None:
    """Check that the verdict is "not cancelled", and that it says why."""
    verdict = control.check("cancelled", within="100ms", max_tokens=MIDDLE)
    assert not verdict["passed"]
    assert finding in verdict["report"]
    (found,) = control.exchanges()
    assert (found["outcome"], found["disconnect"]) == (outcome, None)
    written = TOKENS if outcome == "completed" else MIDDLE
    assert (found["marks"][0]["token"], found["tokens"]["written"]) == (MIDDLE, written)


@pytest.mark.usefixtures("no_luck")
@pytest.mark.parametrize(
    "wrong, outcome, finding",
    [
        (set_a_flag, "completed", DRAINED),
        (break_only, "open", LEFT_OPEN),
        (raise_without_a_with, "open", LEFT_OPEN),
    ],
)
def test_a_sync_program_that_only_believes_to_have_cancelled_is_caught(
    control: Control, client: OpenAI, wrong: Wrong, outcome: str, finding: str
) -> None:
    """The stream is read on, or nobody closes it; the report names what was seen."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    wrong(client, control)
    was_caught(control, outcome, finding)


@pytest.mark.usefixtures("no_luck")
@pytest.mark.parametrize(
    "wrong, outcome, finding",
    [
        (set_a_flag_async, "completed", DRAINED),
        (shield, "completed", DRAINED),
        (break_only_async, "open", LEFT_OPEN),
        (cancel_at_work_without_a_block, "open", LEFT_OPEN),
    ],
)
def test_an_async_program_that_only_believes_to_have_cancelled_is_caught(
    control: Control, wrong: WrongAsync, outcome: str, finding: str
) -> None:
    """The same, and the two ways in which a cancelled task closes nothing."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})

    async def program() -> None:
        async with an_async_client(control) as client:
            await wrong(client, control)
            await asyncio.to_thread(was_caught, control, outcome, finding)

    asyncio.run(program())


# ── reading to the end ───────────────────────────────────────────────────────────────────────


def was_read(control: Control, times: int) -> None:
    """Check that every answer was completed, whatever its connection did afterwards."""
    for item in control.wait_for(times, outcome="completed"):
        assert (item["phase"], item["disconnect"]) == ("done", None)
        assert item["tokens"]["written"] == item["bill"]["completion_tokens"] == TOKENS
    assert control.check("completed", count=times)["passed"]
    assert control.call("GET", "findings")["findings"] == []


def test_a_sync_client_that_reads_to_the_end_has_completed(control: Control) -> None:
    """Its stream closes the connection right after `[DONE]`: that is no cancel."""
    control.script(tokens=TOKENS)
    with OpenAI(base_url=control.base_url, api_key="sk-any") as client:
        whole = client.chat.completions.create(**ASKED).choices[0].message.content
        for _ in range(3):
            stream = client.chat.completions.create(**ASKED, stream=True)
            assert "".join(text_of(chunk) for chunk in stream) == whole
    was_read(control, 4)


def test_an_async_client_that_reads_to_the_end_has_completed(control: Control) -> None:
    """With a block or without, its connection is used again or not: completed."""
    control.script(tokens=TOKENS)

    async def program() -> None:
        async with an_async_client(control) as client:
            await await_one_body(client)
            await read_in_a_block(client)
            await read_without_a_block(client)
            await read_in_the_stream_helper(client)

    asyncio.run(program())
    was_read(control, 4)


def text_of(chunk: ChatCompletionChunk) -> str:
    """Return what a chunk adds to the text."""
    return chunk.choices[0].delta.content or "" if chunk.choices else ""


# ── what the client is told ──────────────────────────────────────────────────────────────────


def test_the_usage_chunk_comes_last_and_agrees_with_the_record(
    control: Control, client: OpenAI
) -> None:
    """Asked for, every chunk has a usage: null, and at the end the figures."""
    control.script(tokens=TOKENS)
    asked = {**ASKED, "stream_options": {"include_usage": True}}
    *others, last = client.chat.completions.create(**asked, stream=True)
    (seen,) = control.wait_for()
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == seen["tokens"]["written"] == TOKENS
    assert last.usage.prompt_tokens == seen["tokens"]["prompt"] > 0
    assert last.usage.total_tokens == last.usage.prompt_tokens + TOKENS
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in others)


def test_without_being_asked_no_chunk_has_a_usage(control: Control, client: OpenAI) -> None:
    """The key is not even there."""
    control.script(tokens=TOKENS)
    chunks = list(client.chat.completions.create(**ASKED, stream=True))
    assert not [chunk for chunk in chunks if "usage" in chunk.model_fields_set]


@pytest.mark.parametrize("asked", [True, False])
def test_obfuscation_can_be_switched_off(control: Control, client: OpenAI, *, asked: bool) -> None:
    """It pads every chunk, unless the client does not want it."""
    control.script(tokens=TOKENS)
    options: Any = {"include_obfuscation": asked}
    chunks = list(client.chat.completions.create(**ASKED, stream=True, stream_options=options))
    assert {"obfuscation" in chunk.to_dict() for chunk in chunks} == {asked}


def test_all_chunks_of_an_answer_carry_the_same_identity(control: Control, client: OpenAI) -> None:
    """Id, model and time are those of the record; the last reason is `stop`."""
    control.script(tokens=TOKENS)
    chunks = list(client.chat.completions.create(**ASKED, stream=True))
    (seen,) = control.wait_for()
    assert {chunk.id for chunk in chunks} == {seen["completion_id"]}
    assert len({(chunk.model, chunk.created) for chunk in chunks}) == 1
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons == [None] * (TOKENS + 1) + ["stop"]


def test_the_request_id_that_the_client_shows_finds_the_exchange(
    control: Control, client: OpenAI
) -> None:
    """What is in the application's log leads to the record."""
    control.script(tokens=TOKENS)
    answer = client.chat.completions.create(**ASKED)
    (seen,) = control.wait_for(request_id=answer._request_id)  # noqa: SLF001 - its public name
    assert seen["completion_id"] == answer.id


def test_the_models_can_be_listed_and_any_can_be_had(client: OpenAI) -> None:
    """A client that looks before it asks finds what it looks for."""
    assert "gpt-4o-mini" in {model.id for model in client.models.list()}
    assert client.models.retrieve("ft:gpt-4o-mini:acme::1").id == "ft:gpt-4o-mini:acme::1"


LARGE = [{"role": "user", "content": "x" * (33 << 20)}]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(
    "fields, error, code",
    [
        ({"model": "unscripted"}, openai.NotFoundError, "no_scenario_matched"),
        ({"n": 0}, openai.BadRequestError, "integer_below_min_value"),
        ({"messages": []}, openai.BadRequestError, "empty_array"),
        ({"messages": LARGE}, openai.APIStatusError, None),
    ],
    ids=["no-match", "bad-number", "no-messages", "too-large"],
)
def test_a_refusal_is_the_error_that_the_client_knows_and_is_not_retried(
    control: Control,
    client: OpenAI,
    fields: dict[str, Any],
    error: type[openai.APIStatusError],
    *,
    code: str | None,
    stream: bool,
) -> None:
    """Also for a stream: before the first byte an error is plain JSON with its status."""
    control.script(tokens=TOKENS, match={"model": "gpt-4o-mini"})
    create = client.with_options(max_retries=2).chat.completions.create
    with pytest.raises(error) as raised:
        create(**{**ASKED, **fields, "stream": stream})
    (seen,) = control.exchanges()
    assert (seen["cause"], seen["status"]) == ("refused", raised.value.status_code)
    assert (raised.value.code, raised.value.request_id) == (code, seen["request_id"])


@pytest.mark.parametrize(
    "options, error, status",
    [
        ({"base_url": "{url}/s/nobody/v1"}, openai.NotFoundError, 404),
        ({"base_url": "{url}/v1", "api_key": "sk-mockai-nobody"}, openai.AuthenticationError, 401),
        ({"base_url": "{url}/s/{ended}/v1"}, openai.APIStatusError, 410),
        ({"base_url": "{url}/v2"}, openai.NotFoundError, 404),
    ],
    ids=["unknown-session", "unknown-key", "ended-session", "wrong-address"],
)
def test_a_client_that_is_wrongly_set_up_is_told_so(
    control: Control, options: dict[str, str], error: type[openai.APIStatusError], status: int
) -> None:
    """The message says what to do; nothing is answered by another session."""
    ended = Control(control.url)
    ended.call("DELETE", "")
    names = {"url": control.url, "ended": ended.session}
    filled = {key: value.format(**names) for key, value in options.items()}
    with OpenAI(**{"api_key": "sk-any", **filled}) as client, pytest.raises(error) as raised:
        client.chat.completions.create(**ASKED)
    assert raised.value.status_code == status
    assert control.exchanges() == []


def test_an_endpoint_that_is_not_served_is_not_found(control: Control, client: OpenAI) -> None:
    """As with the real API, where the path is wrong."""
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.list()
    assert control.exchanges()[0]["cause"] == "refused"
