"""Diagnoses that nobody asked for: what a wrong exchange looks like, and the usual cure.

A finding is only a likely cause: it is told where a check failed and in reports, and never
decides a check. To add one: write its function, give it an entry here, and its row in the README.
"""

from __future__ import annotations

from collections.abc import Mapping

from mockai.core.checks.base import Evidence
from mockai.core.exchange import Exchange
from mockai.core.findings.asking_again import AGENT_GOES_ON, RECONNECT, RETRIES, RETRY_AFTER_ABORT
from mockai.core.findings.base import Case, Finding, Kind, SetKind
from mockai.core.findings.going_astray import CANCELS_TOO_MUCH, WRONG_STREAM
from mockai.core.findings.not_reached import CLOSED_BY_EXIT, NONE_REACHED, REFUSED, UNMATCHED
from mockai.core.findings.reading_on import DRAINED, EARLY_CANCEL_LOST, WHOLE_ANSWER
from mockai.core.findings.staying import CONNECTION_LEAK, LATE, LEFT_OPEN, NEXT_TOKEN

KINDS: tuple[Kind, ...] = (
    EARLY_CANCEL_LOST,
    WHOLE_ANSWER,
    DRAINED,
    NEXT_TOKEN,
    LATE,
    LEFT_OPEN,
    WRONG_STREAM,
    CANCELS_TOO_MUCH,
    CLOSED_BY_EXIT,
    UNMATCHED,
    REFUSED,
)
SET_KINDS: tuple[SetKind, ...] = (
    RETRY_AFTER_ABORT,
    RETRIES,
    RECONNECT,
    AGENT_GOES_ON,
    CONNECTION_LEAK,
    NONE_REACHED,
)
_ALL: tuple[Kind | SetKind, ...] = (*KINDS, *SET_KINDS)
FINDINGS: dict[str, str] = {kind.name: kind.meaning for kind in _ALL}
"""The name of each finding, and what it says."""

__all__ = ["FINDINGS", "Case", "Finding", "diagnose", "diagnose_all", "findings"]


def diagnose(exchange: Exchange, evidence: Evidence, check: str | None = None) -> list[Finding]:
    """Return what can be said about one exchange; `check` is what it has just failed."""
    case = Case(exchange, evidence, check)
    return [finding for kind in KINDS if (finding := kind.find(case)) is not None]


def diagnose_all(
    evidence: Evidence, failed: Mapping[str, str] | None = None
) -> dict[str | None, list[Finding]]:
    """Return all that can be said, by the exchange that it is about; `None` is none of them.

    `failed` are the exchanges that are asked about, with the check that each has failed. Left
    out, all are looked at, and only what is sure without such a question is told.
    """
    found: dict[str | None, list[Finding]] = {}
    for exchange in evidence.exchanges:
        if failed is None or exchange.id in failed:
            check = failed[exchange.id] if failed is not None else None
            found[exchange.id] = diagnose(exchange, evidence, check)
    for kind in SET_KINDS:
        for finding in kind.find(evidence):
            found.setdefault(finding.exchange, []).append(finding)
    return found


def findings(evidence: Evidence) -> list[Finding]:
    """Return all that can be said of a session: in order of receipt, what concerns all first."""
    found = diagnose_all(evidence)
    order = {item.id: item.seq for item in evidence.exchanges}
    return [
        finding
        for about in sorted(found, key=lambda about: order.get(about or "", 0))
        for finding in found[about]
    ]
