"""Which process below this one is at the other end of a connection, and when it has ended.

Linux tells it by /proc; elsewhere nothing is known. Only `mockai run` asks: a test runner lives on
when the process that leaked a stream has exited. Must not know what is made of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_TABLES = ("net/tcp", "net/tcp6")
_LINE = rb":%04X [0-9A-F]+:%04X 01 \S+ \S+ \S+ +\S+ +\S+ (\d+)"
"""Local port, remote port, established, queues, timer, retransmits, user, time-out, inode.

Source: https://docs.kernel.org/networking/proc_net_tcp.html"""


class Processes:
    """The processes below `root`; `ended` is called once for each that was found and has exited."""

    def __init__(self, ended: Callable[[int], None], root: int | None = None) -> None:
        self._ended = ended
        self._root = os.getpid() if root is None else root
        self._watched: dict[int, int] = {}

    def asking(self, client_port: int, server_port: int) -> int | None:
        """Return the id of the process that holds the client's end; `None` when it is not found."""
        inode = _inode(client_port, server_port)
        if inode is None:
            return None
        wanted = f"socket:[{inode.decode()}]"
        found = next((pid for pid in _below(self._root) if _holds(pid, wanted)), None)
        if found is not None:
            self._watch(found)
        return found

    def close(self) -> None:
        """Watch no longer."""
        for pid in list(self._watched):
            self._unwatch(pid)

    def _watch(self, pid: int) -> None:
        if pid in self._watched:
            return
        with contextlib.suppress(OSError, AttributeError):  # gone already; no pidfd here
            descriptor = os.pidfd_open(pid)
            self._watched[pid] = descriptor
            asyncio.get_running_loop().add_reader(descriptor, self._has_ended, pid)

    def _has_ended(self, pid: int) -> None:
        self._unwatch(pid)
        self._ended(pid)

    def _unwatch(self, pid: int) -> None:
        descriptor = self._watched.pop(pid)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)


def _inode(local_port: int, remote_port: int) -> bytes | None:
    """Return the inode of the socket between two ports, as the side of `local_port` has it."""
    for table in _TABLES:
        with contextlib.suppress(OSError):
            found = re.search(_LINE % (local_port, remote_port), (_PROC / table).read_bytes())
            if found is not None:
                return found[1]
    return None


def _below(pid: int) -> Iterator[int]:
    """Yield the ids of all processes that descend from one, without it."""
    for children in _PROC.glob(f"{pid}/task/*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                yield child
                yield from _below(child)


def _holds(pid: int, wanted: str) -> bool:
    """Say whether a process has a descriptor of that name."""
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as links:
        return any(_name(link.path) == wanted for link in links)
    return False


def _name(link: str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(link)  # noqa: PTH115 - a thousand of them
    return ""
