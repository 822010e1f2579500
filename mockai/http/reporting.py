"""What a session has to report, as JSON: now, and at the end of a generation or of itself.

Many exchanges are written down off the loop, where the streams of others would wait for it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from aiohttp import web

from mockai.core.checks.base import Verdict
from mockai.core.exchange import Exchange
from mockai.core.findings import Finding, findings
from mockai.core.run_report import Judged, RunReport
from mockai.core.timeline import draw
from mockai.engine.session import Session

MANY = 100
"""Exchanges: to write down so many takes 3 to 10 ms."""


async def report(session: Session) -> web.Response:
    """Answer the report of a session as it stands."""
    found, judged = findings(session.evidence()), judged_of(session)
    return await report_of(session.id, session.generation, session.exchanges(), found, judged)


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


async def report_of(
    id: str,
    generation: int,
    exchanges: tuple[Exchange, ...],
    found: Iterable[Finding],
    judged: Iterable[Judged],
) -> web.Response:
    """Answer the report of a generation."""
    return await with_exchanges(
        exchanges,
        session=id,
        generation=generation,
        outcomes=Counter(item.outcome for item in exchanges),
        results=[verdict_json(item.verdict) for item in judged],
        findings=[finding.to_json() for finding in found],
    )


async def with_exchanges(exchanges: Sequence[Exchange], **facts: object) -> web.Response:
    """Answer JSON: the facts, and last the exchanges."""

    def written() -> str:
        # One by one: of a list `json` would write all in one go, and hold the interpreter for it.
        texts = [json.dumps(exchange_json(item)) for item in exchanges]
        return json.dumps({**facts, "exchanges": []}).removesuffix("]}") + ", ".join(texts) + "]}"

    text = written() if len(exchanges) <= MANY else await asyncio.to_thread(written)
    return web.Response(text=text, content_type="application/json")


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
