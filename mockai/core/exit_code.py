"""Which exit code a gated command has, and why: a table, so that CI logs can be believed.

0 all is good · 1 a check failed · 126, 127 it could not be started · 128 + n signal n ended it ·
else its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from signal import Signals

CANNOT_START, NOT_FOUND, BY_SIGNAL = 126, 127, 128


@dataclass(frozen=True, slots=True)
class Ending:
    """How a command ended: its exit code, the signal that ended it, or why it never began."""

    code: int = 0
    signal: int | None = None
    never_began: str | None = None

    @classmethod
    def of(cls, returncode: int) -> Ending:
        """Return the ending that Python's `returncode` stands for: a signal is negative."""
        return cls(BY_SIGNAL - returncode, -returncode) if returncode < 0 else cls(returncode)


def exit_code(ending: Ending, *, passed: bool) -> tuple[int, str]:
    """Return the code, and the words for stderr that say whose it is.

    A command that never ran to its end has its own code, for no check can speak for it.
    """
    if ending.never_began is not None:
        return ending.code, ending.never_began
    if ending.signal is not None:
        return ending.code, f"the command was ended by {_name(ending.signal)}"
    if not passed:
        own = f"; the command itself exited with {ending.code}" if ending.code else ""
        return 1, f"not every check passed{own}"
    return ending.code, "the command's own" if ending.code else "all is good"


def _name(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"
