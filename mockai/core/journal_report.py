"""A report at the end: from a journal file, or from all that a server has seen.

Checks are judged by what there is. A file has no schedule, so what asks for an instant between
two events, or for another policy's bill, cannot be answered from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mockai.core.bills import ledger_of
from mockai.core.checks.base import Check, Evidence, MarkStamp
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Exchange
from mockai.core.exchange_json import exchanges_of_json
from mockai.core.findings import findings
from mockai.core.journal_file import exchanges_of, read_journal
from mockai.core.run_report import Judged, RunReport

LATE_NS = 3_600_000_000_000
"""Whoever reads the file comes long after everything: whatever time could settle is settled."""


def journal_report(
    text: str, demands: Sequence[tuple[str, Check]], *, title: str, session: str | None = None
) -> RunReport:
    """Return the report of a journal's exchanges: of one session, or of all."""
    found, unread = exchanges_of_json(exchanges_of(read_journal(text)))
    exchanges = tuple(item for item in found if session in (None, item.session))
    return report_on(
        _evidence(exchanges),
        demands,
        title=title if session is None else f"session '{session}' in {title}",
        remarks=tuple(_remarks(text, exchanges, unread)),
    )


def report_on(
    evidence: Evidence,
    demands: Sequence[tuple[str, Check]],
    *,
    title: str,
    remarks: tuple[str, ...] = (),
) -> RunReport:
    """Return the report on all the evidence that there will ever be."""
    return RunReport(
        title=title,
        exchanges=evidence.exchanges,
        ledger=ledger_of(evidence.exchanges),
        judged=tuple(Judged(who, check, evaluate(check, evidence)) for who, check in demands),
        findings=tuple(findings(evidence)),
        remarks=remarks,
    )


def _evidence(exchanges: tuple[Exchange, ...]) -> Evidence:
    newest_ns = max((item.received_ns for item in exchanges), default=0)
    return Evidence(
        exchanges=exchanges,
        marks=tuple(_marks(exchanges)),
        now_ns=newest_ns + LATE_NS,
        called_ns=newest_ns + LATE_NS,
    )


def _marks(exchanges: Iterable[Exchange]) -> Iterable[MarkStamp]:
    """Return the marks that an exchange has seen; of one that came too late the file knows not."""
    seen = {
        (item.session, item.generation, mark.seq): MarkStamp(
            mark.name, mark.seq, item.received_ns + round(mark.at_s * 1e9)
        )
        for item in exchanges
        for mark in item.marks
    }
    return sorted(seen.values(), key=lambda mark: mark.at_ns)


def _remarks(text: str, exchanges: tuple[Exchange, ...], unread: int) -> Iterable[str]:
    lines = sum(bool(line.strip()) for line in text.split("\n"))
    torn = lines - len(read_journal(text))
    if torn:
        yield f"{torn} of {lines} lines could not be read: torn by a sudden end, or not a journal's"
    if unread:
        yield f"{unread} exchanges are of a form that is not known here"
    still_open = sum(not item.ended for item in exchanges)
    if still_open:
        yield f"{still_open} exchanges have no end in the file: they were open when it stopped"
