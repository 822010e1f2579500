"""A compiled reply: deltas, and columns that say when and how many tokens.

Frame 0 is the head of the response, frames 1 to n are the deltas, frame n + 1 is the tail (finish
chunk, usage, `[DONE]`). All plays of a scenario share one `Reply`; what differs between two plays
(ids, text around the deltas) belongs to the dialect, and where a play stands to `Playback`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from mockai.core.steps.faults import Fault

_MOST_COLUMNS, _LONGEST_COLUMN = 4, 10_000

Channel = Literal[
    "content",  # text of the answer
    "refusal",  # text of a refusal
    "reasoning",  # reasoning that the client sees, as some compatible vendors send it
    "thinking",  # reasoning that takes time and tokens and is not sent
    "tool_name",  # begins a tool call
    "tool_arguments",  # a fragment of its arguments
    "raw",  # bytes as given
    "comment",  # an SSE comment
]

WITH_LOGPROBS: tuple[Channel, ...] = ("content", "refusal")
"""Channels whose tokens have log probabilities."""


class Delta(NamedTuple):
    """One element of the answer: what one frame carries, and how many tokens that is.

    `tool` counts the tool calls of the answer; `text` is its name or a fragment of its arguments.
    `logprobs` are those of its first tokens that a script tells; others are made up if need be.
    """

    text: str
    tokens: int
    channel: Channel = "content"
    choice: int = 0
    tool: int = 0
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldPoint:
    """A place where a play stands still: before `frame`, reached at `due_ns`.

    Without a name it is no gate: a silence that nobody can release.
    """

    name: str
    frame: int
    token: int
    due_ns: int
    timeout_ns: int


@dataclass(frozen=True, slots=True)
class PlacedFault:
    """A fault, and the frame before which it happens, so long after the one before that."""

    fault: Fault
    frame: int
    wait_ns: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """Deltas and columns. `due_ns[i]` is when frame i leaves, `tokens[i]` the sum after it.

    `sent[i]` is the sum without hidden reasoning, which is generated but never on the wire; most
    replies have none, and there it is the same column.
    """

    deltas: tuple[Delta, ...]
    due_ns: array[int]
    tokens: array[int]
    holds: tuple[HoldPoint, ...]
    finish_reason: str
    """Why it ends; of several choices, why the first does: see `reason_of`."""
    paced: bool
    faults: tuple[PlacedFault, ...] = ()
    usage: Mapping[str, int] = field(default_factory=dict)
    """Figures to report in place of those counted: `prompt_tokens`, `cached_tokens`, ..."""
    choices: int = 1
    finish_reasons: tuple[str, ...] = ()
    """Why each of several choices ends."""
    reasons: bool = False
    """True when there may be reasoning among the deltas: most have none, and need no search."""
    sent: array[int] = field(default_factory=lambda: array("q"))

    def __post_init__(self) -> None:
        if not self.sent:
            object.__setattr__(self, "sent", self.tokens if not self.reasons else self._on_wire())

    def _on_wire(self) -> array[int]:
        seen = (0 if delta.channel == "thinking" else delta.tokens for delta in self.deltas)
        column = array("q", accumulate(seen, initial=0))
        column.append(column[-1])
        return column

    speed: float = 1.0
    coalesce: bool = True
    """True when frames that are due together share a write."""
    columns: dict[object, list[bytes | None]] | None = field(
        default=None, compare=False, repr=False
    )
    """What a dialect rendered of the deltas, frame by frame, where many plays share the reply."""
    memo: dict[object, Any] = field(default_factory=dict, init=False, compare=False, repr=False)
    """What a dialect knows of this reply, for every play of it. A changed reply has its own."""

    def __len__(self) -> int:
        return len(self.due_ns)

    def shared(self) -> Reply:
        """Return the reply as one that many will play, so that rendering it once pays."""
        return self if self.columns is not None else replace(self, columns={})

    def column(self, key: object) -> list[bytes | None] | None:
        """Return what was rendered under `key` (a slot for each frame), to be filled in on the way.

        `None` where it would be rendered for one play only, or where it would fill the memory.
        """
        if self.columns is None or len(self) > _LONGEST_COLUMN:
            return None
        column = self.columns.get(key)
        if column is None:
            # Other threads may do the same: each step is a single operation on a dict.
            for oldest in list(self.columns)[: 1 - _MOST_COLUMNS]:
                self.columns.pop(oldest, None)
            column = self.columns[key] = [None] * len(self)
        return column

    @property
    def total(self) -> int:
        """Completion tokens of the whole reply."""
        return self.tokens[-1]

    def reason_of(self, choice: int) -> str:
        """Return why a choice ends."""
        return self.finish_reasons[choice] if self.finish_reasons else self.finish_reason

    @property
    def text(self) -> str:
        """The whole content of the first choice, as a client that reads to the end sees it."""
        return self.said("content")

    def said(self, channel: Channel, choice: int = 0) -> str:
        """Return the whole text of a channel."""
        return "".join(
            delta.text
            for delta in self.deltas
            if delta.channel == channel and delta.choice == choice
        )

    def count(self, channel: Channel) -> int:
        """Return the tokens of one channel."""
        return sum(delta.tokens for delta in self.deltas if delta.channel == channel)

    @property
    def reasoning_tokens(self) -> int:
        """Tokens of reasoning, sent or not."""
        return self.count("thinking") + self.count("reasoning") if self.reasons else 0

    def frame_of(self, token: int) -> int:
        """Return the first frame after which at least `token` tokens are out (last if none)."""
        return min(bisect_left(self.tokens, token), len(self) - 1)

    def tokens_by(self, elapsed_ns: int) -> int:
        """Return the tokens whose frames are due by `elapsed_ns` on the unshifted timeline."""
        reached = bisect_right(self.due_ns, elapsed_ns)
        return self.tokens[reached - 1] if reached else 0

    def ended_before(self, frame: int, wait_ns: int = 0) -> Reply:
        """Return the reply that ends where `frame` would have come: its tail stands there.

        The tail is due `wait_ns` after the last delta that is left.
        Holds and faults at the end stay at the end, unless a fault names a token or a time; those
        that lie beyond it are never reached.
        """
        if not 1 <= frame < len(self):
            return self
        due, tokens = self.due_ns[:frame], self.tokens[:frame]
        due.append(due[-1] + wait_ns)
        tokens.append(tokens[-1])
        return replace(
            self,
            deltas=self.deltas[: frame - 1],
            columns=None,
            due_ns=due,
            tokens=tokens,
            sent=array("q"),
            holds=tuple(
                _moved(self.holds, last=len(self) - 1, frame=frame, due=due, tokens=tokens)
            ),
            faults=tuple(
                replace(placed, frame=frame) if self._is_at_end(placed) else placed
                for placed in self.faults
            ),
        )

    def _is_at_end(self, placed: PlacedFault) -> bool:
        named = placed.fault.at_token is not None or placed.fault.at is not None
        return placed.frame == len(self) - 1 and not named


def _moved(
    holds: Iterable[HoldPoint], *, last: int, frame: int, due: array[int], tokens: array[int]
) -> Iterable[HoldPoint]:
    for hold in holds:
        if hold.frame <= frame:
            yield hold
        elif hold.frame == last:
            yield replace(hold, frame=frame, token=tokens[-1], due_ns=due[-1])
