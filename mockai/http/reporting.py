"""What a session has to report, as JSON: now, and at the end of a generation or of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mockai.core.checks.base import Verdict
from mockai.core.exchange import Exchange
from mockai.core.findings import Finding, findings
from mockai.core.run_report import Judged, RunReport
from mockai.core.timeline import draw
from mockai.engine.session import Session


def report(session: Session) -> dict[str, Any]:
    """Return the report of a session as it stands."""
    found = findings(session.evidence())
    return report_of(session.id, session.generation, session.exchanges(), found, judged_of(session))


def run_report(session: Session) -> RunReport:
    """Return the same for people: with what everything cost, to be drawn in any form."""
    exchanges = session.exchanges()
    return RunReport(
        title=f"session '{session.id}', generation {session.generation}",
        exchanges=exchanges,
        ledger=session.ledger.to_json(exchanges),
        judged=judged_of(session),
        findings=tuple(findings(session.evidence())),
    )


def judged_of(session: Session) -> tuple[Judged, ...]:
    """Return the verdicts that were asked for in this generation, oldest first."""
    return tuple(Judged("asked for", check, verdict) for check, verdict in session.judged)


def report_of(
    id: str,
    generation: int,
    exchanges: tuple[Exchange, ...],
    found: Iterable[Finding],
    judged: Iterable[Judged],
) -> dict[str, Any]:
    """Return the report of a generation."""
    return {
        "session": id,
        "generation": generation,
        "outcomes": dict(Counter(item.outcome for item in exchanges)),
        "results": [verdict_json(item.verdict) for item in judged],
        "exchanges": [exchange_json(item) for item in exchanges],
        "findings": [finding.to_json() for finding in found],
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the control API shows it."""
    return {
        "check": verdict.check,
        "passed": verdict.passed,
        "message": verdict.message,
        "report": verdict.report,
        "measured_from": verdict.measured_from,
        "inconclusive": verdict.inconclusive,
    }


def exchange_json(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange with its timeline."""
    return {**exchange.to_json(), "timeline": draw(exchange)}
