"""Turn a check and the evidence into a verdict.

Every selected exchange must meet the check; none selected fails it; `count` demands exactly so
many. A verdict that is not `settled` may still change with time: the caller decides how long to
wait.
"""

from __future__ import annotations

from mockai.core.checks.base import Check, Evidence, Judgement, Verdict
from mockai.core.exchange import Exchange
from mockai.core.report import block

NONE_REACHED = "no request reached mockai: is OPENAI_BASE_URL used?"


def evaluate(check: Check, evidence: Evidence) -> Verdict:
    """Return the verdict as things stand now."""
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
        return Verdict(
            check=check.name,
            passed=True,
            message=f"the client did {check.sentence()}" + _of(len(judged), len(judged)),
            measured_from=measured_from,
            settled=all(judgement.settled for _, judgement in judged),
        )
    message = f"expected the client to {check.sentence()}; it did not"
    message += _of(len(failed), len(judged)) + "."
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


def _of(part: int, whole: int) -> str:
    return "" if whole == 1 else f" ({part} of {whole} exchanges)"


def _nothing(check: Check, evidence: Evidence) -> Verdict:
    if not evidence.exchanges:
        message = f"expected the client to {check.sentence()}; {NONE_REACHED}"
    else:
        seen = ", ".join(sorted({f"scenario {item.scenario!r}" for item in evidence.exchanges}))
        message = (
            f"expected the client to {check.sentence()}; no exchange fits {check.where} "
            f"({len(evidence.exchanges)} in this session: {seen})."
        )
    return Verdict(check.name, passed=False, message=message, report=message, settled=False)


def _miscounted(check: Check, count: int, selected: tuple[Exchange, ...]) -> Verdict:
    message = (
        f"expected {count} exchanges with {check.where} to judge '{check.name}' by; "
        f"there are {len(selected)}."
    )
    too_many = len(selected) > count
    return Verdict(check.name, passed=False, message=message, report=message, settled=too_many)


def _internal(check: Check, broken: list[Exchange]) -> Verdict:
    message = (
        f"mockai itself failed in exchange #{broken[0].seq} ({broken[0].error}); "
        "no verdict of this session can be trusted. Please report it."
    )
    return Verdict(check.name, passed=False, message=message, report=message)
