"""From the reply that all plays share to the one that this request gets.

The request's own limits (`max_tokens`, `stop`), several choices, jitter, and the faults of this
play: each is a function from a reply to a reply. Nothing here renders bytes or waits.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from mockai.core.mangling import AT_END, EVERYWHERE, MANGLES, Mangler
from mockai.core.reply import Delta, HoldPoint, PlacedFault, Reply
from mockai.core.steps.faults import Cut, Error, Mangle, Silence

Ending = Literal["end", "error", "fin", "reset", "in_chunk"]
FOR_GOOD_NS = 10 * 365 * 24 * 3600 * 1_000_000_000
"""How long a silence lasts: longer than any test."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A reply as one request gets it, how it ends, and what happens to its bytes."""

    reply: Reply
    ending: Ending = "end"
    error: Error | None = None
    """An error in place of the answer (`ending` is `error`), or as the last event of a stream."""
    mangles: tuple[tuple[int | None, Mangler], ...] = ()
    """(frame, what is done to it); no frame is all of them, -1 the tail."""
    swapped: frozenset[int] = field(default_factory=frozenset)
    """Frames that change places with the next one."""


def limited(reply: Reply, *, max_tokens: int | None, stop: Sequence[str]) -> Reply:
    """Return the reply as the request's own limits cut it.

    `max_tokens` ends it with `length`, reasoning included; a stop sequence ends the content before
    the sequence, with `stop`. An answer of several choices is limited before they are joined.
    """
    if stop:
        reply = _stopped(reply, stop)
    if max_tokens is not None and reply.total > max_tokens:
        frame = max(i for i, total in enumerate(reply.tokens) if total <= max_tokens) + 1
        # The tail stands at the same count as the last delta, so look among the deltas only.
        frame = min(frame, len(reply) - 1)
        cut = replace(reply.ended_before(frame), finish_reason="length")
        cut.tokens[-1] = max_tokens  # a token that does not complete a character is billed too
        return cut
    return reply


def _stopped(reply: Reply, stop: Sequence[str]) -> Reply:
    text = reply.text
    places = [place for place in (text.find(each) for each in stop if each) if place >= 0]
    if not places:
        return reply
    place, seen = min(places), 0
    for index, delta in enumerate(reply.deltas):
        if delta.channel != "content":
            continue
        if seen + len(delta.text) > place:
            return _cut_inside(reply, index, place - seen)
        seen += len(delta.text)
    return reply


def _cut_inside(reply: Reply, index: int, keep: int) -> Reply:
    """End the reply inside delta `index`, of whose text `keep` characters stay."""
    ended = reply.ended_before(index + 2)
    last = ended.deltas[-1]
    shortened = replace(last, text=last.text[:keep])
    return replace(ended, deltas=(*ended.deltas[:-1], shortened), finish_reason="stop")


def joined(replies: Sequence[Reply]) -> Reply:
    """Return one reply of several choices: their deltas in turn, 0, 1, 2, 0, 1, 2, ..."""
    first = replies[0]
    if len(replies) == 1:
        return first
    due, tokens, deltas = array("q", [0]), array("q", [0]), list[Delta]()
    for place in range(max(len(reply.deltas) for reply in replies)):
        for choice, reply in enumerate(replies):
            if place < len(reply.deltas):
                delta = replace(reply.deltas[place], choice=choice)
                due.append(max(due[-1], reply.due_ns[place + 1]))
                tokens.append(tokens[-1] + delta.tokens)
                deltas.append(delta)
    due.append(max(due[-1], *(reply.due_ns[-1] for reply in replies)))
    tokens.append(sum(reply.total for reply in replies))
    return replace(
        first,
        deltas=tuple(deltas),
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
    )


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
        due.append(due[-1] + (round(gap * draw.lognormvariate(mu, sigma)) if gap else 0))
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
    happening = [placed for placed in happening if placed.frame < len(reply)]
    stage = Staged(reply)
    for placed in sorted(happening, key=lambda placed: placed.frame, reverse=True):
        stage = _with(stage, placed)
    return stage


def _with(stage: Staged, placed: PlacedFault) -> Staged:
    match placed.fault:
        case Error() as error:
            return _with_error(stage, error, placed)
        case Cut(how=how):
            return replace(stage, reply=_ended(stage.reply, placed), ending=how)
        case Silence():
            return replace(stage, reply=_silent(stage.reply, placed.frame))
        case Mangle() as mangle:
            return _with_mangle(stage, mangle, placed.frame)
    return stage


def _ended(reply: Reply, placed: PlacedFault) -> Reply:
    return reply.ended_before(max(1, placed.frame), placed.wait_ns)


def _with_error(stage: Staged, error: Error, placed: PlacedFault) -> Staged:
    frame, reply = placed.frame, stage.reply
    at_start = frame <= 1 or reply.tokens[frame - 1] == 0
    shortened = _ended(reply, placed)
    if not at_start:
        return replace(stage, reply=shortened, error=error, ending="end")
    return replace(stage, reply=shortened, error=error, ending="error")


def _silent(reply: Reply, frame: int) -> Reply:
    due_ns = reply.due_ns[frame - 1] if frame else 0
    token = reply.tokens[frame - 1] if frame else 0
    silence = HoldPoint("", frame, token, due_ns, FOR_GOOD_NS)
    before = [hold for hold in reply.holds if hold.frame <= frame]
    return replace(reply, holds=(*before, silence))


def _with_mangle(stage: Staged, mangle: Mangle, frame: int) -> Staged:
    placed = mangle.at_token is not None or mangle.at is not None
    if mangle.how == "reorder":
        return replace(stage, swapped=stage.swapped | {frame})
    where: int | None = frame
    if not placed and mangle.how in EVERYWHERE:
        where = None
    elif not placed and mangle.how in AT_END:
        where = -1
    return replace(stage, mangles=((where, MANGLES[mangle.how]), *stage.mangles))
