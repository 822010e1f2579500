"""The bugs that real programs had: each wrong program is named rightly, each right one is not.

All programs use the official async client, except where the bug is another's. Numbers are those of
the collection of real bugs; the sixth (the wrong event of Node's server) is in `test_openai_node`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from mockai import MockAI
from mockai.core.findings import KINDS, SET_KINDS
from tests.support.control import Control, send
from tests.support.raw import CHAT

TOKENS, MIDDLE = 20, 5
USER = {"role": "user", "content": "Tell me a story"}
ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [USER]}
IN_THE_MIDDLE, HEADERS = {"at_token": MIDDLE}, {"at": "headers"}
CURES = {kind.name: kind.cure for kind in (*KINDS, *SET_KINDS) if kind.cure}


class App:
    """A program under test: its client, and what its user and its test do."""

    def __init__(self, control: Control, client: AsyncOpenAI) -> None:
        self.control, self.client = control, client
        self.kept: list[Any] = []
        self.demand: dict[str, Any] = {}
        """What is checked in place of the bug's own, where that needs to know the program."""

    async def ask(self, **more: Any) -> Any:
        """Ask for a stream."""
        return await self.client.chat.completions.create(**ASKED, stream=True, **more)

    async def read_to_the_hold(self, stream: AsyncIterator[Any]) -> str:
        """Read as many tokens as there are before the hold; return their text."""
        text, tokens = "", 0
        while tokens < MIDDLE:
            piece = (await anext(stream)).choices[0].delta.content
            text, tokens = text + (piece or ""), tokens + bool(piece)
        return text

    async def read(self) -> None:
        """Read to the end, in the block that closes the response."""
        async with await self.ask() as stream:
            async for _ in stream:
                pass

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin some work."""
        task = asyncio.ensure_future(work)
        self.kept.append(task)
        return task

    async def stop(self, *, count: int = 1) -> None:
        """Wait until the answers are held, and mark that the user presses Stop."""
        await self.call(self.control.wait_held, count=count)
        await self.call(self.control.mark, "stop")

    async def silence(self, seconds: float) -> None:
        """Let so long pass after the mark: until a check that demands a cancel has failed."""
        await self.call(self.control.check, "cancelled", within=seconds)

    async def go_on(self, **how: int) -> None:
        """Let the answers go on, to their end unless told otherwise."""
        await self.call(self.control.release, **how)

    async def call(self, function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Do what blocks, elsewhere."""
        return await asyncio.to_thread(function, *arguments, **more)


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task, and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


# ── 1, 2, 3: the stream is not closed, or late ───────────────────────────────────────────────


async def a_flag_alone(app: App) -> None:
    """Stop showing what comes, and read on."""
    stream = await app.ask()
    await app.read_to_the_hold(stream)
    await app.stop()
    await app.go_on()
    async for _ in stream:  # the flag is set, so nothing is shown
        pass


async def a_break_alone(app: App) -> None:
    """Leave the loop, and believe that this closes the stream."""
    app.kept.append(await app.ask())
    await app.read_to_the_hold(app.kept[0])
    await app.stop()


async def a_close(app: App) -> None:
    """Close the stream."""
    stream = await app.ask()
    await app.read_to_the_hold(stream)
    await app.stop()
    await stream.close()


async def a_flag_for_each_token(app: App) -> None:
    """Look at the flag when the next token comes, and close then."""
    stopped = asyncio.Event()

    async def work() -> None:
        async with await app.ask() as stream:
            async for _ in stream:
                if stopped.is_set():
                    break

    task = app.start(work())
    await app.stop()
    stopped.set()
    await app.silence(0.15)  # the model thinks
    await app.go_on(tokens=1)
    await task


async def a_cancelled_task(app: App) -> None:
    """Cancel who reads."""
    task = app.start(app.read())
    await app.stop()
    await end(task)


# ── 4: there is nothing to cancel yet ────────────────────────────────────────────────────────


async def a_stream_that_is_not_there_yet(app: App) -> None:
    """Stop closes the stream, if there is one."""
    streams: list[Any] = []

    async def work() -> None:
        streams.append(await app.ask())
        async for _ in streams[0]:
            pass

    task = app.start(work())
    await app.stop()
    for stream in streams:
        await stream.close()
    await app.go_on()
    await task


# ── 5: a relay between the browser and the model ─────────────────────────────────────────────


