"""A Plan is a reply compiled for one request; a Playback is a plan being played.

A playback is told the time and says which frames are due. It has no clock and no socket. Its
timeline is absolute: holds and backpressure shift what is left of it by their length, lateness
of the caller does not, so a late tick catches up.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

from mockai.core.mangling import Mangler
from mockai.core.progress import Progress
from mockai.core.reply import HoldPoint, Reply
from mockai.core.staging import Ending

Frame = bytes | tuple[bytes, ...]
"""What one frame consists of: bytes, or parts that must reach the client one by one."""


def without_seams(frame: Frame) -> bytes:
    """Return all of a frame as one."""
    return frame if isinstance(frame, bytes) else b"".join(frame)


class Run(Sequence[bytes]):
    """Frames that begin alike, put together in one go; taken apart only where somebody asks.

    >>> run = Run(b"data: ", [b"1", b"2", b"3"])
    >>> run.pieces, run.size, len(run), run[1], run[:2].pieces
    ((b'data: ', b'1data: 2data: 3'), 21, 3, b'data: 2', (b'data: ', b'1data: 2'))
    """

    __slots__ = ("_rests", "_start", "pieces", "size")

    def __init__(self, start: bytes, rests: Sequence[bytes]) -> None:
        self._start, self._rests = start, rests
        joined = start.join(rests)
        self.pieces = (start, joined) if rests else ()
        """All of it, in two pieces: putting these together would be to copy it once more."""
        self.size = len(start) + len(joined) if rests else 0

    def __len__(self) -> int:
        return len(self._rests)

    def __iter__(self) -> Iterator[bytes]:
        return map(self._start.__add__, self._rests)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Run: ...
    def __getitem__(self, index: int | slice) -> bytes | Run:
        if isinstance(index, slice):
            return Run(self._start, self._rests[index])
        return self._start + self._rests[index]


class Frames(Protocol):
    """What a dialect makes of a reply for one request."""

    __slots__ = ()

    @abstractmethod
    def frame(self, index: int, /) -> Frame:
        """Render frame `index` of a stream (1 to the last), when it is due."""

    @abstractmethod
    def body(self) -> bytes:
        """Render the whole answer of a request that did not ask for a stream."""

    def in_common(self) -> tuple[bytes, Sequence[bytes | None]] | None:
        """Return what each frame begins with, and what follows it where a play has rendered it.

        `None` if no play shares anything with another.
        """
        return None

    def row(self, first: int, end: int, most: int) -> Sequence[Frame]:
        """Render frames that are due together, from `first` up to `end` (exclusive).

        It stops at the frame with which they have come to `most` bytes, or a little before.
        """
        row: list[Frame] = []
        size, index = 0, first
        while index < end and size < most:
            frame = self.frame(index)
            row.append(frame)
            size += len(frame) if isinstance(frame, bytes) else sum(map(len, frame))
            index += 1
        return row


class OneBody(Frames):
    """An answer that is no stream, as frames see it; `render` makes its body when it is due.

    Or before, where that would take long: then it waits here, up to megabytes of it.
    """

    def __init__(self, render: Callable[[], bytes]) -> None:
        self._render = render
        self._body: bytes | None = None

    def body(self) -> bytes:
        """Render it, once."""
        if self._body is None:
            self._body = self._render()
        return self._body

    def frame(self, index: int, /) -> bytes:
        """Render all of it."""
        return self.body()


class MangledFrames(Frames):
    """Frames whose bytes are not what they should be: see `mangling`.

    `mangles` are (frame, what is done to it): no frame is all of them, -1 the last.
    """

    def __init__(
        self,
        frames: Frames,
        mangles: tuple[tuple[int | None, Mangler], ...],
        swapped: frozenset[int],
        *,
        last: int,
    ) -> None:
        self._frames, self._mangles, self._swapped, self._last = frames, mangles, swapped, last

    def frame(self, index: int, /) -> Frame:
        """Render the frame that stands here now, and do to it what is to be done."""
        source = index
        if index in self._swapped and index < self._last:
            source = index + 1
        elif index - 1 in self._swapped and index <= self._last:
            source = index - 1
        whole, parting = without_seams(self._frames.frame(source)), None
        for place, mangle in self._mangles if whole else ():
            if place in {None, index} or (place == -1 and index == self._last):
                first, *others = mangle(whole)
                parting = mangle if others else parting
                whole = whole if others else first
        # Parted last, so that all else is done to whole events.
        return whole if parting is None else tuple(part for part in parting(whole) if part)

    def body(self) -> bytes:
        """Render the whole answer: only a stream is mangled."""
        return self._frames.body()


@dataclass(frozen=True, slots=True)
class Plan:
    """A reply, its frames, and whether they go out one by one or as one body at the end."""

    reply: Reply
    frames: Frames
    stream: bool
    prompt_tokens: int
    completion_id: str
    headers: tuple[tuple[str, str], ...] = ()
    cached_tokens: int = 0
    """Those of the prompt that the provider had in its cache."""
    status: int = 200
    ending: Ending = "end"
    headless: bool = False
    """Cut before even the headers are out: it is no stream then."""
    is_cut: bool = field(init=False)
    """True when the connection is cut where the reply ends: its last frame is never out."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_cut", self.ending not in {"end", "error"})


