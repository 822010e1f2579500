"""The short way of a token that is due alone: it sends and notes what the long way would."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mockai.core.plan import Playback
from mockai.engine.stream import Stream
from mockai.http.h1_flow import H1Flow
from tests.support.control import Control
from tests.support.facts import reply_of
from tests.support.raw import Connect

MS = 1_000_000
TOKENS, PLAYS = 40, 6  # their padding is of two kinds: the last is not the first of its own
START = 1_000_000 * MS
TTFT = 200
HEAD, FIRST, SECOND, AT_HOLD, LAST = 0, 1, 2, 3, 4
LARGE = b"x" * (1 << 20)


class Asked:
    """The stream and the sink: what they are asked for is kept."""

    def __init__(self) -> None:
        self.ticks: list[int] = []
        self.refusals: list[int] = []
        self.kept: list[tuple[int, int, type[OSError] | None]] = []

    def tick(self, now_ns: int) -> int | None:
        self.ticks.append(now_ns)
        return None

    def refused(self, now_ns: int) -> None:
        self.refusals.append(now_ns)

    def crashed(self, error: Exception) -> None:
        raise error

    def keep(self, data: bytes, taken: int, error: OSError | None) -> None:
        self.kept.append((len(data), taken, type(error) if error else None))


@contextmanager
def flowing(*, position: int, rest: bytes | None = b" rest>") -> Iterator[tuple[H1Flow, int]]:
    """Yield the flow of four tokens, 20 ms each, with a hold before the last; and where it reads.

    It is as the stream leaves it after its first token.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    asked = Asked()
    flow = H1Flow(writer, asked)
    flow.stream = asked
    pace = {"ttft": f"{TTFT}ms", "tokens_per_second": 50}
    reply = reply_of(4, {"hold": {"at_token": 3}}, pace=pace)
    playback = Playback(reply, START, progress=flow)
    flow.wrote_late(FIRST, 0)
    flow.position, flow.until = position, playback.stop - 1
    flow.start, flow.rests = b"<start", [rest] * len(reply)
    try:
        yield flow, reader
    finally:
        os.close(writer)
        os.close(reader)


def asked_of(flow: H1Flow) -> Asked:
    """Return who stands on both sides of a flow."""
    assert isinstance(flow.stream, Asked)
    return flow.stream


def at(milliseconds: float) -> int:
    """Return an instant so long after the start."""
    return START + round(milliseconds * MS)


def read(reader: int) -> bytes:
    """Return what has been written."""
    try:
        return os.read(reader, 1 << 21)
    except BlockingIOError:
        return b""


def test_a_token_that_is_due_alone_is_sent_and_noted() -> None:
    """As one chunk; then the next one is waited for."""
    with flowing(position=SECOND) as (flow, reader):
        assert flow.tick(at(TTFT + 23)) == at(TTFT + 40)
        assert read(reader) == b"c\r\n<start rest>\r\n"
        assert (flow.position, flow.frames, flow.bytes) == (AT_HOLD, 1, 17)
        assert (list(flow.late_ns), flow.latest_ns) == ([0, 3 * MS], 3 * MS)
        assert flow.last_write_ns == at(TTFT + 23)
        assert asked_of(flow).ticks == []


@pytest.mark.parametrize(
    "position, now_ms, rest",
    [
        pytest.param(SECOND, TTFT + 19, b"rest", id="none is due"),
        pytest.param(FIRST, TTFT + 20, b"rest", id="two are due"),
        pytest.param(AT_HOLD, TTFT + 40, b"rest", id="a hold comes with it"),
        pytest.param(LAST, TTFT + 60, b"rest", id="behind a hold"),
        pytest.param(SECOND, TTFT + 20, None, id="no play has rendered it"),
    ],
)
def test_whatever_else_there_is_to_do_is_left_to_the_stream(
    position: int, now_ms: float, rest: bytes | None
) -> None:
    """Nothing is written or noted on the way."""
    with flowing(position=position, rest=rest) as (flow, reader):
        assert flow.tick(at(now_ms)) is None
        assert asked_of(flow).ticks == [at(now_ms)]
        assert (read(reader), flow.position, flow.frames) == (b"", position, 0)