async def relay(app: App, *, careful: bool) -> None:
    """Read in a task of its own, and hand on by a queue; the browser leaves."""
    queue: asyncio.Queue[Any] = asyncio.Queue()

    async def produce() -> None:
        async with await app.ask() as stream:
            async for chunk in stream:
                queue.put_nowait(chunk)

    async def answer() -> None:
        producer = app.start(produce())
        try:
            while True:
                await queue.get()
        finally:
            if careful:
                await end(producer)

    browser = app.start(answer())
    await app.stop()
    await end(browser)
    if not careful:
        await app.go_on()
        await asyncio.gather(*app.kept, return_exceptions=True)


async def a_relay_that_reads_on(app: App) -> None:
    """Nobody tells the producer."""
    await relay(app, careful=False)


async def a_relay_that_hands_the_stop_on(app: App) -> None:
    """The producer ends with its consumer."""
    await relay(app, careful=True)


# ── 7: the stop waits behind the work ────────────────────────────────────────────────────────


async def a_stop_in_the_queue_of_the_work(app: App) -> None:
    """One actor does what comes in order: first the answer, then the stop."""
    orders: asyncio.Queue[str] = asyncio.Queue()

    async def actor() -> None:
        while await orders.get() != "stop":
            await app.read()

    orders.put_nowait("ask")
    task = app.start(actor())
    await app.stop()
    orders.put_nowait("stop")
    await app.go_on()
    await task


async def a_stop_behind_other_work(app: App) -> None:
    """The loop that would close the stream is busy for a second."""
    stream = await app.ask()
    await app.read_to_the_hold(stream)
    await app.stop()
    await app.silence(1.02)
    await stream.close()


# ── 8: an agent ──────────────────────────────────────────────────────────────────────────────

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


async def agent(app: App, stopped: Callable[[], bool]) -> None:
    """Call the model until it has no more calls for tools, or enough."""
    messages: list[Any] = [USER]
    for _ in range(3):
        if stopped():
            return
        answer = await app.client.chat.completions.create(
            model="gpt-4o-mini", messages=messages, tools=[TOOL]
        )
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": "rain"}
            for call in message.tool_calls or []
        ]
        if not app.kept:
            app.kept.append("the page has been told to stop")
            await app.call(app.control.mark, "stop")


async def an_agent_that_goes_on(app: App) -> None:
    """The page stands still, the loop does not."""
    await agent(app, lambda: False)


async def an_agent_that_looks(app: App) -> None:
    """It looks before each call."""
    await agent(app, lambda: bool(app.kept))


# ── 9, 10: the same again ────────────────────────────────────────────────────────────────────


async def time_out(app: App, retries: int) -> None:
    """Give up sooner than the answer can come."""
    impatient = app.client.with_options(max_retries=retries, timeout=0.2)
    with contextlib.suppress(openai.APITimeoutError):
        await impatient.chat.completions.create(**ASKED)


async def a_time_out_that_retries(app: App) -> None:
    """As the client does unless told otherwise."""
    await time_out(app, retries=1)


async def a_time_out_that_does_not(app: App) -> None:
    """One attempt."""
    await time_out(app, retries=0)


async def a_retry_of_what_was_stopped(app: App) -> None:
    """A layer above sees an error, and tries again."""
    await a_cancelled_task(app)
    await app.call(app.control.wait_for, outcome="cancelled")
    task = app.start(app.read())
    await app.call(app.control.wait_held)
    await end(task)


async def event_source(app: App, *, closes: bool) -> None:
    """Read to the end, and come back as an EventSource does."""
    path, body = app.control.path + CHAT, {**ASKED, "stream": True}
    await app.call(send, app.control.url, "POST", path, body)
    if not closes:
        await app.call(send, app.control.url, "POST", path, body, {"Last-Event-ID": "7"})


async def an_event_source_that_comes_back(app: App) -> None:
    """Nobody has closed it."""
    await event_source(app, closes=False)


async def an_event_source_that_is_closed(app: App) -> None:
    """At the end of the answer."""
    await event_source(app, closes=True)


# ── 11, 12, 13 ───────────────────────────────────────────────────────────────────────────────


async def a_deadline_that_aborts_nothing(app: App) -> None:
    """Wait for the work or the deadline, whichever is first."""
    work = app.start(app.read())
    deadline = app.start(app.stop())
    await asyncio.wait({work, deadline}, return_when=asyncio.FIRST_COMPLETED)


