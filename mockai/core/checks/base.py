"""What a check is, what it is judged by, and what it says.

A check looks at one exchange at a time and answers with rows: a field, what was expected, what
was seen. Selecting exchanges, counting and waiting are the same for all: see `evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from mockai.core.exchange import Exchange
from mockai.core.model import Model
from mockai.core.prices import NO_PRICES, Prices
from mockai.core.sign_of_life import Heard


class Where(Model):
    """Which exchanges a check judges; a field that is left out selects all."""

    scenario: str | None = None
    model: str | None = None
    tag: str | None = None
    endpoint: str | None = None
    nth: int | None = Field(
        default=None, ge=1, description="the nth of those selected, counted from 1"
    )

    def select(self, exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
        """Return the exchanges that fit, oldest first."""
        chosen = tuple(item for item in exchanges if self._fits(item))
        return chosen if self.nth is None else chosen[self.nth - 1 : self.nth]

    def _fits(self, exchange: Exchange) -> bool:
        request = exchange.request
        pairs = (
            (self.scenario, exchange.scenario),
            (self.model, request.model),
            (self.tag, request.tag),
            (self.endpoint, request.endpoint),
        )
        return all(wanted is None or wanted == seen for wanted, seen in pairs)

    def __str__(self) -> str:
        named = self.model_dump(exclude_none=True)
        return ", ".join(f"{key} {value!r}" for key, value in named.items()) or "any request"


@dataclass(frozen=True, slots=True)
class MarkStamp:
    """A mark as the session knows it; `at_ns` is monotonic."""

    name: str
    seq: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict may look at. `patience` multiplies every time limit."""

    exchanges: tuple[Exchange, ...]
    marks: tuple[MarkStamp, ...] = ()
    now_ns: int = 0
    called_ns: int = 0
    patience: float = 1.0
    prices: Prices = NO_PRICES
    heard: Heard | None = None
    """What was heard of a command that has ended; `None`: nobody said that one has."""


@dataclass(frozen=True, slots=True)
class Row:
    """One compared field."""

    field: str
    expected: str
    actual: str
    ok: bool


def fate(exchange: Exchange) -> str:
    """Return how an exchange ended, with the cause if it failed."""
    return f"{exchange.outcome} ({exchange.cause})" if exchange.cause else exchange.outcome


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one exchange says to a check. `settled` is false while time may still change it."""

    rows: tuple[Row, ...]
    settled: bool = True
    settles_ns: int | None = None
    """When time alone settles it; `None` when only an event can."""
    measured_from: str | None = None
    hint: str | None = None

    @property
    def passed(self) -> bool:
        """True when every row is as expected."""
        return all(row.ok for row in self.rows)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check: `message` is one sentence, `report` explains a failure in full."""

    check: str
    passed: bool
    message: str
    report: str = ""
    measured_from: str | None = None
    settled: bool = True
    settles_ns: int | None = None
    inconclusive: bool = False
    """It would have passed, had not an exit been able to do the same; `passed` is false."""


class Check(Model):
    """One expectation about the exchanges that `where` selects; every one must meet it."""

    name: ClassVar[str]
    denied: ClassVar[str] = "it did not"
    """What follows the sentence when it is not so."""

    where: Where = Where()
    count: int | None = Field(default=None, ge=1, description="exactly this many must be selected")

    def sentence(self) -> str:
        """Return what is expected, to follow the words `expected the client to`."""
        raise AssertionError(self.name)

    def achieved(self) -> str:
        """Return the same as a fact."""
        return f"the client did {self.sentence()}"

    def subject(self, default: str) -> str:
        """Return what the sentence is about: the scenario, and what else `where` selects by."""
        named = f"'{self.where.scenario}'" if self.where.scenario else default
        others = self.where.model_copy(update={"scenario": None})
        return named if others == Where() else f"{named} ({others})"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare one exchange with the expectation."""
        raise AssertionError(self.name)
