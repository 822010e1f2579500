"""The hot path: one token is due, it goes to the descriptor, the next one is due.

Written out in one function, because the kernel's way through TCP drives everything else out of
the caches between two writes: each call costs here what three cost elsewhere.
"""

from __future__ import annotations

import os
from typing import Protocol

from mockai.engine.flow import Flow


class Keeper(Protocol):
    """The sink, which keeps what the kernel did not take."""

    def keep(self, data: bytes, taken: int, error: OSError | None) -> None:
        """Keep what is left of a frame after `taken` bytes of it, or find out why nothing went."""


class H1Flow(Flow):
    """The progress of a stream over HTTP/1.1; `fd` is where its chunks are written."""

    __slots__ = ("fd", "sink")

    def __init__(self, fd: int, sink: Keeper) -> None:
        super().__init__()
        self.fd = fd
        self.sink: Keeper | None = sink

    def tick(self, now_ns: int) -> int | None:
        """Send the one token that is due; leave to the stream whatever else there is to do."""
        frame = self.position
        if frame >= self.until:
            return super().tick(now_ns)
        late_ns = now_ns - self.origin_ns - self.due_ns[frame]
        then_ns = self.origin_ns + self.due_ns[frame + 1]
        if late_ns < 0 or now_ns >= then_ns:
            return super().tick(now_ns)
        start, rest = self.start, self.rests[frame]
        if rest is None:
            return super().tick(now_ns)
        if late_ns > self.latest_ns:  # noqa: PLR1730 - max() is a call
            self.latest_ns = late_ns
        if frame >= self._sample_at:
            self.late_ns.append(late_ns)
            self._sample_at = frame + self._stride
        self.last_write_ns = now_ns
        self.position = frame + 1
        data = b"%x\r\n%b%b\r\n" % (len(start) + len(rest), start, rest)
        try:
            taken = os.write(self.fd, data)
        except OSError as error:  # told of here: a local that holds it would be a circle
            self._refused(data, 0, error, now_ns)
            return None
        if taken != len(data):
            self._refused(data, taken, None, now_ns)
            return None
        self.bytes += taken
        self.frames += 1
        return then_ns

    def freeze(self) -> None:
        """Send nothing more: the descriptor may soon be somebody else's."""
        super().freeze()
        self.fd = -1

    def stop(self) -> None:
        """Wake nobody any more, and let go of the sink too, which holds this."""
        super().stop()
        self.sink = None

    def _refused(self, data: bytes, taken: int, error: OSError | None, now_ns: int) -> None:
        if self.sink is not None:
            self.sink.keep(data, taken, error)
        if self.stream is not None:
            self.stream.refused(now_ns)
