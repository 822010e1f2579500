"""The limits that a request sets to its answer, obeyed as the real API obeys them.

A function from a reply of one choice to a shorter one. Knows tokens and text; must not know
requests, choices or time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from mockai.core.reply import Reply


def limited(reply: Reply, *, max_tokens: int | None = None, stop: Sequence[str] = ()) -> Reply:
    """Return the reply as the request's own limits cut it.

    `max_tokens` ends it with `length`, reasoning included; a stop sequence ends the content before
    the sequence, with `stop`, however it is spread over deltas.
    """
    stopped = _stopped(reply, stop)
    if max_tokens is None or stopped.total <= max_tokens:
        return stopped
    # The tail stands at the same count as the last delta, so look among the deltas only.
    frame = min(bisect_right(stopped.tokens, max_tokens), len(stopped) - 1)
    cut = replace(stopped.ended_before(frame), finish_reason="length")
    cut.tokens[-1] = max_tokens  # a token that does not complete a character is billed too
    return cut


def _stopped(reply: Reply, stop: Sequence[str]) -> Reply:
    if not stop:
        return reply
    said = [delta.text if delta.channel == "content" else "" for delta in reply.deltas]
    whole = "".join(said)
    places = [place for place in map(whole.find, filter(None, stop)) if place >= 0]
    if not places:
        return reply
    left = min(places)
    for frame, text in enumerate(said, 1):
        if left < len(text):
            return _ended_inside(reply, frame, left)
        left -= len(text)
    return reply


def _ended_inside(reply: Reply, frame: int, keep: int) -> Reply:
    """End inside a frame, of whose text `keep` characters stay; with none, before it."""
    ended = replace(reply.ended_before(frame + 1 if keep else frame), finish_reason="stop")
    if not keep:
        return ended
    last = ended.deltas[-1]
    return replace(ended, deltas=(*ended.deltas[:-1], last._replace(text=last.text[:keep])))
