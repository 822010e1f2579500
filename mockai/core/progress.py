"""How far an answer is: all that changes with each token, in one object.

A thousand streams do not fit into the caches of a processor, so what a token costs is in how many
places it is written down. Who plays the answer moves `position` and notes how late it was, the
sink counts what the kernel took, the playback knows when the rest is due; the recorder reads.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

_SAMPLES = 128
_NONE = array("q")


class Progress:
    """The figures of one answer; times are nanoseconds of one monotonic clock.

    `position` is the next frame to be handed over, `due_ns` and `origin_ns` say when that is to be
    (`origin_ns + due_ns[position]`). `frames` and `bytes` are what the kernel has taken, whole
    frames only; `waiting` are the bytes that it refused. `acked` and `unsent` are known once the
    client has left or the answer is out; `note` says why they are not.
    """

    __slots__ = (
        "_sample_at",
        "_stride",
        "acked",
        "bytes",
        "due_ns",
        "frames",
        "last_write_ns",
        "late_ns",
        "latest_ns",
        "note",
        "origin_ns",
        "position",
        "unsent",
        "waiting",
    )

    def __init__(self) -> None:
        self.position = 0
        self.frames = 0
        self.bytes = 0
        self.waiting = 0
        self.acked: int | None = None
        self.unsent: int | None = None
        self.note: str | None = None
        self.last_write_ns: int | None = None
        self.late_ns = _NONE
        """How late writes were: an even sample of at most 128, whose p99 is its latest or next."""
        self.latest_ns = 0
        """The most that one was late; exact, also where not all are sampled."""

    def begin(self, due_ns: Sequence[int], origin_ns: int) -> None:
        """Set what is to be handed over, and when."""
        self.due_ns, self.origin_ns = due_ns, origin_ns

    def wrote_late(self, frame: int, late_ns: int) -> None:
        """Note how late a write was that began with `frame`."""
        self.latest_ns = max(self.latest_ns, late_ns)
        if self.late_ns is _NONE:
            self.late_ns = array("q")
            self._sample_at, self._stride = frame, -(-len(self.due_ns) // _SAMPLES)
        if frame >= self._sample_at:
            self.late_ns.append(late_ns)
            self._sample_at = frame + self._stride


NOTHING_YET = Progress()
"""Of a request that nobody answers as yet: whoever does brings his own."""
