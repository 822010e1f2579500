"""The check `cancelled`: the client left early, soon enough, and had been sent little enough."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mockai.core.checks.anchor import (
    Anchor,
    Since,
    anchor_of,
    may_come,
    since_words,
    why_missing,
)
from mockai.core.checks.base import Check, Evidence, Judgement, Row, fate, to_ns
from mockai.core.exchange import Disconnect, Exchange, How, Phase
from mockai.core.units import Duration, show_seconds

DEFAULT_WITHIN_S = 1.0
_KB = 1024


class Cancelled(Check):
    """The client left before the last frame had reached the kernel."""

    name: ClassVar[str] = "cancelled"

    within: Duration | None = Field(
        default=None, description="latency limit; default 1 s with an anchor"
    )
    since: Since = Field(
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
        named = self.within is None and self.since is not None
        within = DEFAULT_WITHIN_S if named else self.within
        limit = f" within {show_seconds(within)}" if within is not None else ""
        return f"cancel {self.subject('the stream')}{limit}{since_words(self.since)}"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; an open exchange is settled only once its time is over."""
        anchor = anchor_of(self.since, exchange, evidence)
        limit_s = self._limit_s(anchor, evidence)
        settles_ns = None if exchange.ended else _limit_ns(exchange, anchor, limit_s)
        return Judgement(
            rows=tuple(self._rows(exchange, anchor, limit_s, evidence)),
            settled=self._settled(exchange, anchor, settles_ns, evidence),
            settles_ns=settles_ns,
            measured_from=anchor.name if anchor else None,
            hint=_hint(exchange, anchor),
            remark=_remark(exchange, anchor) if limit_s is not None else None,
        )

    def _limit_s(self, anchor: Anchor | None, evidence: Evidence) -> float | None:
        if self.within is not None:
            return self.within * evidence.patience
        by_call = anchor is not None and anchor.is_call
        return None if by_call else DEFAULT_WITHIN_S * evidence.patience

    def _settled(
        self, exchange: Exchange, anchor: Anchor | None, settles_ns: int | None, evidence: Evidence
    ) -> bool:
        if exchange.outcome == "cancelled":
            return anchor is not None or not may_come(self.since)
        return exchange.ended or (settles_ns is not None and evidence.now_ns >= settles_ns)

    def _rows(
        self, exchange: Exchange, anchor: Anchor | None, limit_s: float | None, evidence: Evidence
    ) -> list[Row]:
        left = exchange.disconnect if exchange.outcome == "cancelled" else None
        rows = [Row("outcome", "cancelled", fate(exchange), left is not None)]
        if limit_s is not None and (left is not None or not exchange.ended):
            seen, ok = self._latency(exchange, anchor, limit_s, evidence)
            rows.append(Row("latency", _limit_words(limit_s, evidence.patience), seen, ok))
        if self.max_tokens is not None:
            rows.append(_at_most("tokens sent", self.max_tokens, exchange.tokens.written))
        return rows if left is None else rows + self._rows_of_leaving(exchange, left, anchor)

    def _latency(
        self, exchange: Exchange, anchor: Anchor | None, limit_s: float, evidence: Evidence
    ) -> tuple[str, bool]:
        """Return the latency in words, and whether it is good."""
        if anchor is None:
            return why_missing(self.since, exchange), False
        left = exchange.disconnect
        if left is None:
            open_s = (evidence.now_ns - exchange.received_ns) / 1e9 - anchor.at_s
            return f"still open {show_seconds(open_s)} after {anchor.name}", False
        latency = round(left.at_s - anchor.at_s, 9)
        if latency < 0:
            if anchor.kind == "mark":
                early = show_seconds(-latency)
                return f"the cancel came {early} before the mark: mark first", False
            return f"{show_seconds(-latency)} before {anchor.name}", True
        late = f", {show_seconds(latency - limit_s)} too late" if latency > limit_s else ""
        return f"{show_seconds(latency)} after {anchor.name}{late}", not late

    def _rows_of_leaving(
        self, exchange: Exchange, left: Disconnect, anchor: Anchor | None
    ) -> list[Row]:
        rows: list[Row] = []
        if self.max_tokens_after is not None:
            rows.append(_after_row(self.max_tokens_after, anchor, exchange.tokens.written))
        if self.phase is not None:
            rows.append(_same("phase", self.phase, exchange.phase))
        if self.while_held is not None:
            rows.append(_held_row(self.while_held, left.while_held))
        if self.how is not None:
            rows.append(_same("left by", self.how, left.how))
        return rows


# ── rows ─────────────────────────────────────────────────────────────────────────────────────


def _limit_words(limit_s: float, patience: float) -> str:
    words = f"≤ {show_seconds(limit_s)}"
    return words if patience == 1 else f"{words} (× patience {patience:g})"


def _after_row(limit: int, anchor: Anchor | None, written: int) -> Row:
    """Compare what was sent after an instant of the exchange; the call is none."""
    if anchor is None or anchor.is_call:
        return Row("tokens after", f"≤ {limit}", "nothing to count from: set a mark", ok=False)
    return _at_most(f"tokens after {anchor.name}", limit, written - anchor.token)


def _at_most(field: str, limit: int, seen: int) -> Row:
    return Row(field, f"≤ {limit}", str(seen), seen <= limit)


def _same(field: str, wanted: str, seen: str) -> Row:
    return Row(field, wanted, seen, wanted == seen)


def _held_row(wanted: bool | str, seen: str | None) -> Row:  # noqa: FBT001 - a value, not a flag
    if isinstance(wanted, str):
        return _same("while held at", wanted, seen or "no gate")
    return Row("while held", "yes" if wanted else "no", seen or "no", wanted == (seen is not None))


def _limit_ns(exchange: Exchange, anchor: Anchor | None, limit_s: float | None) -> int | None:
    """Return the first instant at which leaving is too late."""
    if anchor is None or limit_s is None:
        return None
    return exchange.received_ns + to_ns(anchor.at_s + limit_s) + 1


def _remark(exchange: Exchange, anchor: Anchor | None) -> str | None:
    """Say that no time was measured, where there was nothing to count from."""
    left = exchange.disconnect
    if left is None or anchor is None or not anchor.is_call or left.at_s >= anchor.at_s:
        return None
    early = show_seconds(round(anchor.at_s - left.at_s, 9))
    return f"it had left {early} before the call, so no time was measured: set a mark, or hold"


def _hint(exchange: Exchange, anchor: Anchor | None) -> str | None:
    left = exchange.disconnect
    if anchor is not None and anchor.kind == "hold" and left is not None and not left.while_held:
        return (
            "The client left after the gate had let it go on: set a mark when Stop is pressed, "
            "and the latency counts from there."
        )
    if exchange.outcome != "completed" or exchange.paced or exchange.holds:
        return None
    size = exchange.delivery.written_bytes
    shown = f"{size} bytes" if size < _KB else f"{size / _KB:.0f} KB"
    return (
        f"The whole answer ({exchange.tokens.planned} tokens, {shown}) was in the socket before "
        "the client could act: add hold_at or a pace."
    )
