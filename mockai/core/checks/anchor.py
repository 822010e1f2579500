"""The anchor of a check: the instant of an exchange from where latency and tokens count.

A mark, a hold, a token, or, when there is nothing better, the call of the check itself.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from pydantic import Field

from mockai.core.checks.base import Evidence
from mockai.core.exchange import Exchange, Hold
from mockai.core.model import Model


class SinceToken(Model):
    """Latency counts from the instant at which this many tokens had been written."""

    token: int = Field(ge=0)


Since = str | SinceToken | None
"""A mark's name, `held` or `{token: N}`; `None`: the newest mark, else the hold, else the call."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """An instant of an exchange: seconds since its receipt, and the tokens written by then."""

    name: str
    at_s: float
    token: int
    kind: str = "mark"

    @property
    def is_call(self) -> bool:
        """True when nothing but the call of the check was there to count from."""
        return self.kind == "call"


def anchor_of(since: Since, exchange: Exchange, evidence: Evidence) -> Anchor | None:
    """Return from where to count; `None` when what `since` names is not there."""
    match since:
        case SinceToken(token=token):
            return _at_token(token, exchange)
        case "held":
            return _at_hold(exchange)
        case str(name):
            return _at_mark(name, exchange) or _after_the_end(name, exchange, evidence)
        case _:
            return _at_mark(None, exchange) or _at_hold(exchange) or _at_call(exchange, evidence)


def may_come(since: Since) -> bool:
    """Return whether an anchor that is missing may still come after the end: a named mark."""
    return isinstance(since, str) and since != "held"


def since_words(since: Since) -> str:
    """Return the words that follow a limit in a sentence."""
    match since:
        case None:
            return ""
        case SinceToken(token=token):
            return f" of its token {token}"
        case "held":
            return " of being held"
        case _:
            return f" of the mark '{since}'"


def why_missing(since: Since, exchange: Exchange) -> str:
    """Return why there is nothing to count from."""
    match since:
        case SinceToken(token=token):
            return f"token {token} was never sent: only {exchange.tokens.written} were"
        case "held":
            return "it was never held"
        case _:
            return f"no mark '{since}' while it was open or after"


def _at_mark(name: str | None, exchange: Exchange) -> Anchor | None:
    seen = [mark for mark in exchange.marks if name in (None, mark.name)]
    return Anchor(f"mark '{seen[-1].name}'", seen[-1].at_s, seen[-1].token) if seen else None


def _after_the_end(name: str, exchange: Exchange, evidence: Evidence) -> Anchor | None:
    """Find the first mark of that name after the end: it came too late, and the check says so."""
    if exchange.timing.ended_s is None:
        return None
    for mark in evidence.marks:
        at_s = (mark.at_ns - exchange.received_ns) / 1e9
        if mark.name == name and at_s >= exchange.timing.ended_s:
            return Anchor(f"mark '{name}'", at_s, exchange.tokens.written)
    return None


def _at_hold(exchange: Exchange) -> Anchor | None:
    if not exchange.holds:
        return None
    hold = exchange.holds[-1]
    return Anchor(f"held at '{hold.name}'", hold.at_s, _sent_at(hold, exchange), "hold")


def _sent_at(hold: Hold, exchange: Exchange) -> int:
    """Return the tokens on the wire at a hold, which counts those that were generated.

    Hidden reasoning is never sent, and an answer in one body only at its end.
    """
    if not exchange.request.stream:
        return 0
    if exchange.schedule is None:
        return min(hold.token, exchange.tokens.written)
    reply = exchange.schedule.reply
    return reply.sent[bisect_left(reply.tokens, hold.token)]


def _at_token(token: int, exchange: Exchange) -> Anchor | None:
    at_s = exchange.token_at_s(token)
    return None if at_s is None else Anchor(f"token {token}", at_s, token, "token")


def _at_call(exchange: Exchange, evidence: Evidence) -> Anchor:
    at_s = (evidence.called_ns - exchange.received_ns) / 1e9
    return Anchor("the call", at_s, exchange.tokens.written, "call")