def test_nothing_is_written_once_it_is_frozen() -> None:
    """Whatever the stream may say: the descriptor can be somebody else's by then."""
    with flowing(position=SECOND) as (flow, reader):
        until = flow.until
        flow.freeze()
        assert flow.tick(at(TTFT + 20)) is None
        flow.until = until
        assert flow.tick(at(TTFT + 20)) is None
        assert (read(reader), flow.frames, flow.bytes) == (b"", 0, 0)


def test_nobody_is_woken_after_the_end() -> None:
    """Nor does a flow that has stopped hold on to its stream and its sink."""
    with flowing(position=SECOND) as (flow, reader):
        flow.stop()
        assert flow.tick(at(TTFT + 20)) is None
        assert (read(reader), flow.stream, flow.sink) == (b"", None, None)


def test_what_the_kernel_takes_in_part_is_kept_and_waited_for() -> None:
    """The frame does not count; the sink has its rest, and the stream knows that it stalls."""
    with flowing(position=SECOND, rest=LARGE) as (flow, reader):
        asked = asked_of(flow)
        assert flow.tick(at(TTFT + 20)) is None
        ((size, taken, error),) = asked.kept
        assert (size - len(LARGE), len(read(reader)), error) == (16, taken, None)
        assert 0 < taken < size
        assert (flow.position, flow.frames, flow.bytes) == (AT_HOLD, 0, 0)
        assert (asked.refusals, asked.ticks) == ([at(TTFT + 20)], [])


def test_who_does_not_read_or_has_left_is_told_of_by_his_error() -> None:
    """The sink finds out what it means: the kernel tells of a reset once."""
    with flowing(position=SECOND) as (flow, reader):
        asked, held = asked_of(flow), sys.getrefcount(flow)
        while not asked.kept:  # fill the pipe
            flow.position = SECOND
            flow.tick(at(TTFT + 20))
        frames = flow.frames
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, reader)  # which closes the pipe's end
        os.close(nowhere)
        flow.position = SECOND
        flow.tick(at(TTFT + 20))
        (_, first, blocked), (_, second, broken) = asked.kept
        assert (first, second) == (0, 0)
        assert (blocked, broken) == (BlockingIOError, BrokenPipeError)
        assert (flow.frames, len(asked.refusals)) == (frames, 2)
        assert sys.getrefcount(flow) == held  # no error keeps it, as its traceback would


# ── over a real socket ───────────────────────────────────────────────────────────────────────


def likeness(body: bytes) -> bytes:
    """Return a stream without what tells one play from another."""
    return re.sub(rb'"id":"[^"]+"|"created":\d+|"obfuscation":"[^"]*"', b"", body)


def facts(exchange: dict[str, Any]) -> tuple[Any, ...]:
    """Return what must be the same for each play; `exact` is a matter of the peer's kernel."""
    return exchange["outcome"], {**exchange["tokens"], "exact": None}, exchange["phase"]


def written_but_body(exchange: dict[str, Any], body: bytes) -> int:
    """Return how many bytes were no body: the head, and what frames the chunks."""
    written: int = exchange["delivery"]["written_bytes"]
    return written - len(body)


def test_a_later_play_takes_the_short_way_and_sends_the_same(
    control: Control, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first plays render; with the last the stream is woken for the few other things."""
    woken: list[str] = []
    tick = Stream.tick

    def counted(stream: Stream, now_ns: int) -> int | None:
        woken.append(stream.recorder.id)
        return tick(stream, now_ns)

    monkeypatch.setattr(Stream, "tick", counted)
    control.script(tokens=TOKENS, hold={"at_token": 20}, pace={"tokens_per_second": 200})
    control.release()  # for good: who comes there goes on
    bodies = []
    for _ in range(PLAYS):
        client = connect()
        client.chat(control.path, stream=True)
        bodies.append(client.response().raw)
    assert likeness(bodies[0]) == likeness(bodies[-1])
    first, *_, last = control.wait_for(PLAYS, outcome="completed")
    assert facts(first) == facts(last)
    assert written_but_body(first, bodies[0]) == written_but_body(last, bodies[-1])
    assert woken.count(last["id"]) < TOKENS / 2
    assert last["timing"]["pace_error_ms"]["max"] > 0
