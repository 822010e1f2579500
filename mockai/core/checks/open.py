"""The check `open`: nothing is left open, so every connection has been given back.

Counted from the call it holds as soon as few enough are open. After a mark it is an absence: from
`within` after the mark on, and for `quiet` seconds of watching, never more may be open.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from mockai.core.checks.base import (
    DEFAULT_QUIET_S,
    Evidence,
    Judgement,
    MarkStamp,
    Quiet,
    Row,
    SetCheck,
    dropped_rows,
    quiet_ends_ns,
    unset,
)
from mockai.core.exchange import Exchange
from mockai.core.model import Name
from mockai.core.repeats import ended_ns
from mockai.core.units import Duration, show_seconds

DEFAULT_WITHIN_S = 1.0


class Open(SetCheck):
    """At most so many are open, in time; without a number, none."""

    name: ClassVar[str] = "open"

    max: int = Field(default=0, ge=0, description="how many may be open")
    within: Duration = Field(
        default=DEFAULT_WITHIN_S, description="from when on: counted from `after`, else the call"
    )
    after: Name | None = Field(default=None, description="a mark: from then on it must stay so")
    quiet: Quiet = Field(
        default=DEFAULT_QUIET_S, description="with `after`: for how long it must stay so"
    )

    def sentence(self) -> str:
        """Return what is expected of the client."""
        return f"have {self._how_many()} open{self._when()}"

    def achieved(self) -> str:
        """Return the same as a fact."""
        return f"the client had {self._how_many()} open{self._when()}"

    def denial(self) -> str:
        """Return the words that say that it is not so."""
        return self.denied if self.max else "it has"

    def judge_all(self, selected: tuple[Exchange, ...], evidence: Evidence) -> Judgement:
        """Count those that are open."""
        if self.after is None:
            return self._from_the_call(selected, evidence)
        mark = evidence.mark(self.after)
        if mark is None:
            return unset(self.after)
        return self._after(mark, selected, evidence)

    def _from_the_call(self, selected: tuple[Exchange, ...], evidence: Evidence) -> Judgement:
        blamed = tuple(item for item in selected if not item.ended)
        limit_ns = quiet_ends_ns(self.within, evidence.called_ns, evidence)
        row = Row("open", f"≤ {self.max}", str(len(blamed)), len(blamed) <= self.max)
        settled = row.ok or evidence.now_ns >= limit_ns
        return Judgement(
            (row,), settled, settles_ns=limit_ns, measured_from="the call", blamed=blamed
        )

    def _after(
        self, mark: MarkStamp, selected: tuple[Exchange, ...], evidence: Evidence
    ) -> Judgement:
        from_ns = quiet_ends_ns(self.within, mark.at_ns, evidence)
        until_ns = max(from_ns, quiet_ends_ns(self.quiet, evidence.called_ns, evidence))
        blamed = _most_open(selected, from_ns, evidence.now_ns)
        count = len(blamed)
        field = f"open at once, {self._since()}"
        row = Row(field, f"≤ {self.max}", str(count), count <= self.max)
        rows = (row, *dropped_rows(evidence))
        broken = not all(row.ok for row in rows)
        return Judgement(
            rows,
            settled=broken or evidence.now_ns >= until_ns,
            settles_ns=None if broken else until_ns,
            measured_from=f"mark '{mark.name}'",
            blamed=blamed,
            unknown=row.ok,
        )

    def _how_many(self) -> str:
        most = f"at most {self.max} streams" if self.max > 1 else f"at most {self.max} stream"
        return f"{most if self.max else 'no stream'}{self.whose()}"

    def _since(self) -> str:
        return f"from {show_seconds(self.within)} after mark '{self.after}' on"

    def _when(self) -> str:
        return f" {self._since()}" if self.after else f" within {show_seconds(self.within)}"


def _most_open(selected: tuple[Exchange, ...], from_ns: int, now_ns: int) -> tuple[Exchange, ...]:
    """Return those that were open together when most were, from an instant until now."""
    spans = [(item, item.received_ns, _until_ns(item, now_ns)) for item in selected]
    spans = [(item, max(start, from_ns), end) for item, start, end in spans if end > from_ns]
    steps = sorted([(start, 1) for _, start, _ in spans] + [(end, -1) for _, _, end in spans])
    most = count = at_ns = 0
    for instant, change in steps:
        count += change
        if count > most:
            most, at_ns = count, instant
    return tuple(item for item, start, end in spans if most and start <= at_ns < end)


def _until_ns(exchange: Exchange, now_ns: int) -> int:
    return ended_ns(exchange) if exchange.ended else now_ns + 1
