"""The check `requests`: how many came, and that no more come: retries, duplicates, agent loops.

That nothing comes is an absence: it is watched for `quiet` seconds, and fails at once when
something does come.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mockai.core.checks.base import (
    DEFAULT_QUIET_S,
    Evidence,
    Judgement,
    Quiet,
    Row,
    SetCheck,
    dropped_rows,
    quiet_ends_ns,
    unset,
)
from mockai.core.exchange import Exchange
from mockai.core.model import Name
from mockai.core.repeats import retried, retried_after_cancel

Only = Literal["retries", "retries_after_cancel"]
_NOUNS: dict[Only | None, str] = {
    None: "request",
    "retries": "retry",
    "retries_after_cancel": "retry of what was cancelled",
}
_PLURALS: dict[Only | None, str] = {
    None: "requests",
    "retries": "retries",
    "retries_after_cancel": "retries of what was cancelled",
}


class Requests(SetCheck):
    """So many requests were made, and no more; with only `after` or `only` said, none."""

    name: ClassVar[str] = "requests"
    counts_itself: ClassVar[bool] = True

    count: int | None = Field(default=None, ge=0, description="exactly so many")
    max: int | None = Field(default=None, ge=0, description="at most so many")
    after: Name | None = Field(
        default=None, description="only those after the newest mark of this name count"
    )
    only: Only | None = Field(
        default=None,
        description="only those count that ask again what was asked (or cancelled) before",
    )
    quiet: Quiet = Field(
        default=DEFAULT_QUIET_S, description="for how long no more must come; 0: so far"
    )

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.count is not None and self.max is not None:
            raise ValueError("say either count or max")
        if self.count is self.max is None and self.after is self.only is None:
            raise ValueError("say how many: count or max; or of which there must be none: after")
        return self

    @property
    def most(self) -> int:
        """The limit: none at all, where only a kind of request is named."""
        return next((limit for limit in (self.count, self.max) if limit is not None), 0)

    def sentence(self) -> str:
        """Return what is expected of the client."""
        return f"make {self._how_many()}"

    def achieved(self) -> str:
        """Return the same as a fact."""
        return f"the client made {self._how_many()}"

    def denial(self) -> str:
        """Return the words that say that it is not so."""
        return self.denied if self.most else "it did"

    def judge_all(self, selected: tuple[Exchange, ...], evidence: Evidence) -> Judgement:
        """Count; what is broken stays so, and what is not is watched until it has been quiet."""
        mark = evidence.mark(self.after) if self.after else None
        if self.after and mark is None:
            return unset(self.after)
        counted = tuple(
            item
            for item in self._of_kind(selected)
            if mark is None or item.received_ns > mark.at_ns
        )
        start_ns = max([evidence.called_ns, *(item.received_ns for item in counted)])
        quiet_ns = quiet_ends_ns(self.quiet, start_ns, evidence)
        rows = tuple(self._rows(len(counted), selected, evidence))
        broken = len(counted) > self.most or evidence.evicted > 0
        return Judgement(
            rows,
            settled=broken or (all(row.ok for row in rows) and evidence.now_ns >= quiet_ns),
            settles_ns=None if broken else quiet_ns,
            measured_from=f"mark '{self.after}'" if mark else None,
            blamed=counted[self.most :] or counted,
            unknown=rows[0].ok,
        )

    def _of_kind(self, selected: tuple[Exchange, ...]) -> Iterator[Exchange]:
        match self.only:
            case "retries":
                return retried(selected)
            case "retries_after_cancel":
                return (item for item, _ in retried_after_cancel(selected))
            case _:
                return iter(selected)

    def _rows(self, seen: int, selected: tuple[Exchange, ...], evidence: Evidence) -> Iterator[Row]:
        if self.count is None:
            yield Row(self._field(), f"≤ {self.most}", str(seen), seen <= self.most)
        else:
            yield Row(self._field(), str(self.count), str(seen), seen == self.count)
        if self.only == "retries_after_cancel":
            left = sum(item.outcome == "cancelled" for item in selected)
            yield Row("cancelled requests", "≥ 1", str(left), left > 0)
        yield from dropped_rows(evidence)

    def _field(self) -> str:
        return f"{_PLURALS[self.only]}{self._since()}"

    def _how_many(self) -> str:
        most = self.most
        noun = (_NOUNS if most in (0, 1) else _PLURALS)[self.only]
        many = "no" if most == 0 else f"{'at most' if self.count is None else 'exactly'} {most}"
        return f"{many} {noun}{self.whose()}{self._since()}"

    def _since(self) -> str:
        return f" after mark '{self.after}'" if self.after else ""
