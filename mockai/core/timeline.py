"""An exchange as a line of events: what happened when, in seconds since receipt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mockai.core.exchange import Exchange, Phase
from mockai.core.units import counted

_WHERE: dict[Phase, str] = {
    "receiving": " during receipt",
    "before_headers": " before the head",
    "after_last_token": " after the last token",
}
"""Phases of a leaving that no other event of the line shows."""
_ROUNDED_S = 2e-6
"""How far a sum of two times may be off that were read back from JSON."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `token` is how many tokens had been written by then."""

    at_s: float
    name: str
    text: str
    token: int | None = None


def events(exchange: Exchange) -> list[Event]:
    """Return the events of an exchange, in order of time."""
    return sorted(_events(exchange), key=lambda event: event.at_s)


def draw(exchange: Exchange) -> str:
    """Return the events as one line: `0.00 head · 0.20 first token · … · 0.24 client left`."""
    return " · ".join(f"{event.at_s:.2f} {event.text}" for event in events(exchange))


def events_json(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the events as the control API shows them (times rounded to microseconds)."""
    return [{**asdict(event), "at_s": round(event.at_s, 6)} for event in events(exchange)]


def _events(exchange: Exchange) -> Iterator[Event]:
    timing = exchange.timing
    if timing.headers_s is None:
        yield Event(0.0, "received", "request")
    else:
        yield Event(timing.headers_s, "headers", f"head {exchange.status}")
    if timing.first_token_s is not None:
        yield Event(timing.first_token_s, "first_token", "first token", 1)
    for hold in exchange.holds:
        yield Event(hold.at_s, "held", f"held at '{hold.name}' ({_count(hold.token)})", hold.token)
        if hold.for_s is not None and not _ended_there(exchange, hold.at_s + hold.for_s):
            word = "hold timed out" if hold.timed_out else "released"
            yield Event(hold.at_s + hold.for_s, "released", word, hold.token)
    for mark in exchange.marks:
        yield Event(mark.at_s, "mark", f"mark '{mark.name}'", mark.token)
    if exchange.half_closed_s is not None:
        yield Event(exchange.half_closed_s, "half_closed", "client half-closed")
    yield from _last(exchange)


def _last(exchange: Exchange) -> Iterator[Event]:
    """Yield how it ended, or how far it is."""
    timing, left, written = exchange.timing, exchange.disconnect, exchange.tokens.written
    if left is not None:
        where = _WHERE.get(exchange.phase, "")
        text = f"client left{where} ({left.how}, {_count(left.token)}{_stalled(exchange)})"
        yield Event(left.at_s, "disconnected", text, left.token)
    elif timing.ended_s is not None:
        yield Event(timing.ended_s, "ended", _ending(exchange), written)
    elif timing.last_write_s is not None and written and not _is_held(exchange):
        text = f"{_count(written)} so far{_stalled(exchange)}"
        yield Event(timing.last_write_s, "last_write", text, written)


def _ended_there(exchange: Exchange, until_s: float) -> bool:
    """Return whether a stay ended because the exchange did, and not by a release."""
    ended_s = exchange.timing.ended_s
    if exchange.outcome == "completed" or ended_s is None:
        return False
    return until_s >= ended_s - _ROUNDED_S


def _is_held(exchange: Exchange) -> bool:
    return bool(exchange.holds) and exchange.holds[-1].for_s is None


def _ending(exchange: Exchange) -> str:
    if exchange.outcome == "completed":
        return f"done ({_count(exchange.tokens.written)}{_stalled(exchange)})"
    return f"{exchange.outcome}: {exchange.cause}"


def _stalled(exchange: Exchange) -> str:
    """Return for how long the client did not read, where that was felt."""
    stalled_s = exchange.delivery.stalled_s
    return f", unread for {stalled_s:.2f} s" if stalled_s else ""


def _count(tokens: int) -> str:
    return counted(tokens, "token")
