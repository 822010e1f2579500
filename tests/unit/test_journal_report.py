"""A journal file tells what the server would have told."""

from __future__ import annotations

from dataclasses import replace

from mockai.core.checks.base import Check, Where
from mockai.core.checks.cancelled import Cancelled
from mockai.core.checks.completed import Completed
from mockai.core.exchange import Exchange
from mockai.core.journal_file import line
from mockai.core.journal_report import journal_report
from mockai.core.run_report import RunReport
from tests.support.reports import exchanges


def journal(*seen: Exchange) -> str:
    """Return what a server writes: a line at receipt, a second at the end."""
    lines = []
    for exchange in seen:
        lines.append(line("received", replace(exchange, outcome="open", bill=None)))
        lines += [line("ended", exchange)] if exchange.ended else []
    return b"".join(lines).decode()


def report_of(text: str, *checks: Check, session: str | None = None) -> RunReport:
    """Return the report of a file."""
    demands = [("checks.yaml", check) for check in checks]
    return journal_report(text, demands, title="run.jsonl", session=session)


def test_everything_that_was_recorded_is_reported() -> None:
    """Exchanges as they ended, costs, findings."""
    report = report_of(journal(*exchanges()))
    assert [item.to_json() for item in report.exchanges] == [i.to_json() for i in exchanges()]
    assert report.headline() == "1 of 2 cancels did not cancel; 388 tokens wasted"
    assert "refused" in {finding.name for finding in report.findings}
    assert report.title == "run.jsonl"


def test_checks_are_judged_by_the_file() -> None:
    """The first was cancelled 20 ms after its mark; the second was read to its end."""
    good = Cancelled(within=0.25, where=Where(nth=1))
    report = report_of(journal(*exchanges()), good, Cancelled(where=Where(nth=2)), Completed())
    assert [item.state for item in report.judged] == ["passed", "failed", "failed"]
    assert report.judged[0].verdict.measured_from == "mark 'stop'"


def test_what_is_missing_is_said() -> None:
    """A torn line, a form that is not known, an exchange without an end."""
    text = journal(*exchanges()) + '{"event": "ended", "exchange": {"id": "x"}}\n{"event": "rec'
    assert report_of(text).remarks == (
        "1 of 9 lines could not be read: torn by a sudden end, or not a journal's",
        "1 exchanges are of a form that is not known here",
        "1 exchanges have no end in the file: they were open when it stopped",
    )
    assert report_of(journal(exchanges()[0])).remarks == ()


def test_one_session_of_a_file_can_be_asked_for() -> None:
    """Each by itself, or all together."""
    one, two, *_ = exchanges()
    text = journal(replace(one, session="a"), replace(two, session="b"))
    assert [item.seq for item in report_of(text, session="b").exchanges] == [2]
    assert report_of(text, session="b").title == "session 'b' in run.jsonl"
    assert len(report_of(text).exchanges) == 2


def test_an_empty_file_has_a_report() -> None:
    """Nothing came."""
    assert report_of("").headline() == "no request reached mockai; 0 tokens wasted"
