"""A run as Markdown, for the summary of a CI job and for a comment on a change.

What clients said may stand in it, so nothing of that is taken for markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mockai.core.checks.base import fate
from mockai.core.exchange import Exchange
from mockai.core.ledger_text import SUM_HEAD, sum_row
from mockai.core.markup import fenced, markdown_text
from mockai.core.run_report import Judged, RunReport
from mockai.core.timeline import draw

_STATES = {"passed": "✅ passed", "failed": "❌ failed", "inconclusive": "⚠️ inconclusive"}
_MOST = 50


def render_markdown(report: RunReport) -> str:
    """Return the summary; its first line says it all."""
    parts = [
        f"**{markdown_text(report.headline())}**",
        markdown_text(f"{report.title}: {report.of_checks()}"),
    ]
    parts += [markdown_text(remark) for remark in report.remarks]
    if report.judged:
        parts.append(_table(("", "check", "demanded by", "says"), map(_check, report.judged)))
    parts += [_details(item) for item in report.judged if not item.verdict.passed]
    if report.findings:
        parts.append("\n".join(_findings(report)))
    if report.exchanges:
        parts += [_costs(report.ledger), _exchanges(report)]
    return "\n\n".join(parts) + "\n"


def _check(judged: Judged) -> Sequence[str]:
    verdict = judged.verdict
    return (_STATES[judged.state], verdict.check, judged.origin, verdict.message)


def _details(judged: Judged) -> str:
    verdict = judged.verdict
    return (
        f"<details><summary>{_STATES[judged.state]}: {verdict.check}</summary>\n\n"
        f"{fenced(verdict.report or verdict.message)}\n\n</details>"
    )


def _findings(report: RunReport) -> Iterator[str]:
    yield "### Findings\n"
    for finding in report.findings:
        where = f" (exchange {finding.seq})" if finding.seq is not None else ""
        yield f"- **{markdown_text(finding.name)}**{where}: {markdown_text(finding.text)}"


def _costs(ledger: Mapping[str, Any]) -> str:
    rows = [sum_row(model or "none", item) for model, item in ledger["by_model"].items()]
    return "### Costs\n\n" + _table(
        SUM_HEAD, [*rows, sum_row("in all", ledger["totals"])], figures=True
    )


def _exchanges(report: RunReport) -> str:
    shown = report.exchanges[-_MOST:]
    table = _table(("", "scenario", "outcome", "timeline"), map(_exchange, shown))
    left_out = len(report.exchanges) - len(shown)
    more = f"\n\n({left_out:,} earlier ones are left out)" if left_out else ""
    return f"<details><summary>Exchanges</summary>\n\n{table}{more}\n\n</details>"


def _exchange(exchange: Exchange) -> Sequence[str]:
    return (f"{exchange.seq}", exchange.scenario or "none", fate(exchange), draw(exchange))


def _table(head: Sequence[str], rows: Any, *, figures: bool = False) -> str:
    rule = ["---", *(["---:" if figures else "---"] * (len(head) - 1))]
    lines = [head, rule, *([markdown_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
