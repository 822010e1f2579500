"""What the pacer wakes of a stream: its progress, which knows whom to ask what is to be done.

Nearly every wake-up is the same: one token is due, and nothing else. The progress of a sink may
know a shorter way for that (`H1Flow` does); whatever else there is to do, the stream does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mockai.core.progress import Progress
from mockai.engine.pacer import NEVER


class Woken(Protocol):
    """Whose progress it is: a stream."""

    def tick(self, now_ns: int) -> int | None:
        """Do what is due; return when to come back."""

    def refused(self, now_ns: int) -> None:
        """The kernel did not take all of a token."""

    def crashed(self, error: Exception) -> None:
        """It was woken, and something raised."""


class Flow(Progress):
    """The progress of a stream, with its deadline.

    The shorter way may be taken for frames before `until`, for which it says that they are tokens
    and no hold lies between. Each is `start` and what `rests` has of it, if that is not `None`:
    the stream sets both before it sets `until`.
    """

    __slots__ = ("due_tick", "rests", "start", "stream", "until")

    start: bytes
    rests: Sequence[bytes | None]

    def __init__(self) -> None:
        super().__init__()
        self.due_tick = NEVER
        self.stream: Woken | None = None
        self.until = 0

    def tick(self, now_ns: int) -> int | None:
        """Have the stream do what is due; return when to come back."""
        return self.stream.tick(now_ns) if self.stream is not None else None

    def crashed(self, error: Exception) -> None:
        """Have the stream end."""
        if self.stream is not None:
            self.stream.crashed(error)

    def freeze(self) -> None:
        """Send nothing more: the client leaves, or the answer is out."""
        self.until = 0

    def stop(self) -> None:
        """Wake nobody any more: who is woken holds this, a circle that only the collector opens."""
        self.stream, self.until = None, 0
