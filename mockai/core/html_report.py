"""A run as one HTML file that needs nothing else: no script, no font, no picture from outside.

Everything that a client or a scenario said is escaped, and the page forbids scripts altogether.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from mockai.core.checks.base import fate
from mockai.core.exchange import Exchange
from mockai.core.findings import Finding
from mockai.core.ledger_text import SUM_HEAD, sum_row
from mockai.core.markup import html_text
from mockai.core.run_report import Judged, RunReport
from mockai.core.svg_timeline import anchor_of, exchange_svg, run_svg
from mockai.core.timeline import draw
from mockai.core.units import show_seconds

MOST_OPEN = 20
"""Exchanges that are unfolded at once; of more, only those with a finding."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_KEY = {
    "receiving": "until the head of the answer",
    "waiting": "until the first token",
    "streaming": "streaming",
    "hold": "held at a gate",
    "after-stop": "sent after the stop",
}
_FATES = ("cancelled", "completed", "failed", "open")


def render_html(report: RunReport) -> str:
    """Return the page."""
    title = html_text(report.headline())
    head = (
        f'<meta charset="utf-8"/><meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>'
        '<meta name="viewport" content="width=device-width"/>'
        f"<title>mockai: {title}</title><style>{_style()}</style>"
    )
    intro = f'<h1>{title}</h1><p class="soft">{html_text(report.title)}</p>'
    body = "\n".join([intro, *_remarks(report), *_checks(report), *_run(report)])
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


@cache
def _style() -> str:
    return files("mockai").joinpath("data", "report.css").read_text(encoding="utf-8")


def _remarks(report: RunReport) -> Iterator[str]:
    for remark in report.remarks:
        yield f'<p class="soft">{html_text(remark)}</p>'


# ── checks ───────────────────────────────────────────────────────────────────────────────────


def _checks(report: RunReport) -> Iterator[str]:
    yield f"<h2>Checks: {html_text(report.of_checks())}</h2>"
    yield from map(_check, report.judged)


def _check(judged: Judged) -> str:
    verdict = judged.verdict
    line = (
        f"{_badge(judged.state)} <b>{html_text(verdict.check)}</b> "
        f'<span class="soft">{html_text(judged.origin)}</span> {html_text(verdict.message)}'
    )
    if verdict.passed or not verdict.report:
        return f'<div class="card">{line}</div>'
    full = f"<pre>{html_text(verdict.report)}</pre>"
    return f'<details class="card" open="open"><summary>{line}</summary>{full}</details>'


def _badge(word: str) -> str:
    return f'<span class="badge {word}">{word}</span>'


# ── exchanges ────────────────────────────────────────────────────────────────────────────────


def _run(report: RunReport) -> Iterator[str]:
    yield from map(_finding, report.found(None))
    if not report.exchanges:
        return
    yield "<h2>Exchanges</h2>"
    if len(report.exchanges) > 1:
        yield _key({kind: kind for kind in _FATES})
        yield f'<div class="card"><div class="wide tall">{run_svg(report.exchanges)}</div></div>'
    yield _key(_KEY)
    for exchange in report.exchanges:
        yield _exchange(exchange, report)
    yield f"<h2>Costs</h2>{_costs(report.ledger)}"


def _key(colours: Mapping[str, str]) -> str:
    shown = (f'<span><i class="{kind}"></i>{words}</span>' for kind, words in colours.items())
    return f'<p class="key">{"".join(shown)}</p>'


def _exchange(exchange: Exchange, report: RunReport) -> str:
    found = report.found(exchange)
    is_open = ' open="open"' if found or len(report.exchanges) <= MOST_OPEN else ""
    request = exchange.request
    what = exchange.scenario or f"{request.method} {request.path}"
    line = (
        f"{_badge(exchange.outcome)} <b>#{exchange.seq} {html_text(what)}</b> "
        f'<span class="soft">{html_text(draw(exchange))}</span>'
    )
    drawn = f'<div class="wide">{exchange_svg(exchange)}</div>'
    parts = [drawn, _facts(exchange), *map(_finding, found)]
    return (
        f'<details class="card" id="{anchor_of(exchange)}"{is_open}><summary>{line}</summary>'
        f"{''.join(parts)}</details>"
    )


def _facts(exchange: Exchange) -> str:
    shown = {name: text for name, text in _named(exchange).items() if text}
    pairs = (f"<dt>{name}</dt><dd>{html_text(text)}</dd>" for name, text in shown.items())
    return f"<dl>{''.join(pairs)}</dl>"


def _named(exchange: Exchange) -> Mapping[str, str | None]:
    request, tokens, bill, left = (
        exchange.request,
        exchange.tokens,
        exchange.bill,
        exchange.disconnect,
    )
    pace = exchange.timing.pace_error_ms
    return {
        "outcome": fate(exchange),
        "phase": exchange.phase,
        "status": str(exchange.status or ""),
        "request": f"{request.method} {request.path}",
        "model": request.model,
        "stream": "yes" if request.stream else "no",
        "tokens written": f"{tokens.written} of {tokens.planned}",
        "billed": f"{bill.prompt_tokens} + {bill.completion_tokens} ({bill.policy})"
        if bill
        else "",
        "wasted": str(bill.wasted_tokens or "") if bill else "",
        "cost": f"${bill.cost_usd}" if bill and bill.cost_usd else "",
        "left by": f"{left.how} after {show_seconds(left.at_s)}" if left else "",
        "while held at": left.while_held if left else "",
        "pacing error": f"{pace.p50:g} ms at p50, {pace.max:g} ms at most" if pace else "",
        "client": request.headers.get("user-agent"),
        "tag": request.tag,
        "session": exchange.session,
        "connection": f"{exchange.connection.id}, its request {exchange.connection.nth_request}",
        "request id": exchange.request_id,
        "received": exchange.timing.received_at,
        "error": exchange.error,
    }


def _finding(finding: Finding) -> str:
    text = f"<b>{html_text(finding.name)}</b>: {html_text(finding.explanation)}"
    cure = f"<br/>{html_text(finding.cure)}" if finding.cure else ""
    return f'<div class="finding">{text}{cure}</div>'


# ── costs ────────────────────────────────────────────────────────────────────────────────────


def _costs(ledger: Mapping[str, Any]) -> str:
    rows = [
        sum_row(f"{label} {name}", item)
        for label in ("model", "policy", "key")
        for name, item in ledger[f"by_{label}"].items()
    ]
    return _table(SUM_HEAD, [*rows, sum_row("in all", ledger["totals"])])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html_text(cell)}</th>" for cell in head)
    lines = ["".join(f"<td>{html_text(cell)}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><tr>{cells}</tr>{body}</table></div>'
