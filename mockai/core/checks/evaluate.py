"""Turn a check and the evidence into a verdict.

Every selected exchange must meet the check; none selected fails it (unless it is an absence);
`count` demands exactly so many. A verdict that is not `settled` may still change with time: the
caller decides how long to wait.
"""

from __future__ import annotations

from difflib import SequenceMatcher

from mockai.core.checks.alive import confirmed
from mockai.core.checks.base import (
    Check,
    Evidence,
    Judgement,
    Row,
    SetCheck,
    Verdict,
    Where,
)
from mockai.core.exchange import Exchange
from mockai.core.findings import diagnose_all
from mockai.core.report import block, overview, summary
from mockai.core.units import counted

NONE_REACHED = "no request reached mockai: is OPENAI_BASE_URL used?"
_SHOWN = 5
_COMPARED = 100
"""Who looks for the nearest looks no further back: it is found where the server's loop runs."""
Judged = tuple[Exchange, Judgement]


def evaluate(check: Check, evidence: Evidence, *, explain: bool = True) -> Verdict:
    """Return the verdict as things stand now; its report only if it is to be explained."""
    return confirmed(check, _judged(check, evidence, explain=explain), evidence)


def _judged(check: Check, evidence: Evidence, *, explain: bool) -> Verdict:
    broken = [item for item in evidence.exchanges if item.cause == "internal"]
    if broken:
        return _internal(check, broken)
    selected = check.where.select(evidence.exchanges)
    if not evidence.exchanges or (not selected and check.needs_one):
        return _nothing(check, evidence, explain=explain)
    if not check.counts_itself and check.count not in {None, len(selected)}:
        return _miscounted(check, check.count, selected)
    if isinstance(check, SetCheck):
        return _of_all(check, selected, evidence, explain=explain)
    judged = [(item, check.judge(item, evidence)) for item in selected]
    return _verdict(check, judged, evidence, explain=explain)


def _verdict(check: Check, judged: list[Judged], evidence: Evidence, *, explain: bool) -> Verdict:
    failed = [(item, judgement) for item, judgement in judged if not judgement.passed]
    measured_from = next((j.measured_from for _, j in judged if j.measured_from), None)
    if not failed:
        count = f" ({len(judged)} exchanges)" if len(judged) > 1 else ""
        remark = next((f"; {j.remark}" for _, j in judged if j.remark), "")
        return Verdict(
            check=check.name,
            passed=True,
            message=check.achieved() + count + remark,
            measured_from=measured_from,
            settled=all(judgement.settled for _, judgement in judged),
        )
    message = f"expected the client to {check.sentence()}; {_but(check, failed, len(judged))}."
    return Verdict(
        check=check.name,
        passed=False,
        message=message,
        report=_blocks(check, message, failed, evidence) if explain else "",
        measured_from=measured_from,
        settled=any(judgement.settled for _, judgement in failed),
        settles_ns=min((j.settles_ns for _, j in failed if j.settles_ns), default=None),
    )


def _blocks(check: Check, message: str, failed: list[Judged], evidence: Evidence) -> str:
    found = diagnose_all(evidence, {item.id: check.name for item, _ in failed})
    blocks = [block(item, judgement, found[item.id]) for item, judgement in failed]
    return "\n\n".join([message, *blocks])


def _of_all(
    check: SetCheck, selected: tuple[Exchange, ...], evidence: Evidence, *, explain: bool
) -> Verdict:
    judgement = check.judge_all(selected, evidence)
    seen = "; ".join(f"{row.field}: {row.actual}" for row in judgement.rows if not row.ok)
    but = "that is not known" if judgement.unknown else check.denial()
    message = f"expected the client to {check.sentence()}; {but} ({seen})."
    passed = judgement.passed
    return Verdict(
        check=check.name,
        passed=passed,
        message=check.achieved() if passed else message,
        report=_summary(check, message, judgement, evidence) if explain and not passed else "",
        measured_from=judgement.measured_from,
        settled=judgement.settled,
        settles_ns=judgement.settles_ns,
    )


def _summary(check: Check, message: str, judgement: Judgement, evidence: Evidence) -> str:
    blamed = {item.id: check.name for item in judgement.blamed}
    found = diagnose_all(evidence, blamed)
    told = [one for key in (*blamed, None) for one in found.get(key, ())]
    return f"{message}\n\n{summary(judgement, told)}"


def _but(check: Check, failed: list[Judged], whole: int) -> str:
    """Return what was seen instead, in one line: all of it for one exchange, else of the first."""
    exchange, judgement = failed[0]
    seen = "; ".join(f"{row.field}: {row.actual}" for row in judgement.rows if not row.ok)
    if whole == 1:
        return f"{check.denial()} ({seen})"
    return f"in {len(failed)} of {whole} exchanges {check.denial()} (#{exchange.seq} {seen})"


def _nothing(check: Check, evidence: Evidence, *, explain: bool) -> Verdict:
    message = f"expected the client to {check.sentence()}; "
    if not evidence.exchanges:
        message += NONE_REACHED
        return Verdict(check.name, passed=False, message=message, report=message, settled=False)
    message += f"of {counted(len(evidence.exchanges), 'exchange')} none fits {check.where}."
    report = _nearest_first(check.where, message, evidence.exchanges) if explain else ""
    return Verdict(check.name, passed=False, message=message, report=report, settled=False)


def _nearest_first(where: Where, message: str, exchanges: tuple[Exchange, ...]) -> str:
    """Return the message, the exchange that nearly fits, field by field, and the newest others."""
    compared = [(item, where.compare(item)) for item in exchanges[-_COMPARED:]]
    nearest, rows = max(compared, key=lambda pair: sum(map(_likeness, pair[1])))
    if not rows:  # only the nth was asked for, and there are not so many
        return "\n".join([message, "", *map(overview, exchanges[-_SHOWN:])])
    others = [item for item in exchanges if item is not nearest][-_SHOWN:]
    shown = "\n".join(map(overview, others))
    return "\n\n".join(
        [f"{message} The nearest:", block(nearest, Judgement(rows), ()), *filter(None, [shown])]
    )


def _likeness(row: Row) -> float:
    return SequenceMatcher(None, row.expected, row.actual).ratio()


def _miscounted(check: Check, count: int, selected: tuple[Exchange, ...]) -> Verdict:
    message = (
        f"expected the client to {check.sentence()} in exactly {counted(count, 'exchange')}; "
        f"there {'is' if len(selected) == 1 else 'are'} {len(selected)}."
    )
    report = "\n".join([message, "", *map(overview, selected[-_SHOWN:])])
    too_many = len(selected) > count
    return Verdict(check.name, passed=False, message=message, report=report, settled=too_many)


def _internal(check: Check, broken: list[Exchange]) -> Verdict:
    message = (
        f"mockai itself failed in exchange #{broken[0].seq} ({broken[0].error}); "
        "no verdict of this session can be trusted. Please report it."
    )
    return Verdict(check.name, passed=False, message=message, report=message)
