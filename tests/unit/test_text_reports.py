"""The report as text and as Markdown, word for word; what clients said does nothing in either."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockai.core.markdown_report import render_markdown
from mockai.core.markup import fenced, markdown_text
from mockai.core.run_report import RunReport
from mockai.core.text_report import render_checks, render_text
from tests.support.golden import golden
from tests.support.reports import empty_report, sample_report

FORMS = [
    ("report.txt", render_text, sample_report()),
    ("report_empty.txt", render_text, empty_report()),
    ("report.md", render_markdown, sample_report()),
    ("report_empty.md", render_markdown, empty_report()),
]


@pytest.mark.parametrize("name,render,report", FORMS, ids=[name for name, *_ in FORMS])
def test_the_report_reads_like_this(name: str, render: object, report: RunReport) -> None:
    """Word for word."""
    assert callable(render)
    assert render(report) == golden(name) + "\n"


def test_the_first_line_of_the_summary_says_it_all() -> None:
    """It is what a pull request's page shows first."""
    first, *_ = render_markdown(sample_report()).splitlines()
    assert first == "**1 of 2 cancels did not cancel; 388 tokens wasted**"


def test_a_terminal_is_not_told_what_to_do() -> None:
    """No escape sequence, no carriage return, no bell reaches it."""
    for text in (render_text(sample_report()), render_checks(sample_report())):
        assert not {char for char in text if ord(char) < 32} - {"\n"}


@given(st.text())
def test_no_text_is_taken_for_markdown(text: str) -> None:
    """It stays on its line and in its cell, and nothing in it is a tag."""
    shown = markdown_text(text)
    assert "\n" not in shown
    assert "<" not in shown
    assert "|" not in shown.replace("\\|", "")


@given(st.text(alphabet="`~a\n"))
def test_no_text_ends_its_own_block(text: str) -> None:
    """The fence is longer than any run of backticks inside."""
    fence = fenced(text).split("text\n", 1)[0]
    assert fence not in text
