"""What a check is, what it is judged by, and what it says.

A check looks at one exchange at a time (or, as `SetCheck`, at all together) and answers with rows:
a field, what was expected, what was seen. Selecting, counting and waiting are the same for all:
see `evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import Field

from mockai.core.exchange import Exchange
from mockai.core.model import Model
from mockai.core.prices import NO_PRICES, Prices
from mockai.core.sign_of_life import Heard
from mockai.core.units import Duration

DEFAULT_QUIET_S = 1.0
"""How long an absence is watched: it covers the first retry of the official clients."""
MAX_QUIET_S = 60.0
_FOR_EVER_S = 1e9
Quiet = Annotated[Duration, Field(le=MAX_QUIET_S)]
"""For how long nothing more must come, in seconds or as text; 0 judges what there is so far."""


@dataclass(frozen=True, slots=True)
class Row:
    """One compared field."""

    field: str
    expected: str
    actual: str
    ok: bool


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

    def compare(self, exchange: Exchange) -> tuple[Row, ...]:
        """Return a row for each field that selects, `nth` apart: for when none fits."""
        return tuple(
            Row(field, repr(wanted), "none" if seen is None else repr(seen), wanted == seen)
            for field, wanted, seen in self._pairs(exchange)
            if wanted is not None
        )

    def _fits(self, exchange: Exchange) -> bool:
        return all(wanted in (None, seen) for _, wanted, seen in self._pairs(exchange))

    def _pairs(self, exchange: Exchange) -> tuple[tuple[str, str | None, str | None], ...]:
        request = exchange.request
        return (
            ("scenario", self.scenario, exchange.scenario),
            ("model", self.model, request.model),
            ("tag", self.tag, request.tag),
            ("endpoint", self.endpoint, request.endpoint),
        )

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
    """All that a verdict may look at. `patience` multiplies every time limit.

    `evicted` counts the exchanges that the journal has dropped to stay small.
    """

    exchanges: tuple[Exchange, ...]
    marks: tuple[MarkStamp, ...] = ()
    now_ns: int = 0
    called_ns: int = 0
    patience: float = 1.0
    prices: Prices = NO_PRICES
    heard: Heard | None = None
    """What was heard of a command that has ended; `None`: nobody said that one has."""
    processes: Mapping[int, Heard] = field(default_factory=dict)
    """The same of each process that asked, where that is known: its end, and its own requests."""
    evicted: int = 0

    def heard_of(self, exchange: Exchange) -> Heard | None:
        """Return what was heard of who asked: of its process, else of the whole command."""
        if self.heard is None or exchange.process is None:
            return self.heard
        return self.processes.get(exchange.process, self.heard)

    def mark(self, name: str) -> MarkStamp | None:
        """Return the newest mark of a name."""
        return next((mark for mark in reversed(self.marks) if mark.name == name), None)


def fate(exchange: Exchange) -> str:
    """Return how an exchange ended, with the cause if it failed."""
    return f"{exchange.outcome} ({exchange.cause})" if exchange.cause else exchange.outcome


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one exchange (or all) says to a check. `settled` is false while it may still change."""

    rows: tuple[Row, ...]
    settled: bool = True
    settles_ns: int | None = None
    """When time alone settles it; `None` when only an event can."""
    measured_from: str | None = None
    hint: str | None = None
    remark: str | None = None
    """What must be known of a verdict that passes: how little it says."""
    blamed: tuple[Exchange, ...] = ()
    """Of a judgement of all: those that broke it."""
    unknown: bool = False
    """True when the question has no answer: what it is about is not there, or not recorded."""

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
    needs_one: ClassVar[bool] = True
    """True when it fails without any exchange that fits."""
    counts_itself: ClassVar[bool] = False
    """True when `count` is the check's own: of some kind of those selected."""

    where: Where = Where()
    count: int | None = Field(default=None, ge=1, description="exactly this many must be selected")

    def sentence(self) -> str:
        """Return what is expected, to follow the words `expected the client to`."""
        raise AssertionError(self.name)

    def achieved(self) -> str:
        """Return the same as a fact."""
        return f"the client did {self.sentence()}"

    def denial(self) -> str:
        """Return the words that say that it is not so."""
        return self.denied

    def subject(self, default: str) -> str:
        """Return what the sentence is about: the scenario, and what else `where` selects by."""
        named = f"'{self.where.scenario}'" if self.where.scenario else default
        others = self.where.model_copy(update={"scenario": None})
        return named if others == Where() else f"{named} ({others})"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare one exchange with the expectation."""
        raise AssertionError(self.name)


class SetCheck(Check):
    """An expectation about all selected exchanges together; an absence holds for none too."""

    needs_one: ClassVar[bool] = False

    def whose(self) -> str:
        """Return the words for what `where` selects by, if by anything."""
        return "" if self.where == Where() else f" ({self.where})"

    def judge_all(self, selected: tuple[Exchange, ...], evidence: Evidence) -> Judgement:
        """Compare what there is with the expectation."""
        raise AssertionError(self.name)


def unset(mark: str) -> Judgement:
    """Return what is said while a mark that is named was not set: it may still come."""
    row = Row("mark", f"'{mark}'", "was never set", ok=False)
    return Judgement((row,), settled=False, unknown=True)


def dropped_rows(evidence: Evidence) -> tuple[Row, ...]:
    """Return what the journal lacks, if anything: what it has dropped cannot be counted."""
    if not evidence.evicted:
        return ()
    return (Row("journal", "whole", f"{evidence.evicted} exchanges were dropped", ok=False),)


def quiet_ends_ns(quiet_s: float, since_ns: int, evidence: Evidence) -> int:
    """Return when an absence has been watched for long enough, patience included."""
    return since_ns + to_ns(quiet_s * evidence.patience)


def to_ns(seconds: float) -> int:
    """Return nanoseconds; what is longer than thirty years is for ever."""
    return round(min(seconds, _FOR_EVER_S) * 1e9)
