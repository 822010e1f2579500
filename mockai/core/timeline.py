"""An exchange as a line of events: what happened when, in seconds since receipt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mockai.core.exchange import Exchange


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


def _events(exchange: Exchange) -> Iterator[Event]:
    timing, tokens = exchange.timing, exchange.tokens
    if timing.headers_s is None:
        yield Event(0.0, "received", "request")
    else:
        yield Event(timing.headers_s, "headers", f"head {exchange.status}")
    if timing.first_token_s is not None:
        yield Event(timing.first_token_s, "first_token", "first token", 1)
    for hold in exchange.holds:
        yield Event(hold.at_s, "held", f"held at '{hold.name}' ({_count(hold.token)})", hold.token)
        if hold.for_s is not None and not _left_during(exchange, hold.at_s + hold.for_s):
            word = "hold timed out" if hold.timed_out else "released"
            yield Event(hold.at_s + hold.for_s, "released", word, hold.token)
    for mark in exchange.marks:
        yield Event(mark.at_s, "mark", f"mark '{mark.name}'", mark.token)
    if exchange.disconnect is not None:
        left = exchange.disconnect
        yield Event(
            left.at_s, "disconnected", f"client left ({left.how}, {_count(left.token)})", left.token
        )
    elif timing.ended_s is not None:
        yield Event(timing.ended_s, "ended", _ending(exchange), tokens.written)


def _left_during(exchange: Exchange, until_s: float) -> bool:
    left = exchange.disconnect
    return left is not None and left.while_held is not None and until_s >= left.at_s


def _ending(exchange: Exchange) -> str:
    if exchange.outcome == "completed":
        return f"done ({_count(exchange.tokens.written)})"
    return f"{exchange.outcome}: {exchange.cause}"


def _count(tokens: int) -> str:
    return "1 token" if tokens == 1 else f"{tokens} tokens"
