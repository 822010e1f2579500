"""The sink on a real socket: what the kernel took is counted, and leaving is told once.

The client acts inside one turn of the server's loop, so that what comes first is no matter of luck.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from mockai.core.exchange import How
from mockai.core.plan import Run
from mockai.core.progress import Progress
from mockai.http.h1_sink import H1Sink
from mockai.http.internals import Taken, connection_of, listen
from tests.support.raw import RawClient, head_of

Play = Callable[[H1Sink, RawClient], None]
LARGE = b"x" * (8 << 20)
ABOUT_LARGE = [b"small", LARGE, b"end"]


@dataclass
class Heard:
    """A listener that keeps what it is told."""

    told: list[tuple[How, int | None]] = field(default_factory=list)
    has_left: asyncio.Event = field(default_factory=asyncio.Event)
    has_drained: asyncio.Event = field(default_factory=asyncio.Event)

    def drained(self) -> None:
        """Note that the rest is out."""
        self.has_drained.set()

    def gone(self, how: How, number: int | None) -> None:
        """Note how the client left."""
        self.told.append((how, number))
        self.has_left.set()


Meanwhile = Callable[[H1Sink, Heard, RawClient], Awaitable[None]]


async def until_it_has_left(sink: H1Sink, heard: Heard, client: RawClient) -> None:
    """Wait for the client to leave, and for the connection to be gone too."""
    await heard.has_left.wait()
    client.close()


async def served(play: Play, then: Meanwhile = until_it_has_left) -> tuple[Progress, Heard]:
    """Serve one request: `play` in one turn of the loop, then `then`; return what was counted."""
    heard = Heard()
    over: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()

    async def handle(request: web.Request) -> web.StreamResponse:
        sink = H1Sink(connection_of(request), chunked=True, keep_alive=True)
        sink.listen(heard)
        sink.start(200, [])
        play(sink, client)
        await then(sink, heard, client)
        sink.release()
        over.set_result(sink.progress)
        return Taken(keep_alive=False)

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    door = socket.create_server(("127.0.0.1", 0))
    listener = await listen(runner, door, backlog=1)
    client = RawClient(f"http://127.0.0.1:{door.getsockname()[1]}")
    client.send(head_of("GET", "/"))
    progress = await over
    listener.close()
    await runner.cleanup()
    client.close()
    return progress, heard


def two_writes_after_a_close(sink: H1Sink, client: RawClient) -> None:
    """The first write is taken, answered with a RST, and so the second one fails."""
    client.close()
    assert sink.write([b"one"])
    assert not sink.write([b"two"])


def a_write_after_a_reset(sink: H1Sink, client: RawClient) -> None:
    """The writer is the one whom the kernel tells of the reset."""
    client.reset()
    assert not sink.write([b"one"])


def no_write_after_a_reset(sink: H1Sink, client: RawClient) -> None:
    """The reader is."""
    client.reset()


def two_writes_after_a_half_close(sink: H1Sink, client: RawClient) -> None:
    """The peer still takes everything."""
    client.half_close()
    assert sink.write([b"one"])
    assert sink.write([b"two"])


@pytest.mark.parametrize(
    "play, told, frames",
    [
        (two_writes_after_a_close, ("fin", errno.EPIPE), 2),
        (a_write_after_a_reset, ("reset", errno.ECONNRESET), 0),
        (no_write_after_a_reset, ("reset", errno.ECONNRESET), 0),
        (two_writes_after_a_half_close, ("fin", None), 3),
    ],
)
def test_leaving_is_told_once_with_what_the_kernel_had_taken(
    play: Play, told: tuple[How, int | None], frames: int
) -> None:
    """A close while writes are under way is a FIN; a reset is one, whoever was told of it."""
    progress, heard = asyncio.run(served(play))
    assert heard.told == [told]
    assert progress.frames == frames  # the head is one


def test_an_end_in_the_instant_of_a_close_has_reached_the_kernel() -> None:
    """The client has closed, nobody knows yet, and the last frame is taken: all is counted."""

    def play(sink: H1Sink, client: RawClient) -> None:
        client.close()
        assert sink.finish([b"one", b"two"])

    progress, heard = asyncio.run(served(play))
    assert (progress.frames, heard.told[0][0]) == (3, "fin")


def test_nothing_is_written_or_counted_after_leaving() -> None:
    """The figures are frozen at the first sign."""

    async def then(sink: H1Sink, heard: Heard, client: RawClient) -> None:
        await heard.has_left.wait()
        assert not sink.write([b"two"])
        assert not sink.write([b""])
        assert not sink.finish([b"three"])

    def play(sink: H1Sink, client: RawClient) -> None:
        assert sink.write([b"one"])
        client.half_close()

    progress, _ = asyncio.run(served(play, then))
    assert progress.frames == 2


@pytest.mark.parametrize(
    "frames, apart",
    [(ABOUT_LARGE, False), (ABOUT_LARGE, True), (Run(b"data: ", ABOUT_LARGE), False)],
    ids=["together", "apart", "run"],
)
def test_what_the_kernel_refuses_is_counted_when_it_goes_out(
    frames: Sequence[bytes], *, apart: bool
) -> None:
    """Whole frames count, no byte is lost at the seam, and the listener hears when it is over."""
    read: list[bytes] = []

    def play(sink: H1Sink, client: RawClient) -> None:
        assert not sink.write(frames, apart=apart)
        assert sink.progress.frames == 2  # the head and the small one
        assert 0 < sink.progress.bytes < len(LARGE)

    async def then(sink: H1Sink, heard: Heard, client: RawClient) -> None:
        reading = asyncio.to_thread(lambda: read.append(client.response().raw))
        task = asyncio.create_task(reading)
        await heard.has_drained.wait()
        assert sink.progress.frames == 4
        assert sink.finish(frames[::2])
        await task

    progress, heard = asyncio.run(served(play, then))
    assert read == [b"".join((*frames, *frames[::2]))]
    assert (progress.frames, heard.told) == (6, [])


def test_a_run_of_nothing_does_not_end_the_body() -> None:
    """Nor does it count."""
    read: list[bytes] = []

    def play(sink: H1Sink, client: RawClient) -> None:
        assert sink.write(Run(b"data: ", [b"one"]))
        assert sink.write(Run(b"data: ", [b"one"])[:0])
        assert sink.finish(Run(b"data: ", [b"two"]))

    async def then(sink: H1Sink, heard: Heard, client: RawClient) -> None:
        read.append(client.response().raw)

    progress, _ = asyncio.run(served(play, then))
    assert (read, progress.frames) == ([b"data: onedata: two"], 3)


def test_a_head_that_is_refused_counts_once() -> None:
    """Also when nothing comes with it: it waits for the client to read, as a frame does."""
    large = [("x-large", "x" * (8 << 20))]

    def play(sink: H1Sink, client: RawClient) -> None:
        sink.start(200, large)
        assert not sink.write([])
        assert sink.progress.frames == 0

    async def then(sink: H1Sink, heard: Heard, client: RawClient) -> None:
        client.sock.setblocking(False)
        while not heard.has_drained.is_set():
            await asyncio.get_running_loop().sock_recv(client.sock, 1 << 20)
        assert sink.progress.frames == 1

    asyncio.run(served(play, then))


def test_frames_of_one_write_share_a_chunk_and_are_counted_one_by_one() -> None:
    """A frame that says nothing counts and sends nothing; parts keep chunks of their own."""
    read: list[bytes] = []

    def play(sink: H1Sink, client: RawClient) -> None:
        assert sink.write([b"one", b"", b"two"])
        assert sink.write([b""])
        assert sink.write([b"three", (b"fo", b"ur")])
        assert sink.finish([b"end"])

    async def then(sink: H1Sink, heard: Heard, client: RawClient) -> None:
        read.append(client.sock.recv(1 << 16))  # it is all there: it was written in one turn

    progress, _ = asyncio.run(served(play, then))
    body = read[0].partition(b"\r\n\r\n")[2]
    assert body == (
        b"6\r\nonetwo\r\n" + b"5\r\nthree\r\n2\r\nfo\r\n2\r\nur\r\n" + b"3\r\nend\r\n0\r\n\r\n"
    )
    assert (progress.frames, progress.bytes) == (8, len(read[0]))  # the head is one too


def test_frames_that_are_sent_apart_have_a_chunk_and_a_write_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The head too. A frame that says nothing counts and sends nothing."""
    read, written = list[bytes](), list[bytes]()
    write = os.write

    def noted(fd: int, data: bytes) -> int:
        if data:
            written.append(bytes(data))
        return write(fd, data)

    def play(sink: H1Sink, client: RawClient) -> None:
        with monkeypatch.context() as patched:
            patched.setattr("mockai.http.h1_sink.os.write", noted)
            assert sink.write([b"one", b"", (b"fo", b"ur"), b"two"], apart=True)
        assert sink.finish([b"end"])

    async def then(sink: H1Sink, heard: Heard, client: RawClient) -> None:
        read.append(client.sock.recv(1 << 16))

    progress, _ = asyncio.run(served(play, then))
    head, _, body = read[0].partition(b"\r\n\r\n")
    apart = [b"3\r\none\r\n", b"2\r\nfo\r\n2\r\nur\r\n", b"3\r\ntwo\r\n"]
    assert written == [head + b"\r\n\r\n", *apart]
    assert body == b"".join(apart) + b"3\r\nend\r\n0\r\n\r\n"
    assert (progress.frames, progress.bytes) == (6, len(read[0]))


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset])
def test_leaving_between_frames_that_are_sent_apart_counts_what_was_taken(
    leave: Callable[[RawClient], None],
) -> None:
    """The first after a close is taken still, the others are not; after a reset none is."""

    def play(sink: H1Sink, client: RawClient) -> None:
        leave(client)
        assert not sink.write([b"one", b"two", b"three"], apart=True)

    progress, heard = asyncio.run(served(play))
    how, frames = ("fin", 1) if leave is RawClient.close else ("reset", 0)
    assert ([told[0] for told in heard.told], progress.frames) == ([how], frames)


@pytest.mark.parametrize("how", ["abort", "leave"])
def test_no_descriptor_is_left_over(how: str) -> None:
    """A refused rest is watched on a copy of the descriptor, which goes with the rest."""

    def play(sink: H1Sink, client: RawClient) -> None:
        assert not sink.write([LARGE])
        if how == "abort":
            sink.abort()
        else:
            client.reset()

    before = descriptors()
    asyncio.run(served(play))
    assert descriptors() <= before


def descriptors() -> int:
    """Count what this process has open."""
    return sum(1 for _ in Path("/dev/fd").iterdir())
