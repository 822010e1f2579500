"""What is said of a run in one sentence, and all of it as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mockai.core.bills import ledger_of
from mockai.core.exchange import Exchange
from mockai.core.findings import Finding
from mockai.core.findings.not_reached import CLOSED_BY_EXIT
from mockai.core.run_report import Judged, RunReport
from tests.support.facts import cancelled_exchange, completed_exchange, mark_at
from tests.support.reports import bill_of, empty_report, judged, sample_report


def run_of(*exchanges: Exchange) -> RunReport:
    """Return a run in which nothing was demanded."""
    named = tuple(replace(item, id=f"ex_{n}", seq=n) for n, item in enumerate(exchanges, 1))
    return RunReport(title="run", exchanges=named, ledger=ledger_of(named))


CANCELLED = cancelled_exchange()
OBEYED = cancelled_exchange(marks=(mark_at(0.4),))
DRAINED = replace(
    completed_exchange(marks=(mark_at(0.4),), completion_id="c"), bill=bill_of(12_412, 12_400)
)
READ = completed_exchange()

HEADLINES = [
    ([], "no request reached mockai; 0 tokens wasted"),
    ([READ, READ], "2 requests, none of them to be cancelled; 0 tokens wasted"),
    ([READ], "1 request, none of them to be cancelled; 0 tokens wasted"),
    ([CANCELLED, READ], "1 of 1 cancel did cancel; 0 tokens wasted"),
    ([OBEYED, CANCELLED], "2 of 2 cancels did cancel; 0 tokens wasted"),
    ([OBEYED, DRAINED, READ], "1 of 2 cancels did not cancel; 12,400 tokens wasted"),
]


@pytest.mark.parametrize("exchanges,said", HEADLINES, ids=[said for _, said in HEADLINES])
def test_the_headline_says_how_many_cancels_did_not_cancel(
    exchanges: list[Exchange], said: str
) -> None:
    """What was open at a mark, or left early, was a cancel; what was only read was none."""
    assert run_of(*exchanges).headline() == said


def test_a_cancel_that_only_an_exit_made_is_not_counted_as_one() -> None:
    """The sentence must not praise what the check calls inconclusive."""
    report = run_of(CANCELLED, CANCELLED, DRAINED)
    finding = Finding(CLOSED_BY_EXIT.name, "It closed.", "", exchange="ex_1", seq=1)
    assert (
        replace(report, findings=(finding,))
        .headline()
        .startswith("1 of 3 cancels did not cancel, 1 of 3 cancels inconclusive; ")
    )
    alone = replace(run_of(CANCELLED), findings=(finding,))
    assert alone.headline() == "1 of 1 cancel inconclusive; 0 tokens wasted"


def test_where_cancels_are_demanded_a_mark_alone_is_none() -> None:
    """A neighbour that was open at the mark was to survive it."""
    report = run_of(OBEYED, DRAINED)
    check = judged(cancelled={"where": {"nth": 1}})
    assert replace(report, judged=(check,)).headline().startswith("1 of 1 cancel did cancel")
    every = judged(cancelled={})
    assert replace(report, judged=(every,)).headline().startswith("1 of 2 cancels did not cancel")


def state(judged: Judged, *, passed: bool, inconclusive: bool = False) -> Judged:
    """Return a check with another verdict."""
    verdict = replace(judged.verdict, passed=passed, inconclusive=inconclusive)
    return replace(judged, verdict=verdict)


def test_the_checks_are_counted_by_their_fate() -> None:
    """An inconclusive one did not pass."""
    one = sample_report().judged[0]
    good, bad = state(one, passed=True), state(one, passed=False)
    doubtful = state(one, passed=False, inconclusive=True)
    said = {
        (): "nothing was expected: no check was given",
        (good,): "1 check passed",
        (good, good): "2 checks passed",
        (good, bad): "1 of 2 checks failed",
        (good, bad, doubtful): "1 of 3 checks failed, 1 of 3 checks inconclusive",
        (doubtful,): "1 of 1 check inconclusive",
    }
    reports = {checks: replace(empty_report(), judged=checks) for checks in said}
    assert {checks: report.of_checks() for checks, report in reports.items()} == said
    assert [report.passed for report in reports.values()] == [True, True, True] + [False] * 3


def test_the_json_form_has_everything() -> None:
    """It is plain JSON: the forms of the control API, and the sentences."""
    shown = json.loads(json.dumps(sample_report().to_json()))
    assert shown["headline"] == "1 of 2 cancels did not cancel; 388 tokens wasted"
    assert shown["outcomes"] == {"cancelled": 1, "completed": 1, "open": 1, "failed": 1}
    assert [item["passed"] for item in shown["results"]] == [True, False, False]
    assert shown["results"][1]["origin"] == "checks.yaml"
    assert shown["exchanges"][0]["timeline"].startswith("0.00 head 200")
    assert [item["exchange"] for item in shown["findings"]] == ["ex_2", "ex_4", None]
    assert shown["ledger"]["totals"]["wasted_tokens"] == 388
