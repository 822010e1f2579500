"""A run as text, for a terminal and for a file."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent

from mockai.core.exchange import Exchange
from mockai.core.findings import Finding
from mockai.core.ledger_text import draw_ledger
from mockai.core.markup import xml_text
from mockai.core.report import overview
from mockai.core.run_report import Judged, RunReport
from mockai.core.timeline import draw

_WORDS = {"passed": "PASSED", "failed": "FAILED", "inconclusive": "INCONCLUSIVE"}


def render_text(report: RunReport) -> str:
    """Return the whole report: checks, exchanges with their timelines, costs, findings."""
    parts = [f"{report.title}\n{report.headline()}", *report.remarks, render_checks(report)]
    parts += ["exchanges\n" + "\n".join(_exchanges(report))] if report.exchanges else []
    parts += ["costs\n" + indent(draw_ledger(report.ledger), "  ")] if report.exchanges else []
    found = [f"  {finding.name}: {finding.text}" for finding in report.found(None)]
    parts += ["findings\n" + "\n".join(found)] if found else []
    return plain("\n\n".join(part.rstrip() for part in parts)) + "\n"


def render_evidence(report: RunReport) -> str:
    """Return what a failing test shows: verdicts in a line each, timelines, findings; no costs."""
    verdicts = [f"{_WORDS[item.state]}  {item.verdict.message}" for item in report.judged]
    found = [f"{finding.name}: {finding.text}" for finding in report.found(None)]
    return plain("\n".join([report.headline(), *verdicts, *_exchanges(report), *found]))


def render_checks(report: RunReport) -> str:
    """Return the verdicts: one line for each, and in full what did not pass."""
    return plain("\n".join([report.of_checks(), *(_verdict(item) for item in report.judged)]))


def plain(text: str) -> str:
    """Return the text without what a terminal would act on: clients' words stand in it."""
    return xml_text(text).replace("\r", "\ufffd")


def _verdict(judged: Judged) -> str:
    verdict = judged.verdict
    line = f"  {_WORDS[judged.state]}  {verdict.check} ({judged.origin})"
    if verdict.passed:
        return f"{line}: {verdict.message}"
    return f"{line}\n\n{indent(verdict.report or verdict.message, '    ')}\n"


def _exchanges(report: RunReport) -> Iterator[str]:
    several = len({item.session for item in report.exchanges}) > 1
    for exchange in report.exchanges:
        yield overview(exchange) + (f"  session '{exchange.session}'" if several else "")
        yield f"    {draw(exchange)}{_billed(exchange)}"
        yield from (_finding(finding) for finding in report.found(exchange))


def _billed(exchange: Exchange) -> str:
    bill = exchange.bill
    if bill is None or not bill.completion_tokens:
        return ""
    wasted = f", {bill.wasted_tokens} wasted" if bill.wasted_tokens else ""
    return f" · billed {bill.completion_tokens}{wasted}"


def _finding(finding: Finding) -> str:
    return indent(f"{finding.name}: {finding.text}", "    ")
