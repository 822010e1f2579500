"""The check `cancelled`: the client left early, soon enough, and had been sent little enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from mockai.core.checks.base import Check, Evidence, Judgement, Row
from mockai.core.exchange import Disconnect, Exchange, How, Phase
from mockai.core.model import Model
from mockai.core.units import Duration, show_seconds

DEFAULT_WITHIN_S = 1.0


class SinceToken(Model):
    """Latency counts from the instant at which this many tokens had been written."""

    token: int = Field(ge=0)


class Cancelled(Check):
    """The client left before the last frame had reached the kernel."""

    name: ClassVar[str] = "cancelled"

    within: Duration | None = Field(
        default=None, description="latency limit; default 1 s with an anchor"
    )
    since: str | SinceToken | None = Field(
        default=None,
        description="a mark's name, `held` or {token: N}; default: newest mark, else held",
    )
    max_tokens: int | None = Field(default=None, ge=0, description="tokens written in all")
    max_tokens_after: int | None = Field(
        default=None, ge=0, description="tokens written after the anchor"
    )
    phase: Phase | None = None
    while_held: bool | str | None = Field(
        default=None, description="left at a gate: any, or this one"
    )
    how: How | None = None

    def sentence(self) -> str:
        """Return what is expected of the client."""
        subject = f"'{self.where.scenario}'" if self.where.scenario else "the stream"
        limit = f" within {show_seconds(self.within)}" if self.within is not None else ""
        return f"cancel {subject}{limit}{_since_words(self.since)}"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; an open exchange is settled only once its time is over."""
        anchor = _anchor(self.since, exchange, evidence)
        limit_s = self._limit_s(anchor, evidence)
        left = exchange.outcome == "cancelled"
        rows: tuple[Row, ...] = (Row("outcome", "cancelled", _outcome(exchange), left),)
        if exchange.disconnect is not None and left:
            rows += self._rows(exchange, exchange.disconnect, anchor, limit_s)
            settled, settles_ns = anchor is not None or self.within is None, None
        else:
            settles_ns = None if exchange.ended else _limit_ns(exchange, anchor, limit_s)
            settled = exchange.ended or (settles_ns is not None and evidence.now_ns > settles_ns)
            if self.max_tokens is not None:
                rows += (_at_most("tokens sent", self.max_tokens, exchange.tokens.written),)
        return Judgement(
            rows=rows,
            settled=settled,
            settles_ns=None if settles_ns is None else settles_ns + 1,
            measured_from=anchor.name if anchor else None,
            hint=_hint(exchange),
        )

    def _limit_s(self, anchor: Anchor | None, evidence: Evidence) -> float | None:
        if self.within is not None:
            return self.within * evidence.patience
        by_default = anchor is not None and anchor.name != "the call"
        return DEFAULT_WITHIN_S * evidence.patience if by_default else None

    def _rows(
        self, exchange: Exchange, left: Disconnect, anchor: Anchor | None, limit_s: float | None
    ) -> tuple[Row, ...]:
        rows: list[Row] = []
        if limit_s is not None:
            rows.append(_latency_row(left.at_s, anchor, limit_s, self.since))
        if self.max_tokens is not None:
            rows.append(_at_most("tokens sent", self.max_tokens, exchange.tokens.written))
        if self.max_tokens_after is not None and anchor is not None:
            sent = exchange.tokens.written - anchor.token
            rows.append(_at_most(f"tokens after {anchor.name}", self.max_tokens_after, sent))
        if self.phase is not None:
            rows.append(_same("phase", self.phase, exchange.phase))
        if self.while_held is not None:
            rows.append(_held_row(self.while_held, left.while_held))
        if self.how is not None:
            rows.append(_same("left by", self.how, left.how))
        return tuple(rows)


# ── the anchor: from where latency counts ────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Anchor:
    """An instant of an exchange: seconds since its receipt, and the tokens written by then."""

    name: str
    at_s: float
    token: int


