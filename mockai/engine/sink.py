"""The way out to one client: a seam of five methods, and a fake for tests.

A sink counts in `progress` what the kernel took, and freezes it at the first sign of leaving. It
reports to its listener when a blocked rest has gone out, and once when the client has left. How
far the client's kernel had confirmed all this is read once, at that sign or at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from mockai.core.exchange import How
from mockai.core.plan import Frame, without_seams
from mockai.engine.flow import Flow

AHEAD = 16 * 1024
"""Bytes that may wait in our own memory for a client that does not read."""

Header = tuple[str, str]
Cutting = Literal["fin", "reset", "in_chunk"]
"""How a connection is cut: politely, by a reset, or in the middle of an HTTP chunk."""


class Listener(Protocol):
    """Who plays onto the sink."""

    def drained(self) -> None:
        """What had been refused by the kernel is out; more may be written."""

    def gone(self, how: How, errno: int | None) -> None:
        """The client has left."""

    def half_closed(self) -> None:
        """The client has sent a FIN, and is served on as if it still read."""


class Sink(Protocol):
    """The way out to one client."""

    progress: Flow

    def listen(self, listener: Listener) -> None:
        """Say who is told of `drained` and `gone`; at once, if the client has left already."""

    def start(self, status: int, headers: Sequence[Header], *, length: int | None = None) -> None:
        """Set the head; `length` in bytes is that of a body which is known as a whole.

        It counts as one frame and leaves with the next write (or finish).
        """

    def write(self, frames: Sequence[Frame], *, apart: bool = False) -> bool:
        """Send frames in one go, or `apart`; false when the kernel did not take all of it.

        The parts of a frame that is a tuple reach the client's parser one by one.
        """

    def finish(self, frames: Sequence[Frame]) -> bool:
        """Send the last frames together with the end of the body."""

    def abort(self, how: Cutting = "fin") -> None:
        """Cut the connection; nothing more is counted or reported."""


class MemorySink:
    """A client in memory: it takes everything, until told to stall or to hang up.

    >>> sink = MemorySink()
    >>> sink.start(200, [])
    >>> sink.write([b"data: 1"])
    True
    >>> sink.progress.frames, sink.body
    (2, b'data: 1')
    """

    def __init__(self) -> None:
        self.progress = Flow()
        self.status: int | None = None
        self.headers: tuple[Header, ...] = ()
        self.length: int | None = None
        self.frames: list[bytes] = []
        self.writes: list[int] = []
        self.finished = False
        self.aborted = False
        self.cut: Cutting | None = None
        self._waiting: list[bytes | None] = []
        self._stalled = False
        self._gone: tuple[How, int | None] | None = None
        self._listener: Listener | None = None

    @property
    def body(self) -> bytes:
        """All that the client has been sent."""
        return b"".join(self.frames)

    def listen(self, listener: Listener) -> None:
        """Say who is told."""
        self._listener = listener
        if self._gone is not None:
            listener.gone(*self._gone)

    def start(self, status: int, headers: Sequence[Header], *, length: int | None = None) -> None:
        """Set the head."""
        self.status, self.headers, self.length = status, tuple(headers), length
        self._waiting.append(None)

    def write(self, frames: Sequence[Frame], *, apart: bool = False) -> bool:
        """Take the frames, unless stalled or gone."""
        if apart and frames:
            return all(list(map(self.write, ([frame] for frame in frames))))
        if self._gone is not None or self.aborted:
            return False
        self._waiting.extend(map(without_seams, frames))
        return self._take()

    def finish(self, frames: Sequence[Frame]) -> bool:
        """Take the last frames."""
        self.finished = True
        return self.write(frames)

    def abort(self, how: Cutting = "fin") -> None:
        """Note that the connection was cut."""
        self.aborted = True
        self.cut = how

    # ── what a test does to the client ───────────────────────────────────────────────────────

    def stall(self) -> None:
        """Read nothing from now on."""
        self._stalled = True

    def read_on(self) -> None:
        """Read again, and take what has waited."""
        self._stalled = False
        if self._take() and self._listener is not None:
            self._listener.drained()

    def hang_up(self, how: How = "fin", errno: int | None = None) -> None:
        """Leave."""
        self._gone = (how, errno)
        if self._listener is not None:
            self._listener.gone(how, errno)

    def _take(self) -> bool:
        waiting = sum(len(frame) for frame in self._waiting if frame is not None)
        self.progress.waiting = waiting if self._stalled else 0
        if self._stalled:
            return False
        taken = [frame for frame in self._waiting if frame is not None]
        self.progress.frames += len(self._waiting)
        self.progress.bytes += sum(map(len, taken))
        self.frames += taken
        self.writes.append(len(taken))
        self._waiting.clear()
        return True