async def one_body_that_cannot_be_cancelled(app: App) -> None:
    """Cancel who waits for the work, and not the work."""
    work = app.start(app.client.chat.completions.create(**ASKED))
    waiting = app.start(wait_for(asyncio.shield(work)))
    await app.stop()
    await end(waiting)
    await app.go_on()
    await work


async def wait_for(work: Awaitable[Any]) -> None:
    """Wait."""
    await work


async def one_body_that_is_cancelled(app: App) -> None:
    """Cancel the work itself."""
    task = app.start(app.client.chat.completions.create(**ASKED))
    await app.stop()
    await end(task)


async def three(app: App, *, close: bool) -> None:
    """Leave three streams."""
    for _ in range(3):
        app.kept.append(await app.ask())
        await app.read_to_the_hold(app.kept[-1])
    await app.stop(count=3)
    for stream in app.kept if close else []:
        await stream.close()


async def a_leak_of_connections(app: App) -> None:
    """Close none of them."""
    await three(app, close=False)


async def no_leak_of_connections(app: App) -> None:
    """Close all of them."""
    await three(app, close=True)


# ── 14, 15: text that is lost, and cancels that hit others ───────────────────────────────────


async def keep(app: App, *, partial: bool) -> None:
    """Cancel, and keep what the user has seen, or nothing."""
    stream = await app.ask()
    seen = await app.read_to_the_hold(stream)
    await app.stop()
    await stream.close()
    app.demand = {"delivered": {"text": seen if partial else "", "exact": True}}


async def a_partial_answer_that_is_lost(app: App) -> None:
    """Only what has ended is kept."""
    await keep(app, partial=False)


async def a_partial_answer_that_is_kept(app: App) -> None:
    """What was shown is kept."""
    await keep(app, partial=True)


async def both(app: App) -> tuple[Any, Any]:
    """Have two streams, and press Stop for the first of them."""
    first, second = await app.ask(), await app.ask()
    for stream in (first, second):
        await app.read_to_the_hold(stream)
    await app.stop(count=2)
    return first, second


async def a_client_that_is_shared(app: App) -> None:
    """Closing the client ends all of its streams."""
    app.kept.append(await both(app))
    await app.client.close()


async def a_client_that_stays(app: App) -> None:
    """Close the one stream, and read the other."""
    first, second = await both(app)
    await first.close()
    await app.call(app.control.wait_for, outcome="cancelled")
    await app.go_on()
    async for _ in second:
        pass


async def a_stop_that_hits_the_next(app: App) -> None:
    """One variable holds the task: the second request has replaced the first."""
    app.start(app.read())
    await app.call(app.control.wait_held)
    app.start(app.read())
    await app.stop(count=2)
    await end(app.kept[-1])


async def a_stop_that_knows_its_request(app: App) -> None:
    """The first is meant, and cancelled."""
    app.start(app.read())
    await app.call(app.control.wait_held)
    app.start(app.read())
    await app.stop(count=2)
    await end(app.kept[0])


async def a_disconnect_that_is_no_stop(app: App) -> None:
    """The browser has only lost its connection; the answer is to be kept for it."""
    await relay(app, careful=False)


# ── the table ────────────────────────────────────────────────────────────────────────────────

Program = Callable[[App], Awaitable[None]]
CANCELLED: dict[str, Any] = {"cancelled": {}}


@dataclass(frozen=True, slots=True)
class Bug:
    """What a wrong program does, what names it, and a right one."""

    number: int
    wrong: Program
    right: Program
    findings: set[str]
    check: dict[str, Any] = field(default_factory=lambda: CANCELLED)
    hold: dict[str, Any] | None = field(default_factory=lambda: IN_THE_MIDDLE)
    reply: list[Any] | None = None


