"""A link to a network namespace through which this process hands every packet.

So a client can be far away, lose packets, or vanish without one. It takes root and Linux; where
that is missing, a test is skipped with the reason. Real time passes only on the link.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import ipaddress
import itertools
import os
import random
import select
import struct
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

import pytest

from tests.support.raw import RawClient

_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001
_CLONE_NEWNET = 0x40000000
_PACKET = 65_536
_TESTING = ipaddress.ip_address("198.18.0.0")  # a /15 that nobody routes (RFC 2544)
_numbers = itertools.count(1)


class Wire:
    """The link; leaving the `with` block takes it down. `delay_s` is one way, `loss` a share."""

    def __init__(self, *, delay_s: float = 0.0, loss: float = 0.0, seed: int = 0) -> None:
        number = os.getpid() * 8 % 65_536 + next(_numbers) % 8
        self.name = f"mk{number}"
        self.here, self.there = (str(_TESTING + number * 2 + end) for end in (0, 1))
        self._delay_s, self._loss, self._chance = delay_s, loss, random.Random(seed)
        self._is_cut = False
        self._wake = os.pipe()
        self._ends: list[int] = []
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> Self:
        if os.name != "posix" or os.geteuid() != 0:
            pytest.skip("a namespace of the network takes root")
        try:
            for end in "ab":
                self._ends.append(_tun(self.name + end))
            _ip("netns", "add", self.name)
            _ip("link", "set", f"{self.name}b", "netns", self.name)
            self._raise(f"{self.name}a", self.here, self.there)
            self._raise(f"{self.name}b", self.there, self.here, "-n", self.name)
        except (OSError, subprocess.CalledProcessError) as error:
            self._take_down()
            said = getattr(error, "stderr", None) or error
            pytest.skip(f"no namespace of the network can be made here: {said}")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._wake[1], b"end")
        self._thread.join()
        self._take_down()

    def _take_down(self) -> None:
        for fd in (*self._ends, *self._wake):
            os.close(fd)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)

    def connect(self, url: str, **options: int) -> RawClient:
        """Open a client's connection from the far end."""
        made: list[RawClient] = []

        def run() -> None:
            fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            if ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            os.close(fd)
            made.append(RawClient(url, **options))

        thread = threading.Thread(target=run)  # only this thread moves to the far end
        thread.start()
        thread.join()
        return made[0]

    def cut(self) -> None:
        """Let no packet through from now on."""
        self._is_cut = True

    def _raise(self, device: str, address: str, peer: str, *where: str) -> None:
        _ip(*where, "addr", "add", address, "peer", peer, "dev", device)
        _ip(*where, "link", "set", device, "up")

    def _carry(self) -> None:
        """Hand packets over in their order, each after its delay, until woken."""
        waiting: list[tuple[float, int, int, bytes]] = []
        order = itertools.count()
        near, far = self._ends
        across = {near: far, far: near}
        while True:
            rest_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
            ready, _, _ = select.select([*across, self._wake[0]], [], [], rest_s)
            if self._wake[0] in ready:
                return
            for fd in ready:
                packet = os.read(fd, _PACKET)
                due_s = time.monotonic() + self._delay_s
                heapq.heappush(waiting, (due_s, next(order), across[fd], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, to, packet = heapq.heappop(waiting)
                if not self._is_cut and self._chance.random() >= self._loss:
                    os.write(to, packet)


def _tun(name: str) -> int:
    """Make a device whose packets are read from and written to a descriptor."""
    if not Path("/dev/net/tun").exists():
        raise OSError("there is no /dev/net/tun")
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN_WITHOUT_HEADER))
    return fd


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
