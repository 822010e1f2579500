"""`mockai report`: what a running server saw, or what a journal file says, in one of five forms."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mockai.cli.judging import add_judging_options, demands_of
from mockai.cli.options import OptionError, add_option, choice
from mockai.cli.outputs import say, write_outputs
from mockai.core.report_forms import FORMS, draw

if TYPE_CHECKING:
    from mockai.client.reports import Demand
    from mockai.core.run_report import RunReport

_WAIT_S = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE.jsonl", help="a journal of `serve --journal`"
    )
    add_option(parser, "--url", default="http://127.0.0.1:8080", help="the server to ask")
    add_option(
        parser, "--session", help="the session to report of; a server's 'default', all of a file"
    )
    add_option(
        parser,
        "--format",
        kind=choice(FORMS),
        default="text",
        help="what is printed: text, json, junit, markdown, html",
    )
    add_judging_options(parser, wait_s=_WAIT_S)


def run(asked: argparse.Namespace) -> int:
    """Print the report; 1 when a check failed."""
    from mockai.core.errors import ScenarioError

    try:
        demands = demands_of((), asked.checks)
    except ScenarioError as error:
        say(f"mockai: {error}")
        return 1
    report = _from_server(asked, demands) if asked.file is None else _from_file(asked, demands)
    print(draw(report, asked.format), end="")
    write_outputs(asked, report)
    return 0 if report.passed else 1


def _from_server(asked: argparse.Namespace, demands: list[Demand]) -> RunReport:
    from mockai.client.reports import run_report
    from mockai.client.transport import run as drive

    url, session = asked.url.rstrip("/").removesuffix("/v1"), asked.session or "default"
    title = f"session '{session}' at {url}"
    return drive(url, run_report(session, demands, title=title, wait=asked.wait))


def _from_file(asked: argparse.Namespace, demands: list[Demand]) -> RunReport:
    from mockai.core.journal_report import journal_report

    try:
        text = asked.file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise OptionError(f"cannot read {asked.file}: {error.strerror}") from None
    return journal_report(text, demands, title=str(asked.file), session=asked.session)