NO_MORE = {"cancelled": {"max_tokens_after": 0}}
BUGS = [
    Bug(1, a_flag_alone, a_close, {"drained"}),
    Bug(2, a_break_alone, a_close, {"left-open"}),
    Bug(3, a_flag_for_each_token, a_cancelled_task, {"next-token"}, NO_MORE),
    Bug(
        4,
        a_stream_that_is_not_there_yet,
        a_cancelled_task,
        {"early-cancel-lost"},
        hold=HEADERS,
    ),
    Bug(5, a_relay_that_reads_on, a_relay_that_hands_the_stop_on, {"drained"}),
    Bug(7, a_stop_in_the_queue_of_the_work, a_cancelled_task, {"drained"}),
    Bug(7, a_stop_behind_other_work, a_close, {"late"}),
    Bug(
        8,
        an_agent_that_goes_on,
        an_agent_that_looks,
        {"agent-goes-on"},
        {"requests": {"after": "stop", "quiet": 0.1}},
        hold=None,
        reply=[{"tool_call": {"name": "weather", "arguments": {}}}],
    ),
    Bug(
        9,
        a_time_out_that_retries,
        a_time_out_that_does_not,
        {"retries"},
        {"requests": {"count": 1, "quiet": 0}},
        hold=HEADERS,
    ),
    Bug(
        9,
        a_retry_of_what_was_stopped,
        a_cancelled_task,
        {"retry-after-abort"},
        {"requests": {"only": "retries_after_cancel", "quiet": 0.1}},
    ),
    Bug(
        10,
        an_event_source_that_comes_back,
        an_event_source_that_is_closed,
        {"reconnect"},
        {"requests": {"count": 1, "quiet": 0.1}},
        hold=None,
    ),
    Bug(11, a_deadline_that_aborts_nothing, a_cancelled_task, {"left-open"}),
    Bug(12, one_body_that_cannot_be_cancelled, one_body_that_is_cancelled, {"whole-answer"}),
    Bug(
        13,
        a_leak_of_connections,
        no_leak_of_connections,
        {"left-open", "connection-leak"},
        {"open": {}},
    ),
    # The text of the check says all that there is to say.
    Bug(14, a_partial_answer_that_is_lost, a_partial_answer_that_is_kept, set()),
    Bug(
        15,
        a_client_that_is_shared,
        a_client_that_stays,
        {"cancels-too-much"},
        {"completed": {"where": {"nth": 2}}},
    ),
    Bug(
        15,
        a_stop_that_hits_the_next,
        a_stop_that_knows_its_request,
        {"wrong-stream"},
        {"cancelled": {"where": {"nth": 1}}},
    ),
    Bug(
        15,
        a_relay_that_hands_the_stop_on,
        a_disconnect_that_is_no_stop,
        set(),
        {"completed": {}},
    ),
]
IDS = [f"{bug.number}-{bug.wrong.__name__}" for bug in BUGS]


def test_the_collection_is_whole() -> None:
    """The sixth is one of Node."""
    assert {bug.number for bug in BUGS} | {6} == set(range(1, 16))


@pytest.fixture(autouse=True)
def _no_luck() -> Iterator[None]:
    """Switch the cyclic collector off: with luck it closes what a program has forgotten."""
    with MockAI.no_gc():
        yield


def judged(control: Control, bug: Bug, program: Program) -> tuple[dict[str, Any], set[str]]:
    """Run a program; return the verdict, and what was found, there and unasked."""
    more = {} if bug.reply is None else {"reply": bug.reply}
    control.script(tokens=TOKENS, hold=bug.hold, **more)

    async def run() -> tuple[dict[str, Any], set[str]]:
        async with AsyncOpenAI(
            base_url=control.base_url, api_key="sk-any", max_retries=0
        ) as client:
            app = App(control, client)
            await program(app)
            ((check, demand),) = (app.demand or bug.check).items()
            verdict = await app.call(control.check, check, **demand)
            told = await app.call(control.call, "GET", "findings")
            for task in [item for item in app.kept if isinstance(item, asyncio.Task)]:
                await end(task)
        names = {name for name, cure in CURES.items() if cure in verdict["report"]}
        return verdict, names | {item["name"] for item in told["findings"]}

    return asyncio.run(run())


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
def test_a_wrong_program_fails_and_is_named(control: Control, bug: Bug) -> None:
    """By the one name that fits, and by no other."""
    verdict, found = judged(control, bug, bug.wrong)
    assert not verdict["passed"]
    assert found == bug.findings, verdict["report"]


@pytest.mark.parametrize("bug", BUGS, ids=[f"{bug.number}-{bug.right.__name__}" for bug in BUGS])
def test_a_right_program_passes_and_nothing_is_said_of_it(control: Control, bug: Bug) -> None:
    """The same check holds, and there is no false alarm."""
    verdict, found = judged(control, bug, bug.right)
    assert verdict["passed"], verdict["report"]
    if bug.right is not a_disconnect_that_is_no_stop:  # which ignores a mark, and is meant to
        assert found == set()
