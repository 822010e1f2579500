"""Run a command as a child: its input and output are ours, and so are the signals that we get."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from mockai.core.exit_code import CANNOT_START, NOT_FOUND, Ending

_PASSED_ON = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
_BY_KEYBOARD = ("SIGINT", "SIGQUIT")


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> Ending:
    """Run a command to its end; return how it ended. Signals that come meanwhile are passed on."""
    with _signals() as arrived:
        try:
            child = subprocess.Popen(command, env=environment)
        except FileNotFoundError:
            return Ending(NOT_FOUND, never_began=f"the command '{command[0]}' was not found")
        except OSError as error:
            why = f"the command '{command[0]}' cannot be started: {error.strerror}"
            return Ending(CANNOT_START, never_began=why)
        arrived.pass_on_to(child)
        return Ending.of(child.wait())


class _Arrived:
    """Signals that came: for the child, as soon as there is one."""

    def __init__(self) -> None:
        self._waiting: list[int] = []
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self, number: int, _: FrameType | None) -> None:
        if self._child is None:
            self._waiting.append(number)
        else:
            self._child.send_signal(number)  # one that has ended is left alone

    def pass_on_to(self, child: subprocess.Popen[bytes]) -> None:
        """Pass on what comes from now on, and what has come already."""
        self._child = child
        for number in self._waiting:
            child.send_signal(number)


@contextmanager
def _signals() -> Iterator[_Arrived]:
    """Take signals in, but those that somebody has told us to ignore: the child must too."""
    arrived = _Arrived()
    numbers = [number for name in _PASSED_ON if (number := getattr(signal, name, None))]
    taken = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    by_hand = {getattr(signal, name, None) for name in _BY_KEYBOARD} if _at_a_keyboard() else set()
    before = {
        number: signal.signal(number, _noted if number in by_hand else arrived) for number in taken
    }
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _noted(_: int, __: FrameType | None) -> None:
    """Do nothing: a key at the terminal reaches the child by itself, and once is enough."""


def _at_a_keyboard() -> bool:
    """Say whether keys such as Ctrl-C reach us, and so our child, from a terminal."""
    try:
        return os.isatty(0) and os.tcgetpgrp(0) == os.getpgrp()
    except (OSError, AttributeError):
        return False
