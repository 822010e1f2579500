"""Ask a server for all that there is to report of a session, as a flow of calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mockai.client.calls import Call, Flow, path, sessions
from mockai.client.flows import check as check_flow
from mockai.client.views import build
from mockai.core.bills import ledger_of
from mockai.core.checks.base import Check, Verdict
from mockai.core.exchange_json import exchanges_of_json
from mockai.core.findings import Finding
from mockai.core.run_report import Judged, RunReport
from mockai.core.units import counted

Demand = tuple[str, Check]
"""Who demands a check (`scenario 'story'`, `checks.yaml`), and the check."""


def run_report(
    session: str, demands: Sequence[Demand], *, title: str, wait: float
) -> Flow[RunReport]:
    """Have the demands judged, for up to `wait` seconds; return everything about the session."""
    judged = yield from _judged(session, demands, wait)
    report = (yield Call("GET", path(session, "report"))).json()
    ledger = (yield Call("GET", path(session, "ledger"))).json()
    exchanges, unread = exchanges_of_json(report["exchanges"])
    elsewhere = 0 if exchanges else (yield from _requests_elsewhere(session))
    return RunReport(
        title=title,
        exchanges=tuple(exchanges),
        ledger=ledger,
        judged=judged,
        findings=tuple(build(Finding, item) for item in report["findings"]),
        remarks=tuple(_remarks(unread, elsewhere)),
    )


def _requests_elsewhere(session: str) -> Flow[int]:
    """Return how many requests came in other sessions that still live."""
    listed = (yield Call("GET", sessions())).json()["sessions"]
    return sum(item["requests"] for item in listed if item["id"] != session)


def _remarks(unread: int, elsewhere: int) -> Iterator[str]:
    if unread:
        yield f"{counted(unread, 'exchange')} of a form that is not known here"
    if elsewhere:
        came = counted(elsewhere, "request")
        yield f"{came} came in other sessions, made by who asked: those are not judged here"


def seen(session: str) -> Flow[RunReport]:
    """Return what a session has seen, and which verdicts were asked for, as it stands."""
    report = (yield Call("GET", path(session, "report"))).json()
    exchanges, _ = exchanges_of_json(report["exchanges"])
    return RunReport(
        title=f"session '{session}'",
        exchanges=tuple(exchanges),
        ledger=ledger_of(exchanges),
        judged=tuple(Judged("asked for", None, build(Verdict, item)) for item in report["results"]),
        findings=tuple(build(Finding, item) for item in report["findings"]),
    )


def command_ended(session: str) -> Flow[None]:
    """Tell the server that the command which uses a session has ended, just now."""
    (yield Call("POST", path(session, "exit"), {})).json()


def _judged(session: str, demands: Sequence[Demand], wait: float) -> Flow[tuple[Judged, ...]]:
    if not demands:
        return ()
    entries = [_entry(check) for _, check in demands]
    verdicts = yield from check_flow(session, entries, timeout=wait)
    pairs = zip(demands, verdicts, strict=True)
    return tuple(Judged(origin, check, verdict) for (origin, check), verdict in pairs)


def _entry(check: Check) -> Mapping[str, Any]:
    """Return a check in its single-key form; what is left out is the default there as here."""
    return {check.name: check.model_dump(mode="json", by_alias=True, exclude_defaults=True)}
