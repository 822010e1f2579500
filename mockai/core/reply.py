"""A compiled reply: deltas, and columns that say when and how many tokens.

Frame 0 is the head of the response, frames 1 to n are the deltas, frame n + 1 is the tail (finish
chunk, usage, `[DONE]`). All plays of a scenario share one `Reply`; what differs between two plays
(ids, text around the deltas) belongs to the dialect, and where a play stands to `Playback`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from mockai.core.text import Piece


@dataclass(frozen=True, slots=True)
class HoldPoint:
    """A place where a play stands still: before `frame`, reached at `due_ns`."""

    name: str
    frame: int
    token: int
    due_ns: int
    timeout_ns: int


@dataclass(frozen=True, slots=True)
class Reply:
    """Deltas and columns. `due_ns[i]` is when frame i leaves, `tokens[i]` the sum after it.

    Times are scaled by `speed` already; who adds a time of the scenario's scales it too.
    """

    deltas: tuple[Piece, ...]
    due_ns: array[int]
    tokens: array[int]
    holds: tuple[HoldPoint, ...]
    finish_reason: str
    paced: bool
    speed: float = 1.0

    def __len__(self) -> int:
        return len(self.due_ns)

    @property
    def total(self) -> int:
        """Completion tokens of the whole reply."""
        return self.tokens[-1]

    @property
    def text(self) -> str:
        """The whole text, as a client that reads to the end sees it."""
        return "".join(delta.text for delta in self.deltas)

    def frame_of(self, token: int) -> int:
        """Return the first frame after which at least `token` tokens are out (last if none)."""
        return min(bisect_left(self.tokens, token), len(self) - 1)

    def tokens_by(self, elapsed_ns: int) -> int:
        """Return the tokens whose frames are due by `elapsed_ns` on the unshifted timeline."""
        reached = bisect_right(self.due_ns, elapsed_ns)
        return self.tokens[reached - 1] if reached else 0
