"""What there is to report of a run: its exchanges, what was demanded, what it cost, what was found.

The nouns that every form of the report is drawn from, and the sentences that all forms share. Must
not know any form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockai.core.checks.base import Check, Verdict
from mockai.core.exchange import Exchange
from mockai.core.findings import Finding
from mockai.core.findings.not_reached import CLOSED_BY_EXIT
from mockai.core.timeline import draw
from mockai.core.units import counted


@dataclass(frozen=True, slots=True)
class Judged:
    """A check, who demands it (`scenario 'story'`, `checks.yaml`), and what became of it.

    Without the check where only its verdict is known.
    """

    origin: str
    check: Check | None
    verdict: Verdict

    @property
    def state(self) -> str:
        """`passed`, `failed` or `inconclusive`."""
        if self.verdict.inconclusive:
            return "inconclusive"
        return "passed" if self.verdict.passed else "failed"

    def to_json(self) -> dict[str, Any]:
        """Return the form of the control API, and who demands it."""
        verdict = self.verdict
        return {
            "origin": self.origin,
            "check": verdict.check,
            "passed": verdict.passed,
            "inconclusive": verdict.inconclusive,
            "message": verdict.message,
            "report": verdict.report,
            "measured_from": verdict.measured_from,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run, ready to be shown; `ledger` in its JSON form, `remarks` on what is missing."""

    title: str
    exchanges: tuple[Exchange, ...]
    ledger: Mapping[str, Any]
    judged: tuple[Judged, ...] = ()
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True when every check passed."""
        return all(item.verdict.passed for item in self.judged)

    @property
    def wasted_tokens(self) -> int:
        """Completion tokens that were billed after the stop."""
        return int(self.ledger["totals"]["wasted_tokens"])

    def found(self, exchange: Exchange | None) -> tuple[Finding, ...]:
        """Return what was found about an exchange; `None`: about no single one."""
        about = None if exchange is None else exchange.id
        return tuple(finding for finding in self.findings if finding.exchange == about)

    def cancels(self) -> tuple[Exchange, ...]:
        """Return those that were to be cancelled, or were.

        To be cancelled is what a check demands so; where none does, what was open at a mark.
        """
        checks = [item.check for item in self.judged if item.check is not None]
        demands = [check for check in checks if check.name == "cancelled"]
        wanted = {item.id for check in demands for item in check.where.select(self.exchanges)}
        if not demands:
            wanted = {item.id for item in self.exchanges if item.marks}
        return tuple(
            item
            for item in self.exchanges
            if item.outcome == "cancelled" or (item.id in wanted and item.cause != "refused")
        )

    def headline(self) -> str:
        """Return the one sentence: `3 of 41 cancels did not cancel; 12,400 tokens wasted`."""
        unknown = sum(item.outcome == "completed" and not item.marks for item in self.cancels())
        of_none = f", and nobody knows of {unknown:,} without a mark" if unknown else ""
        wasted = counted(self.wasted_tokens, "token")
        return f"{self._fate_of_cancels()}; {wasted} wasted{of_none}"

    def of_checks(self) -> str:
        """Return the sentence about the checks: `2 of 5 checks failed, 1 is inconclusive`."""
        states = Counter(item.state for item in self.judged)
        whole, passed = len(self.judged), states["passed"]
        if not whole:
            return "nothing was expected: no check was given"
        if whole == passed:
            return f"{counted(whole, 'check')} passed"
        said = [
            f"{states[state]} of {counted(whole, 'check')} {state}"
            for state in ("failed", "inconclusive")
            if states[state]
        ]
        return ", ".join(said)

    def outcomes(self) -> dict[str, int]:
        """Return how many exchanges ended how."""
        return dict(Counter(item.outcome for item in self.exchanges))

    def to_json(self) -> dict[str, Any]:
        """Return everything; exchanges, findings and results as the control API shows them."""
        shown = [{**item.to_json(), "timeline": draw(item)} for item in self.exchanges]
        return {
            "title": self.title,
            "headline": self.headline(),
            "passed": self.passed,
            "results": [item.to_json() for item in self.judged],
            "outcomes": self.outcomes(),
            "findings": [finding.to_json() for finding in self.findings],
            "ledger": dict(self.ledger),
            "remarks": list(self.remarks),
            "exchanges": shown,
        }

    def _fate_of_cancels(self) -> str:
        cancels = self.cancels()
        whole = counted(len(cancels), "cancel")
        if not self.exchanges:
            return "no request reached mockai"
        if not cancels:
            return f"{counted(len(self.exchanges), 'request')}, none of them to be cancelled"
        missed = sum(item.outcome != "cancelled" for item in cancels)
        doubtful = len(
            {item.exchange for item in self.findings if item.name == CLOSED_BY_EXIT.name}
        )
        said = [f"{missed:,} of {whole} did not cancel"] if missed else []
        if doubtful:
            said.append(f"{doubtful:,} of {whole} inconclusive")
        return ", ".join(said) or f"{len(cancels):,} of {whole} did cancel"
