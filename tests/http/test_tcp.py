"""Sockets are asked and told what their system knows; one that knows less breaks nothing."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mockai.http import tcp
from mockai.http.tcp import bound_run_ahead, notice_silence, queue_of, watch_for_end

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
KEEP = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
Pair = tuple[socket.socket, socket.socket]


@contextmanager
def connected(listener: socket.socket) -> Iterator[Pair]:
    """Connect; yield the accepted end and the other one."""
    with socket.create_connection(listener.getsockname()) as there, listener.accept()[0] as here:
        here.setblocking(False)
        yield here, there


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def fill(sock: socket.socket) -> int:
    """Write until the kernel takes no more; return how much it has taken."""
    taken = 0
    while True:
        try:
            taken += sock.send(bytes(4_096))
        except BlockingIOError:
            return taken


@linux_only
def test_the_queue_counts_every_byte_that_was_written(listener: socket.socket) -> None:
    """Confirmed and unconfirmed bytes together are what the kernel took, also after a reset."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    with connected(listener) as (here, there):
        before = queue_of(here)
        taken = fill(here)
        full = queue_of(here)
        tcp.reset_on_close(there)
        there.close()
        with pytest.raises(ConnectionResetError):
            here.recv(1)
        after = queue_of(here)
    assert before is not None and full is not None and after is not None  # noqa: PT018
    assert (before.acked == before.taken, full.acked < full.taken) == (True, True)
    assert full.taken - before.taken == after.taken - before.taken == taken


def test_what_cannot_be_asked_is_not_known() -> None:
    """A socket that is closed, or none at all, is no error."""
    sock = socket.socket()
    sock.close()
    assert queue_of(sock) is None
    assert queue_of(None) is None
    tcp.reset_on_close(sock)


def test_another_system_knows_nothing_and_breaks_nothing(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Linux's options are missing they are not asked for."""
    monkeypatch.setattr(tcp, "IS_LINUX", False)
    for name in KEEP:
        monkeypatch.delattr(socket, name, raising=False)
    bound_run_ahead(listener, 1)
    notice_silence(listener, peer_s=60, write_s=60)
    with connected(listener) as (here, _):
        assert queue_of(here) is None
        assert watch_for_end(here.fileno()) is None


@linux_only
def test_a_bound_is_inherited_and_holds_for_who_does_not_read(listener: socket.socket) -> None:
    """Set once where connections are accepted: beyond the peer's window only so much is taken."""
    bound_run_ahead(listener, 16_384)
    with connected(listener) as (here, _):
        taken = fill(here)
        queue = queue_of(here)
    assert queue is not None
    # The kernel counts in whole buffers, and what is under way comes on top.
    assert queue.taken - queue.acked < 1 << 18
    assert taken < 1 << 19  # without a bound it is some 4 MB


@linux_only
@pytest.mark.parametrize(
    "peer_s, idle, interval, probes",
    [
        (0.1, 1, 1, 1),
        (2, 1, 1, 1),
        (3, 2, 1, 1),
        (5, 3, 1, 2),
        (60, 30, 10, 3),
        (7_200, 3_600, 1_200, 3),
    ],
)
def test_half_the_patience_is_silence_and_half_is_for_probes(
    listener: socket.socket, peer_s: float, idle: int, interval: int, probes: int
) -> None:
    """The kernel counts whole seconds; all together it is what was asked for."""
    notice_silence(listener, peer_s=peer_s, write_s=None)
    with connected(listener) as (here, _):
        read = [here.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEP]
        assert read == [idle, interval, probes]
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert here.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0


@linux_only
def test_written_bytes_are_given_up_after_their_time_only_if_asked(listener: socket.socket) -> None:
    """In milliseconds, for every connection."""
    notice_silence(listener, peer_s=60, write_s=1.5)
    with connected(listener) as (here, _):
        assert here.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1_500
