"""What a finding is, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mockai.core.checks.base import Evidence
from mockai.core.exchange import Exchange, MarkSeen

ENDS = {"cancelled", "completed", "open", "billed", "wasted", "usage"}
"""The checks that fail because something has not ended: then what is open is suspect at once."""
GRACE_S = 1.0
"""So long after a mark nobody is suspected, patience apart: the limit of `cancelled`."""
CLOSE_IT = (
    "Leave the loop and close the response (`with`, `await stream.close()`, `controller.abort()`)."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A likely cause: what was seen, on which facts that rests, and what usually cures it."""

    name: str
    explanation: str
    cure: str
    evidence: tuple[str, ...] = ()
    exchange: str | None = None
    seq: int | None = None

    @property
    def text(self) -> str:
        """What was seen, and the cure, for people."""
        return f"{self.explanation} {self.cure}".strip()

    def to_json(self) -> dict[str, Any]:
        """Return the form of the control API."""
        return {
            "name": self.name,
            "exchange": self.exchange,
            "seq": self.seq,
            "explanation": self.explanation,
            "evidence": list(self.evidence),
            "cure": self.cure,
        }


@dataclass(frozen=True, slots=True)
class Case:
    """One exchange under suspicion. `check` is the one that it has just failed, if any."""

    exchange: Exchange
    evidence: Evidence
    check: str | None = None

    @property
    def mark(self) -> MarkSeen | None:
        """The newest mark that was set while it was open: the stop."""
        return self.exchange.marks[-1] if self.exchange.marks else None

    @property
    def age_s(self) -> float:
        """Seconds since its receipt."""
        return (self.evidence.now_ns - self.exchange.received_ns) / 1e9

    @property
    def grace_s(self) -> float:
        """How long nobody is suspected: not at all, when a check has failed."""
        return 0.0 if self.check in ENDS else GRACE_S * self.evidence.patience

    @property
    def was_early(self) -> bool:
        """True when the mark came before the first token, but the answer came nevertheless."""
        mark, first_s = self.mark, self.exchange.timing.first_token_s
        return mark is not None and first_s is not None and mark.at_s < first_s

    @property
    def ran_on(self) -> bool:
        """True when it did not obey its mark: it was read to its end, or is still open."""
        mark = self.mark
        if mark is None:
            return False
        if self.exchange.outcome == "completed":
            return self.exchange.tokens.written > mark.token
        return not self.exchange.ended and self.age_s - mark.at_s >= self.grace_s

    def obedient(self) -> Exchange | None:
        """Return another exchange that left after the same mark: the stop may have been its."""
        mark = self.mark
        if mark is None:
            return None
        others = (item for item in self.evidence.exchanges if item.id != self.exchange.id)
        return next((item for item in others if _obeyed(item, mark)), None)


def _obeyed(exchange: Exchange, mark: MarkSeen) -> bool:
    return exchange.outcome == "cancelled" and any(seen.seq == mark.seq for seen in exchange.marks)


@dataclass(frozen=True, slots=True)
class Signs:
    """What a look has seen: a sentence or two, and the facts."""

    explanation: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A finding about one exchange; `meaning` is its row in the README."""

    name: str
    meaning: str
    cure: str
    look: Callable[[Case], Signs | None]

    def find(self, case: Case) -> Finding | None:
        """Return the finding, if its signs are there."""
        signs = self.look(case)
        return None if signs is None else _finding(self, signs, case.exchange)


@dataclass(frozen=True, slots=True)
class SetKind:
    """A finding about several exchanges, told of the one that shows it, or of none."""

    name: str
    meaning: str
    cure: str
    look: Callable[[Evidence], Iterator[tuple[Exchange | None, Signs]]]

    def find(self, evidence: Evidence) -> Iterator[Finding]:
        """Yield the findings, if their signs are there."""
        for exchange, signs in self.look(evidence):
            yield _finding(self, signs, exchange)


def _finding(kind: Kind | SetKind, signs: Signs, exchange: Exchange | None) -> Finding:
    about = (None, None) if exchange is None else (exchange.id, exchange.seq)
    return Finding(kind.name, signs.explanation, kind.cure, signs.evidence, *about)


def marked(mark: MarkSeen) -> str:
    """Return the fact of a mark."""
    return f"mark '{mark.name}' at {mark.at_s:.3f} s, at token {mark.token}"
