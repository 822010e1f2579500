"""What TCP can tell of a connection, and be told: the only module that knows socket options.

Options are set on the listening socket: each connection inherits them, so none costs a system
call later. What is read is evidence of a moment, read once for each answer. Linux tells what the
peer's kernel has confirmed; where a system cannot say or do something, that is `None` or nothing.
Must not know HTTP, and not what an exchange is.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import struct
import sys
from typing import NamedTuple, Protocol

if sys.platform == "linux":  # else there is no such module, or no such question
    import fcntl

IS_LINUX = sys.platform == "linux"
_TCP_NOTSENT_LOWAT = 25
_SIOCOUTQ = 0x5411
# `struct tcp_info`: tcpi_state, tcpi_unacked, and since Linux 4.1 tcpi_bytes_acked; since 4.6
# tcpi_notsent_bytes.
_INFO = struct.Struct("=B23xI92xQ16xI")
_ESTABLISHED = 1
_CLOSE_WAIT = 8  # the peer has sent a FIN
_OPEN = (_ESTABLISHED, _CLOSE_WAIT)
_TCP_INFO = (socket.IPPROTO_TCP, getattr(socket, "TCP_INFO", 0), _INFO.size)
_PROBES = 3


class Socket(Protocol):
    """A socket, or what a transport shows of one."""

    def fileno(self) -> int:
        """Return the descriptor; -1 once it is closed."""

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        """Return an option's bytes."""

    def setsockopt(self, level: int, optname: int, value: bytes, /) -> None:
        """Set an option."""


class Queue(NamedTuple):
    """Bytes of a connection since it was made: confirmed by the peer's kernel, taken by this one.

    `has_fin` says whether the peer has ended what it sends, be it unread as yet.
    """

    acked: int
    taken: int
    has_fin: bool = False


def has_left(sock: Socket) -> bool:
    """Say whether the peer has closed, be it only just now: a FIN that nobody has read counts."""
    try:
        with socket.socket(fileno=os.dup(sock.fileno())) as looking:  # non-blocking, as its twin
            return not looking.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def has_sent_fin(sock: Socket | None, queue: Queue | None) -> bool:
    """Say whether the peer has ended what it sends: from a look at its queue, if there was one."""
    if queue is None:
        return sock is not None and has_left(sock)
    return queue.has_fin


def queue_of(sock: Socket | None) -> Queue | None:
    """Return how far a connection's bytes are; `None` where the system does not tell.

    `acked` can lag behind what has arrived by the peer's delayed acknowledgement.
    """
    if not IS_LINUX or sock is None:
        return None
    try:
        state, segments, acked, unsent = _INFO.unpack(sock.getsockopt(*_TCP_INFO))
        # Where nothing is under way a call less is needed; after a reset no segment is counted.
        if segments or unsent or state not in _OPEN:
            queued = fcntl.ioctl(sock.fileno(), _SIOCOUTQ, bytes(4))
            unsent = int.from_bytes(queued, sys.byteorder)
        return Queue(acked, acked + unsent, state == _CLOSE_WAIT)
    except (OSError, struct.error):
        return None


def bound_run_ahead(listener: socket.socket, most: int) -> None:
    """Have the kernel take at most about `most` bytes that it cannot send yet."""
    if IS_LINUX:
        listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, most)


def notice_silence(listener: socket.socket, *, peer_s: float, write_s: float | None) -> None:
    """Have the kernel give up peers that do not answer.

    `peer_s` is for a connection on which nothing is under way: it is probed. `write_s` is for
    written bytes that are not confirmed; it also ends a client that reads nothing for so long.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    whole_s = max(2, math.ceil(peer_s))
    idle_s = (whole_s + 1) // 2
    probes = min(_PROBES, whole_s - idle_s)
    values = {"IDLE": idle_s, "INTVL": (whole_s - idle_s) // probes, "CNT": probes}
    for name, value in values.items():
        option = getattr(socket, f"TCP_KEEP{name}", None)
        if option is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
    if write_s is not None and IS_LINUX:
        milliseconds = math.ceil(write_s * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def reset_on_close(sock: Socket) -> None:
    """Have the coming close be a reset."""
    with contextlib.suppress(OSError):  # it is gone already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def watch_for_end(fd: int, *, with_fin: bool = False) -> select.epoll | None:
    """Return what becomes readable once a connection is gone, however much is unread (Linux).

    After a half-close a socket is readable for good, so it cannot be asked that way. `with_fin`
    also tells of the end of what the peer sends alone.
    """
    if not IS_LINUX:
        return None
    watch = select.epoll(1)
    # Errors and the end of both directions are always told.
    watch.register(fd, select.EPOLLRDHUP if with_fin else 0)
    return watch
