"""Turn a check and the evidence into a verdict.

Every selected exchange must meet the check; none selected fails it; `count` demands exactly so
many. A verdict that is not `settled` may still change with time: the caller decides how long to
wait.
"""

from __future__ import annotations

from mockai.core.checks.alive import confirmed
from mockai.core.checks.base import Check, Evidence, Judgement, Verdict
from mockai.core.exchange import Exchange
from mockai.core.report import block, overview

NONE_REACHED = "no request reached mockai: is OPENAI_BASE_URL used?"
_SHOWN = 5


def evaluate(check: Check, evidence: Evidence) -> Verdict:
    """Return the verdict as things stand now."""
    return confirmed(check, _judged(check, evidence), evidence)


def _judged(check: Check, evidence: Evidence) -> Verdict:
    broken = [item for item in evidence.exchanges if item.cause == "internal"]
    if broken:
        return _internal(check, broken)
    selected = check.where.select(evidence.exchanges)
    if not selected:
        return _nothing(check, evidence)
    if check.count is not None and len(selected) != check.count:
        return _miscounted(check, check.count, selected)
    judged = [(item, check.judge(item, evidence)) for item in selected]
    return _verdict(check, judged, evidence)


def _verdict(check: Check, judged: list[tuple[Exchange, Judgement]], evidence: Evidence) -> Verdict:
    failed = [(item, judgement) for item, judgement in judged if not judgement.passed]
    measured_from = next((j.measured_from for _, j in judged if j.measured_from), None)
    if not failed:
        count = f" ({len(judged)} exchanges)" if len(judged) > 1 else ""
        return Verdict(
            check=check.name,
            passed=True,
            message=check.achieved() + count,
            measured_from=measured_from,
            settled=all(judgement.settled for _, judgement in judged),
        )
    message = f"expected the client to {check.sentence()}; {_but(check, failed, len(judged))}."
    blocks = [block(item, judgement, evidence) for item, judgement in failed]
    return Verdict(
        check=check.name,
        passed=False,
        message=message,
        report="\n\n".join([message, *blocks]),
        measured_from=measured_from,
        settled=any(judgement.settled for _, judgement in failed),
        settles_ns=min((j.settles_ns for _, j in failed if j.settles_ns), default=None),
    )


def _but(check: Check, failed: list[tuple[Exchange, Judgement]], whole: int) -> str:
    """Return what was seen instead, in one line: all of it for one exchange, else of the first."""
    exchange, judgement = failed[0]
    seen = "; ".join(f"{row.field}: {row.actual}" for row in judgement.rows if not row.ok)
    if whole == 1:
        return f"{check.denied} ({seen})"
    return f"in {len(failed)} of {whole} exchanges {check.denied} (#{exchange.seq} {seen})"


def _nothing(check: Check, evidence: Evidence) -> Verdict:
    message = f"expected the client to {check.sentence()}; "
    if not evidence.exchanges:
        message += NONE_REACHED
        return Verdict(check.name, passed=False, message=message, report=message, settled=False)
    message += f"none of the {_exchanges(len(evidence.exchanges))} here fits {check.where}."
    report = "\n".join([message, "", *map(overview, evidence.exchanges[-_SHOWN:])])
    return Verdict(check.name, passed=False, message=message, report=report, settled=False)


def _miscounted(check: Check, count: int, selected: tuple[Exchange, ...]) -> Verdict:
    message = (
        f"expected the client to {check.sentence()} in exactly {_exchanges(count)}; "
        f"there {'is' if len(selected) == 1 else 'are'} {len(selected)}."
    )
    report = "\n".join([message, "", *map(overview, selected[-_SHOWN:])])
    too_many = len(selected) > count
    return Verdict(check.name, passed=False, message=message, report=report, settled=too_many)


def _exchanges(count: int) -> str:
    return "1 exchange" if count == 1 else f"{count} exchanges"


def _internal(check: Check, broken: list[Exchange]) -> Verdict:
    message = (
        f"mockai itself failed in exchange #{broken[0].seq} ({broken[0].error}); "
        "no verdict of this session can be trusted. Please report it."
    )
    return Verdict(check.name, passed=False, message=message, report=message)