def _anchor(
    since: str | SinceToken | None, exchange: Exchange, evidence: Evidence
) -> Anchor | None:
    match since:
        case SinceToken(token=token):
            return _at_token(token, exchange)
        case "held":
            return _at_hold(exchange)
        case str(name):
            return _at_mark(name, exchange) or _after_the_end(name, exchange, evidence)
        case _:
            return _at_mark(None, exchange) or _at_hold(exchange) or _at_call(exchange, evidence)


def _at_mark(name: str | None, exchange: Exchange) -> Anchor | None:
    seen = [mark for mark in exchange.marks if name in (None, mark.name)]
    return Anchor(f"mark '{seen[-1].name}'", seen[-1].at_s, seen[-1].token) if seen else None


def _after_the_end(name: str, exchange: Exchange, evidence: Evidence) -> Anchor | None:
    """Find the first mark of that name after the end: it came too late, and the check says so."""
    for mark in evidence.marks:
        at_s = (mark.at_ns - exchange.received_ns) / 1e9
        if mark.name == name and at_s >= (exchange.timing.ended_s or 0.0):
            return Anchor(f"mark '{name}'", at_s, exchange.tokens.written)
    return None


def _at_hold(exchange: Exchange) -> Anchor | None:
    if not exchange.holds:
        return None
    hold = exchange.holds[-1]
    return Anchor(f"held at '{hold.name}'", hold.at_s, hold.token)


def _at_token(token: int, exchange: Exchange) -> Anchor | None:
    at_s = exchange.token_at_s(token)
    return None if at_s is None else Anchor(f"token {token}", at_s, token)


def _at_call(exchange: Exchange, evidence: Evidence) -> Anchor:
    at_s = (evidence.called_ns - exchange.received_ns) / 1e9
    return Anchor("the call", at_s, exchange.tokens.written)


def _since_words(since: str | SinceToken | None) -> str:
    match since:
        case None:
            return ""
        case SinceToken(token=token):
            return f" of its token {token}"
        case "held":
            return " of being held"
        case _:
            return f" of the mark '{since}'"


# ── rows ─────────────────────────────────────────────────────────────────────────────────────


def _latency_row(
    left_s: float, anchor: Anchor | None, limit_s: float, since: str | SinceToken | None
) -> Row:
    if anchor is None:
        return Row("latency", f"≤ {show_seconds(limit_s)}", f"no {_anchor_words(since)}", ok=False)
    latency = left_s - anchor.at_s
    early = latency < 0 and anchor.name.startswith("mark")
    if early:
        seen = f"the cancel came {show_seconds(-latency)} before the mark: mark first"
    else:
        seen = f"{show_seconds(latency)} after {anchor.name}"
    return Row("latency", f"≤ {show_seconds(limit_s)}", seen, latency <= limit_s and not early)


def _anchor_words(since: str | SinceToken | None) -> str:
    return "hold" if since == "held" else f"mark '{since}'" if isinstance(since, str) else "anchor"


def _outcome(exchange: Exchange) -> str:
    return f"{exchange.outcome} ({exchange.cause})" if exchange.cause else exchange.outcome


def _at_most(field: str, limit: int, seen: int) -> Row:
    return Row(field, f"≤ {limit}", str(seen), seen <= limit)


def _same(field: str, wanted: str, seen: str) -> Row:
    return Row(field, wanted, seen, wanted == seen)


def _held_row(wanted: bool | str, seen: str | None) -> Row:  # noqa: FBT001 - a value, not a flag
    if isinstance(wanted, str):
        return _same("while held at", wanted, seen or "no gate")
    return Row("while held", "yes" if wanted else "no", seen or "no", wanted == (seen is not None))


def _limit_ns(exchange: Exchange, anchor: Anchor | None, limit_s: float | None) -> int | None:
    if anchor is None or limit_s is None:
        return None
    return exchange.received_ns + round((anchor.at_s + limit_s) * 1e9)


def _hint(exchange: Exchange) -> str | None:
    if exchange.outcome == "completed" and not exchange.paced and not exchange.holds:
        size = f"{exchange.tokens.planned} tokens, {exchange.delivery.written_bytes / 1024:.0f} KB"
        return (
            f"The whole answer ({size}) was in the socket before the client could act: "
            "add hold_at or a pace."
        )
    return None
