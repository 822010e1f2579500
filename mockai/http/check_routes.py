"""Checks, findings and reports over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from pydantic import Field

from mockai.core.checks import CheckEntry, check_of
from mockai.core.findings import findings
from mockai.core.model import Model
from mockai.core.report_forms import FORMS, MEDIA_TYPES, draw
from mockai.core.units import Duration
from mockai.http.control_calls import (
    MAX_WAIT_S,
    SESSION,
    Call,
    Query,
    read_body,
    session_of,
    state_of,
)
from mockai.http.control_errors import invalid
from mockai.http.reporting import report, run_report, verdict_json

DEFAULT_WAIT_S = 5.0


class Checks(Model):
    """What must be true, and how long the call may wait for it to become so."""

    checks: tuple[CheckEntry, ...] = Field(min_length=1)
    wait: Duration = DEFAULT_WAIT_S


async def run_checks(request: web.Request) -> web.Response:
    """Judge checks; a failed verdict is an answer, not an error."""
    asked = await read_body(request, Checks)
    verdicts = await session_of(request).check(
        [check_of(entry) for entry in asked.checks],
        wait_s=min(asked.wait, MAX_WAIT_S),
        patience=state_of(request).options.patience,
    )
    results = [verdict_json(verdict) for verdict in verdicts]
    return web.json_response({"passed": all(v.passed for v in verdicts), "results": results})


async def list_findings(request: web.Request) -> web.Response:
    """Say what can be said of the exchanges unasked: likely causes, with their cures."""
    patience = state_of(request).options.patience
    evidence = session_of(request).evidence(patience=patience)
    found = await asyncio.to_thread(findings, evidence)  # there may be many exchanges
    return web.json_response({"findings": [finding.to_json() for finding in found]})


async def show_report(request: web.Request) -> web.Response:
    """Show the report of a session as it stands, in the form that is asked for."""
    wanted = request.query.get("format", "json")
    if wanted not in FORMS:
        raise invalid("format", f"'format' must be one of {', '.join(FORMS)} (got {wanted!r})")
    session = session_of(request)
    if wanted == "json":
        return await report(session)
    # It may be long: not on the loop.
    text = await asyncio.to_thread(draw, run_report(session), wanted)
    return web.Response(text=text, content_type=MEDIA_TYPES[wanted], headers=_NO_SNIFFING)


_NO_SNIFFING = {"x-content-type-options": "nosniff"}  # what clients said stands in it

_REPORTS: dict[str, Any] = {
    "application/json": "Report",
    **{MEDIA_TYPES[form]: {"type": "string"} for form in FORMS if form != "json"},
}
CALLS = (
    Call(
        method="POST",
        path=f"{SESSION}/checks",
        handler=run_checks,
        about="Judge checks: as soon as all are settled, and as long as absences are watched.",
        body=Checks,
        answer="VerdictsShown",
    ),
    Call(
        method="GET",
        path=f"{SESSION}/findings",
        handler=list_findings,
        about="Likely causes of what went wrong, and their usual cures, unasked.",
        answer="FindingsShown",
    ),
    Call(
        method="GET",
        path=f"{SESSION}/report",
        handler=show_report,
        about="The report of a session as it stands.",
        query=(Query("format", {"type": "string", "enum": list(FORMS)}, "its form"),),
        answer=_REPORTS,
    ),
)
