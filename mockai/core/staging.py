"""From the reply that all plays share to the one that this request gets.

Several choices, jitter, and the faults of this play: each is a function from a reply to a reply.
(The request's own limits are in `limits`.) Nothing here renders bytes or waits.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from mockai.core.mangling import AT_END, EVERYWHERE, MANGLES, Mangler
from mockai.core.reply import Delta, HoldPoint, PlacedFault, Reply
from mockai.core.steps.faults import Cut, Error, Mangle, Silence

Ending = Literal["end", "error", "fin", "reset", "in_chunk"]
LONGEST_NS = 365 * 24 * 3600 * 1_000_000_000
"""No gap is drawn longer: the whole reply takes no longer without jitter."""
FOR_GOOD_NS = 10 * 365 * 24 * 3600 * 1_000_000_000
"""How long a silence lasts: longer than any test."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A reply as one request gets it, how it ends, and what happens to its bytes."""

    reply: Reply
    ending: Ending = "end"
    error: Error | None = None
    """An error in place of the answer (`ending` is `error`), or as the last event of a stream."""
    headless: bool = False
    """Cut before even the headers are out."""
    mangles: tuple[tuple[int | None, Mangler], ...] = ()
    """(frame, what is done to it); no frame is all of them, -1 the tail."""
    swapped: frozenset[int] = field(default_factory=frozenset)
    """Frames that change places with the next one."""


def joined(replies: Sequence[Reply]) -> Reply:
    """Return one reply of several choices: their deltas in turn, 0, 1, 2, 0, 1, 2, ...

    Each choice has its own text and its own end. What belongs to the stream as a whole (holds,
    faults, comments, raw bytes) is that of the first.
    """
    first = replies[0]
    if len(replies) == 1:
        return first
    due, tokens, deltas = array("q", [0]), array("q", [0]), list[Delta]()
    for delta, due_ns in _in_turn(replies):
        due.append(max(due[-1], due_ns))
        tokens.append(tokens[-1] + delta.tokens)
        deltas.append(delta)
    due.append(max(due[-1], *(reply.due_ns[-1] for reply in replies)))
    tokens.append(sum(reply.total for reply in replies))
    return replace(
        first,
        deltas=tuple(deltas),
        columns=None,
        due_ns=due,
        tokens=tokens,
        sent=array("q"),
        holds=tuple(
            _hold_at(_frame_among(hold.frame, first, tokens), hold, due, tokens)
            for hold in first.holds
        ),
        faults=tuple(
            replace(placed, frame=_frame_among(placed.frame, first, tokens))
            for placed in first.faults
        ),
        choices=len(replies),
        finish_reasons=tuple(reply.finish_reason for reply in replies),
        reasons=any(reply.reasons for reply in replies),
        paced=any(reply.paced for reply in replies),
    )


def _in_turn(replies: Sequence[Reply]) -> Iterator[tuple[Delta, int]]:
    for place in range(max(len(reply.deltas) for reply in replies)):
        for choice, reply in enumerate(replies):
            if place < len(reply.deltas):
                delta = reply.deltas[place]
                if choice == 0 or delta.channel not in {"raw", "comment"}:
                    yield delta._replace(choice=choice), reply.due_ns[place + 1]


def _frame_among(frame: int, alone: Reply, tokens: array[int]) -> int:
    """Return the frame before which as many tokens are out, now that choices share the stream."""
    if frame <= 1:
        return frame
    if frame >= len(alone) - 1:
        return len(tokens) - 1
    return bisect_left(tokens, alone.tokens[frame - 1]) + 1


def _hold_at(frame: int, hold: HoldPoint, due: array[int], tokens: array[int]) -> HoldPoint:
    if not frame:
        return hold
    return replace(hold, frame=frame, token=tokens[frame - 1], due_ns=due[frame - 1])


def jittered(reply: Reply, spread: float, draw: Random) -> Reply:
    """Return the reply with its gaps drawn from a lognormal law of mean 1 and this spread."""
    if spread <= 0 or not reply.paced:
        return reply
    sigma = math.sqrt(math.log1p(spread * spread))
    mu = -sigma * sigma / 2
    due, before = array("q", [0]), 0
    for at_ns in reply.due_ns[1:]:
        gap = at_ns - before
        drawn = min(LONGEST_NS, gap * draw.lognormvariate(mu, sigma)) if gap else 0
        due.append(due[-1] + round(drawn))
        before = at_ns
    holds = tuple(
        replace(hold, due_ns=hold.due_ns - reply.due_ns[hold.frame - 1] + due[hold.frame - 1])
        if hold.frame
        else hold
        for hold in reply.holds
    )
    return replace(reply, due_ns=due, holds=holds)


# ── faults ───────────────────────────────────────────────────────────────────────────────────


def staged(reply: Reply, *, ordinal: int, draw: Random) -> Staged:
    """Let the faults of this play happen: play `ordinal` of its scenario, chance from `draw`."""
    happening = [placed for placed in reply.faults if placed.fault.happens(ordinal, draw)]
    reached = [placed for placed in happening if placed.frame < len(reply)]
    stage = Staged(reply)
    # The last one first: an earlier one, or the first of two at one place, has the last word.
    for placed in sorted(reached, key=lambda placed: placed.frame)[::-1]:
        stage = _with(stage, placed)
    return stage


def _with(stage: Staged, placed: PlacedFault) -> Staged:
    match placed.fault:
        case Error() as error:
            return _with_error(stage, error, placed)
        case Cut(how=how, headers=headless):
            cut = _ended(stage.reply, placed)
            return replace(stage, reply=cut, ending=how, headless=headless)
        case Silence():
            return replace(stage, reply=_silent(stage.reply, placed.frame))
        case Mangle() as mangle:
            return _with_mangle(stage, mangle, placed.frame)
    return stage


def _ended(reply: Reply, placed: PlacedFault) -> Reply:
    return reply.ended_before(max(1, placed.frame), placed.wait_ns)


def _with_error(stage: Staged, error: Error, placed: PlacedFault) -> Staged:
    shortened = _ended(stage.reply, placed)
    said = any(delta.channel != "thinking" for delta in shortened.deltas)
    return replace(stage, reply=shortened, error=error, ending="end" if said else "error")


def _silent(reply: Reply, frame: int) -> Reply:
    due_ns = reply.due_ns[frame - 1] if frame else 0
    token = reply.tokens[frame - 1] if frame else 0
    silence = HoldPoint("", frame, token, due_ns, FOR_GOOD_NS)
    before = [hold for hold in reply.holds if hold.frame <= frame]
    return replace(reply, holds=(*before, silence))


def _with_mangle(stage: Staged, mangle: Mangle, frame: int) -> Staged:
    placed = mangle.at_token is not None or mangle.at is not None
    while frame <= len(stage.reply.deltas) and stage.reply.deltas[frame - 1].channel == "thinking":
        frame += 1  # nothing is on the wire there
    if mangle.how == "reorder":
        last = len(stage.reply) - 1  # at the end there is no next one, so it is the one before
        return replace(stage, swapped=stage.swapped | {max(1, min(frame, last - 1))})
    where: int | None = frame
    if not placed and mangle.how in EVERYWHERE:
        where = None
    elif not placed and mangle.how in AT_END:
        where = -1
    return replace(stage, mangles=((where, MANGLES[mangle.how]), *stage.mangles))