class Playback:
    """Where one play of a plan stands. All times are nanoseconds of one monotonic clock.

    `position` is the next frame to leave; it stands in the `progress`, with when it is due. `stop`
    is how far that may go before the next hold, or the end. While `held` is set nothing is due but
    the time-out.
    """

    __slots__ = (
        "_by_frame",
        "_hold",
        "_later",
        "_length",
        "held",
        "progress",
        "reply",
        "shifts",
        "start_ns",
        "stop",
    )

    def __init__(
        self,
        reply: Reply,
        start_ns: int,
        *,
        by_frame: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self.reply = reply
        self.start_ns = start_ns
        self.progress = progress or Progress()
        self.progress.begin(reply.due_ns, start_ns)
        self.held: HoldPoint | None = None
        self.shifts: list[tuple[int, int]] = []
        """(frame, ns): from this frame on, the timeline is this much later in all."""
        self._length = len(reply.due_ns)
        self._by_frame = by_frame
        self._later = list(reply.holds)
        self._hold: HoldPoint | None = None
        self.stop = self._length
        if self._later:
            self._next_hold()

    @property
    def position(self) -> int:
        """The next frame to leave."""
        return self.progress.position

    @property
    def shift_ns(self) -> int:
        """How much later than planned the rest of the timeline is."""
        return self.progress.origin_ns - self.start_ns

    @property
    def ended(self) -> bool:
        """True when every frame has been handed over."""
        return self.position >= self._length

    @property
    def token(self) -> int:
        """Tokens of the frames handed over so far."""
        return self.reply.tokens[self.position - 1] if self.position else 0

    def due_ns(self, frame: int) -> int:
        """Return when a frame is due, as things stand."""
        return self.progress.origin_ns + self.reply.due_ns[frame]

    def next_ns(self) -> int | None:
        """Return the instant of the next event; `None` while held and at the end.

        An answer in one body has no event between its holds and its end. The time-out of a hold
        is an event of its holder, who knows when it began.
        """
        position, origin_ns = self.progress.position, self.progress.origin_ns
        if self.held is not None or position >= self._length:
            return None
        if self._hold is not None and (not self._by_frame or position == self.stop):
            return origin_ns + self._hold.due_ns
        frame = position if self._by_frame else self._length - 1
        return origin_ns + self.reply.due_ns[frame]

    def ready(self, now_ns: int) -> int:
        """Return the end (exclusive) of the frames that are due now, from `position` on."""
        at = self.progress
        if self.held is not None or at.position >= self.stop:
            return at.position
        return bisect_right(at.due_ns, now_ns - at.origin_ns, at.position, self.stop)

    def move(self, position: int, now_ns: int) -> HoldPoint | None:
        """Note that the frames before `position` are handed over; return the hold now reached."""
        self.progress.position = position
        hold = self._hold
        if hold is None or position != self.stop or now_ns < self.progress.origin_ns + hold.due_ns:
            return None
        self.held = hold
        return hold

    def held_since_ns(self) -> int:
        """Return the instant on the timeline at which the present hold began."""
        return self.progress.origin_ns + (self.held.due_ns if self.held else 0)

    def release(self, now_ns: int, *, tokens: int | None = None) -> None:
        """Go on from the present hold, if any; after `tokens` more, hold again at the same gate."""
        held = self.held
        if held is None:
            return
        self.shift(now_ns - self.held_since_ns())
        self.held = None
        if tokens is not None:
            self._hold_again(held, tokens)
        self._next_hold()

    def shift(self, by_ns: int) -> None:
        """Move the rest of the timeline by `by_ns` (a hold's or a stall's length)."""
        if by_ns > 0:
            self.progress.origin_ns += by_ns
            self.shifts.append((self.position, self.shift_ns))

    def _next_hold(self) -> None:
        self._hold = self._later.pop(0) if self._later else None
        self.stop = self._length if self._hold is None else self._hold.frame

    def _hold_again(self, held: HoldPoint, tokens: int) -> None:
        reply = self.reply
        target = self.token + tokens
        if target > reply.total:
            return
        last = reply.frame_of(target)
        due_ns = max(held.due_ns, reply.due_ns[last])
        again = HoldPoint(held.name, last + 1, reply.tokens[last], due_ns, held.timeout_ns)
        self._later = sorted([again, *self._later], key=lambda point: point.frame)
