"""The JUnit file is read by readers of JUnit files, whatever stands in it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from junitparser import Failure, JUnitXml, Skipped, TestSuite

from mockai.core.junit import render_junit
from mockai.core.run_report import Judged, RunReport
from tests.support.reports import empty_report, sample_report, xml_of


def suite_of(report: RunReport) -> TestSuite:
    """Return the one suite, as a foreign reader sees it."""
    (suite,) = JUnitXml.fromstring(render_junit(report).encode())
    assert isinstance(suite, TestSuite)
    return suite


def test_each_check_is_a_case_and_says_who_demands_it() -> None:
    """A failure has the sentence as its message and the whole report as its text."""
    report = sample_report()
    suite = suite_of(report)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (3, 2, 0, 0)
    passed, failed, hostile = suite
    assert (passed.classname, passed.result) == ("checks.yaml", [])
    assert failed.name == "2. cancelled: cancel the stream (nth 2) within 0.25 s"
    (failure,) = failed.result
    assert isinstance(failure, Failure)
    assert failure.type == "failed"
    assert failure.message == report.judged[1].verdict.message
    assert failure.text == report.judged[1].verdict.report
    assert "onerror=alert(1)" in hostile.name


def test_an_inconclusive_check_is_a_failure_of_that_type() -> None:
    """CI must not be green, and must say why."""
    report = sample_report()
    one = report.judged[0]
    doubtful = replace(one, verdict=replace(one.verdict, passed=False, inconclusive=True))
    (case,) = suite_of(replace(report, judged=(doubtful,)))
    assert [failure.type for failure in case.result] == ["inconclusive"]


def test_without_a_check_there_is_a_case_that_was_skipped() -> None:
    """An empty suite is an error to some readers, and green to others; this is neither."""
    suite = suite_of(empty_report())
    (case,) = suite
    assert (suite.tests, suite.skipped, suite.failures) == (1, 1, 0)
    assert isinstance(case.result[0], Skipped)


@given(st.text())
def test_no_text_makes_a_file_that_cannot_be_read(text: str) -> None:
    """Control characters, lone surrogates and markup: in attributes and in texts."""
    one = sample_report().judged[1]
    verdict = replace(one.verdict, message=text, report=text)
    report = replace(sample_report(text), judged=(Judged(text, one.check, verdict),))
    root = xml_of(render_junit(report))
    assert root.find("testsuite/testcase/failure") is not None
