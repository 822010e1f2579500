"""The check `order`: named exchanges came in this order.

Only exchanges of the names given are looked at, and one that comes several times in a row counts
once: an agent may search twice, but must not answer before it has planned.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import ClassVar, Self

from pydantic import Field, model_validator

from mockai.core.checks.base import Evidence, Judgement, Row, SetCheck
from mockai.core.exchange import Exchange
from mockai.core.model import Name

_SHOWN = 12


class Order(SetCheck):
    """The exchanges of these scenarios (or with these tags) were received in this order."""

    name: ClassVar[str] = "order"
    needs_one: ClassVar[bool] = True

    scenarios: tuple[Name, ...] = Field(default=(), description="names of scenarios")
    tags: tuple[str, ...] = Field(default=(), description="or values of X-Mockai-Tag")

    @model_validator(mode="after")
    def _has_an_order(self) -> Self:
        if bool(self.scenarios) == bool(self.tags):
            raise ValueError("say either scenarios or tags")
        if len(self.wanted) < 2:  # noqa: PLR2004 - an order needs a pair
            raise ValueError("an order needs at least two names")
        if any(one == other for one, other in pairwise(self.wanted)):
            raise ValueError("the same name twice in a row counts once: name it once")
        return self

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names, in order."""
        return self.scenarios or self.tags

    def sentence(self) -> str:
        """Return what is expected of the client."""
        return f"call {_arrows(self.wanted)} in this order{self.whose()}"

    def judge_all(self, selected: tuple[Exchange, ...], evidence: Evidence) -> Judgement:
        """Compare; as long as the first ones are right, the rest may still come."""
        named = [item for item in selected if self._name_of(item) in self.wanted]
        seen = tuple(str(name) for name, _ in groupby(named, key=self._name_of))
        row = Row("order", _arrows(self.wanted), _arrows(seen) or "none of them", ok=False)
        if seen == self.wanted:
            return Judgement((Row(row.field, row.expected, row.actual, ok=True),))
        may_come = seen == self.wanted[: len(seen)]
        return Judgement((row,), settled=not may_come, blamed=tuple(named))

    def _name_of(self, exchange: Exchange) -> str | None:
        return exchange.scenario if self.scenarios else exchange.request.tag


def _arrows(names: tuple[str, ...]) -> str:
    shown = [f"'{name}'" for name in names[:_SHOWN]]
    return " → ".join([*shown, "…"] if len(names) > _SHOWN else shown)
