"""The HTTP/1.1 sink: writes to the descriptor itself, so that it knows what the kernel took.

What the kernel refuses waits here (at most one write, 16 KB and a frame) until the descriptor is
writable. After the first sign of leaving nothing more is written or counted: the record shows
what had been sent by then. How much of it the peer's kernel had confirmed is read once, at that
sign or after the last write.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from http import HTTPStatus
from itertools import accumulate

from mockai.core.leaving import HalfClose, how_left
from mockai.core.plan import Frame, Run, without_seams
from mockai.engine.flow import Flow
from mockai.engine.sink import Cutting, Header, Listener
from mockai.http.h1_flow import H1Flow
from mockai.http.internals import Connection, cut_off, descriptor_of, http_date
from mockai.http.tcp import has_sent_fin, queue_of

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NO_REST = memoryview(b"")
_END_OF_CHUNKS = b"0\r\n\r\n"
_HALF_A_CHUNK = b'40\r\ndata: {"id":"chatcmpl-'
_NOT_TOLD = "this system does not tell acked_bytes and unsent_bytes (Linux does)"


class H1Sink:
    """The way out to the client of one request.

    `chunked` is false for HTTP/1.0, where only a length or the end of the connection ends a body:
    `keep_alive` says, once the head is set, whether the connection may carry another request.
    `half_close` says what a FIN means: that the client leaves, or that it will send no more.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        chunked: bool,
        keep_alive: bool,
        half_close: HalfClose = "cancel",
    ) -> None:
        self._connection = connection
        self._chunked = chunked
        self.keep_alive = keep_alive
        self._half_close = half_close
        self._fd = fd = descriptor_of(connection)
        self.progress: Flow = H1Flow(fd, self) if chunked and fd is not None else Flow()
        self._socket = connection.socket if fd is not None else None
        self._before = queue_of(self._socket)
        self._is_last = False
        self._head = b""
        self._rest = _NO_REST
        self._rest_ends: list[int] = []
        self._watched_fd: int | None = None
        self._errno: int | None = None
        self._listener: Listener | None = None
        connection.served = self

    # ── the seam ─────────────────────────────────────────────────────────────────────────────

    def listen(self, listener: Listener) -> None:
        """Say who is told; at once, if the client has left already."""
        self._listener = listener
        if self._connection.is_lost:
            self.lost(self._connection.lost_errno)
        elif self._connection.is_half_closed and not self.is_served_on():
            self.lost(None)
            cut_off(self._connection)

    def start(self, status: int, headers: Sequence[Header], *, length: int | None = None) -> None:
        """Set the head; it leaves with the next write."""
        if length is not None:
            self._chunked = False
            headers = (*headers, ("content-length", str(length)))
        elif self._chunked:
            headers = (*headers, ("transfer-encoding", "chunked"))
        else:
            self.keep_alive = False
        self._head = head_of(status, headers, keep_alive=self.keep_alive)

    def write(self, frames: Sequence[Frame], *, apart: bool = False) -> bool:
        """Send frames in one system call, or one each; false when the kernel did not take all."""
        if apart and self._fd is not None:
            return self._send_apart(self._fd, frames)
        return self._send(frames)

    def finish(self, frames: Sequence[Frame]) -> bool:
        """Send the last frames and the end of the body."""
        self._is_last = True
        taken = self._send(frames, _END_OF_CHUNKS if self._chunked else b"")
        if taken:
            self._look()
        return taken

    def abort(self, how: Cutting = "fin") -> None:
        """Cut the connection."""
        if how == "in_chunk" and self._chunked:
            self.progress.bytes += self._give(_HALF_A_CHUNK)
        self._freeze()
        cut_off(self._connection, reset=how == "reset")

    @property
    def has_fin(self) -> bool:
        """True when the peer had ended what it sends by the newest look; unread as yet, or not."""
        return has_sent_fin(self._socket, self._before)

    def look_again(self) -> None:
        """Look anew, while nothing of the answer has been written."""
        self._before = queue_of(self._socket)

    def keep(self, data: bytes, taken: int, error: OSError | None) -> None:
        """Keep what is left of a token that went past `write`, or find out why nothing went."""
        if error is not None:
            self._untaken(error)
        self._refused([data], taken)

    # ── from the connection ──────────────────────────────────────────────────────────────────

    def is_served_on(self) -> bool:
        """Say whether a FIN is only the end of what the peer sends; the listener is told of it."""
        if self._half_close == "cancel" or self._listener is None or self._fd is None:
            return False
        self._listener.half_closed()
        return True

    def lost(self, errno: int | None) -> None:
        """The peer leaves, or the connection is gone."""
        self._freeze()
        listener, self._listener = self._listener, None  # a FIN and the end after it are one
        if listener is not None:
            listener.gone(*how_left((self._errno, errno)))

    def release(self) -> None:
        """Let go of the connection: the request has been answered."""
        self._stop()
        self._listener = None  # who holds this sink: a circle only the collector would open
        if self._connection.served is self:
            self._connection.served = None

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def _framed(self, frames: Sequence[Frame]) -> list[bytes]:
        """Return what goes over the wire for each frame; several that are whole share one chunk."""
        if not self._chunked:
            return list(map(without_seams, frames))
        whole = [frame for frame in frames if isinstance(frame, bytes)]
        if len(whole) < len(frames):
            return [b"".join(map(_chunk, _parts_of(frame))) for frame in frames]
        size = sum(map(len, whole))
        if size:  # an empty chunk would end the body: frames that say nothing are sent as nothing
            whole[0] = b"%x\r\n%b" % (size, whole[0])
            whole[-1] += b"\r\n"
        return whole

    def _send(self, frames: Sequence[Frame], end: bytes = b"") -> bool:
        """Send frames, after the head if that is not out, with the `end` of the body."""
        head, self._head = self._head, b""
        if self._fd is None:
            return not frames and not head
        if type(frames) is Run and self._chunked and frames.size:
            pieces = [head + b"%x\r\n" % frames.size, *frames.pieces, b"\r\n" + end]
            size = frames.size + len(pieces[0]) + len(pieces[-1])
            taken = self._give(*pieces)
        else:
            data = b"".join((head, *self._framed(frames), end))
            size = len(data)
            taken = self._give(data) if data else 0
        if taken == size:
            self.progress.bytes += taken
            self.progress.frames += len(frames) + bool(head)
            return True
        parts = self._framed(frames)
        if end:
            parts[-1:] = [b"".join((*parts[-1:], end))]
        return self._refused([head, *parts] if head else parts, taken)

    def _send_apart(self, fd: int, frames: Sequence[Frame]) -> bool:
        chunked, progress, written = self._chunked, self.progress, 0
        parts = [
            b"%x\r\n%b\r\n" % (len(frame), frame)
            if chunked and frame and isinstance(frame, bytes)
            else b"".join(self._framed((frame,)))
            for frame in frames
        ]
        if self._head:
            parts.insert(0, self._head)
            self._head = b""
        taken, errno = 0, None
        try:
            for part in parts:
                taken = os.write(fd, part)
                if taken != len(part):
                    break
                written += 1
        except BlockingIOError:
            taken = 0
        except OSError as error:
            taken, errno = 0, error.errno
        progress.frames += written
        progress.bytes += sum(map(len, parts[:written]))
        if written == len(parts):
            return True
        if errno is not None:
            self._broken(errno)
        rest = parts[written:]
        return self._refused(rest, taken)

    def _refused(self, parts: list[bytes], taken: int) -> bool:
        if self._fd is not None:
            self._keep(self._fd, parts, taken)
        return False

    def _give(self, *pieces: bytes | memoryview) -> int:
        """Offer bytes to the kernel; return how many it took."""
        if self._fd is None:
            return 0
        try:
            return os.writev(self._fd, pieces)
        except OSError as error:
            return self._untaken(error)

    def _untaken(self, error: OSError) -> int:
        """The kernel took nothing: the client does not read, or has left."""
        if not isinstance(error, BlockingIOError):
            self._broken(error.errno)
        return 0

    def _keep(self, fd: int, parts: list[bytes], taken: int) -> None:
        """Keep what the kernel refused, and be told when it takes more."""
        base = self.progress.bytes
        self._rest = memoryview(b"".join(parts))[taken:]
        self._rest_ends = [base + end for end in accumulate(map(len, parts))]
        self._count(taken)
        self.progress.waiting = len(self._rest)
        # The transport owns the descriptor in the loop's eyes, so a copy of it is watched.
        self._watched_fd = os.dup(fd)
        asyncio.get_running_loop().add_writer(self._watched_fd, self._writable)

    def _writable(self) -> None:
        taken = self._give(self._rest)
        self._rest = self._rest[taken:]
        self._count(taken)
        self.progress.waiting = len(self._rest)
        if not self._rest and self._fd is not None:
            self._unwatch()
            if self._is_last:
                self._look()
            if self._listener is not None:
                self._listener.drained()

    def _count(self, taken: int) -> None:
        progress = self.progress
        progress.bytes += taken
        while self._rest_ends and self._rest_ends[0] <= progress.bytes:
            progress.frames += 1
            del self._rest_ends[0]

    # ── leaving ──────────────────────────────────────────────────────────────────────────────

    def _broken(self, errno: int | None) -> None:
        """A write failed: freeze, and let the transport find out how the client left."""
        self._errno = errno
        self._freeze()
        cut_off(self._connection)

    def _freeze(self) -> None:
        """Write and count nothing more; note how far it all was."""
        if self._fd is not None or self.progress.bytes == 0:
            self._look()
        self._stop()

    def _look(self) -> None:
        """Note what the peer's kernel has of this answer; what was written before is not of it."""
        progress, before, now = self.progress, self._before, queue_of(self._socket)
        if progress.bytes == 0:
            progress.acked = progress.unsent = 0
        elif now is None or before is None:
            progress.note = _NOT_TOLD
        else:
            progress.acked = max(0, now.acked - before.taken)
            progress.unsent = now.taken - before.taken - progress.acked

    def _stop(self) -> None:
        self._fd = None
        self.progress.freeze()
        self._rest = _NO_REST
        self.progress.waiting = 0
        self._unwatch()

    def _unwatch(self) -> None:
        if self._watched_fd is not None:
            asyncio.get_running_loop().remove_writer(self._watched_fd)
            os.close(self._watched_fd)
            self._watched_fd = None


def head_of(status: int, headers: Iterable[Header], *, keep_alive: bool) -> bytes:
    """Return the head of an answer over HTTP/1.1."""
    return b"".join(
        (
            _status_line(status),
            b"date: %b\r\n" % http_date().encode(),
            *map(_lines.__getitem__, headers),
            b"connection: keep-alive\r\n\r\n" if keep_alive else b"connection: close\r\n\r\n",
        )
    )


@lru_cache(64)
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode()


class _Lines(dict[Header, bytes]):
    """Lines of a head by header; those that come with nearly every answer are kept."""

    def __missing__(self, header: Header) -> bytes:
        name, value = header
        # An origin may be anything.
        return f"{name}: {value}\r\n".encode("utf-8", "surrogateescape")


_lines = _Lines()


def keep_lines(headers: Iterable[Header]) -> None:
    """Have the lines of headers that come with nearly every answer made once."""
    _lines.update((each, _lines[each]) for each in headers)


def _parts_of(frame: Frame) -> Sequence[bytes]:
    return (frame,) if isinstance(frame, bytes) else frame


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
