"""What a session has to report, as JSON: now, and at the end of a generation or of itself.

Many exchanges are written down off the loop, where the streams of others would wait for it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiohttp import web

from mockai.core.checks.base import Evidence, Verdict
from mockai.core.exchange import Exchange
from mockai.core.findings import findings
from mockai.core.run_report import Judged, RunReport
from mockai.core.timeline import draw
from mockai.engine.session import Session

MANY = 100
MUCH = 200_000
"""Exchanges, and bytes of their bodies: to write down so much takes 3 to 10 ms."""


async def report(session: Session) -> web.Response:
    """Answer the report of a session as it stands."""
    evidence, judged = session.evidence(), judged_of(session)
    return await report_of(session.id, session.generation, session.exchanges(), evidence, judged)


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
    evidence: Evidence,
    judged: Iterable[Judged],
) -> web.Response:
    """Answer the report of a generation; its findings are those of the `evidence`."""
    results = [verdict_json(item.verdict) for item in judged]

    def facts() -> dict[str, Any]:
        return {
            "session": id,
            "generation": generation,
            "outcomes": Counter(item.outcome for item in exchanges),
            "results": results,
            "findings": [finding.to_json() for finding in findings(evidence)],
        }

    return await answer_with(exchanges, facts)


async def answer_with(
    exchanges: Sequence[Exchange], facts: Callable[[], dict[str, Any]] = dict
) -> web.Response:
    """Answer JSON: the facts, and last the exchanges."""

    def written() -> bytes:
        # One by one, and joined as bytes: to write or to join a long text would hold the
        # interpreter, and with it the loop.
        texts = [json.dumps(exchange_json(item)).encode("ascii") for item in exchanges]
        before = json.dumps({**facts(), "exchanges": []}).removesuffix("]}").encode("ascii")
        return b"".join((before, b", ".join(texts), b"]}"))

    size = sum(len(item.request.body) for item in exchanges)
    is_little = len(exchanges) <= MANY and size <= MUCH
    body = written() if is_little else await asyncio.to_thread(written)
    return web.Response(body=body, content_type="application/json", charset="utf-8")


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
