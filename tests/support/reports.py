"""A run to report of: four exchanges with different fates, and what was demanded of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

from pydantic import TypeAdapter

from mockai.core.bills import ledger_of
from mockai.core.checks import CheckEntry, check_of
from mockai.core.checks.base import Verdict
from mockai.core.exchange import Bill, Exchange, Timing, Tokens
from mockai.core.findings import Finding
from mockai.core.run_report import Judged, RunReport
from tests.support.facts import (
    ASKED,
    RECEIVED_NS,
    SECOND,
    cancelled_exchange,
    completed_exchange,
    hold_at,
    mark_at,
    open_exchange,
)

HOSTILE = "</script><img src=x onerror=alert(1)>\x00\x1b]]>&\"'`|\n# *_~"
"""What a client may say: no form of the report may be harmed by it."""
_CHECK: TypeAdapter[Any] = TypeAdapter(CheckEntry)


def bill_of(completion: int, wasted: int = 0) -> Bill:
    """Return a bill of 21 prompt tokens and so many of the answer, a micro-dollar each."""
    cost = f"0.{21 + completion:06}"
    return Bill("stop-now", 21, completion, wasted, cost_usd=cost, wasted_usd=f"0.{wasted:06}")


def accepted(exchange: Exchange, seq: int, at_s: float, **facts: Any) -> Exchange:
    """Return an exchange of a run that began at five o'clock."""
    stamp = f"2026-11-23T05:00:0{int(at_s)}.{round(at_s % 1 * 1000):03}Z"
    return replace(
        exchange,
        id=f"ex_{seq}",
        seq=seq,
        completion_id=f"chatcmpl-{seq}",
        received_ns=RECEIVED_NS + round(at_s * SECOND),
        timing=replace(exchange.timing, received_at=stamp),
        **facts,
    )


def exchanges() -> tuple[Exchange, ...]:
    """Return a cancel, a Stop that did not stop, a stream that is open, and a refusal."""
    held = (hold_at(0.42, for_s=0.1),)
    obeyed = cancelled_exchange(0.52, marks=(mark_at(0.5),), holds=held, bill=bill_of(12))
    drained = completed_exchange(2.2, marks=(mark_at(0.5),), bill=bill_of(400, 388))
    still = open_exchange(holds=(hold_at(0.42, name="middle"),))
    refused = open_exchange(
        outcome="failed", cause="refused", status=404, error=HOSTILE, scenario=None,
        request=replace(ASKED, tag=HOSTILE, headers={"user-agent": HOSTILE}),
        tokens=Tokens(), timing=Timing(headers_s=0.001, ended_s=0.001), phase="done",
    )  # fmt: skip
    return (
        accepted(obeyed, 1, 0.0),
        accepted(drained, 2, 0.25),
        accepted(still, 3, 1.5),
        replace(accepted(refused, 4, 1.75), completion_id=None),
    )


def judged(*, report: str = "", passed: bool = False, **check: Any) -> Judged:
    """Return a check in its single-key form, and a verdict on it."""
    found = check_of(_CHECK.validate_python(check))
    message = found.achieved() if passed else f"expected the client to {found.sentence()}"
    verdict = Verdict(found.name, passed=passed, message=message, report=report)
    return Judged("checks.yaml", found, verdict)


def xml_of(text: str) -> ET.Element:
    """Return a document of ours as XML."""
    return ET.fromstring(text)  # noqa: S314 - it is our own


def sample_report(title: str = "session 'run'") -> RunReport:
    """Return the report of that run, in which one check of three passes."""
    seen = exchanges()
    return RunReport(
        title=title,
        exchanges=seen,
        ledger=ledger_of(seen),
        judged=(
            judged(passed=True, cancelled={"within": 0.25, "where": {"nth": 1}}),
            judged(report="it was\n  not", cancelled={"within": 0.25, "where": {"nth": 2}}),
            judged(completed={"where": {"model": HOSTILE}}),
        ),
        findings=(
            Finding("drained", "It was read to its end.", "Close it.", exchange="ex_2", seq=2),
            Finding("refused", HOSTILE, "", exchange="ex_4", seq=4),
            Finding("leak", "Three of them are open.", "Close them."),
        ),
        remarks=("1 entry could not be read",),
    )


def empty_report() -> RunReport:
    """Return the report of a run in which nothing came and nothing was demanded."""
    return RunReport(title="session 'run'", exchanges=(), ledger=ledger_of(()))
