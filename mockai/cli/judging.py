"""What is demanded of a run, from scenario files and files of checks, and its verdict in words."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mockai.cli.options import add_list, add_option, add_switch, seconds
from mockai.cli.outputs import add_output_options, say, wants_outputs, write_outputs

if TYPE_CHECKING:
    from mockai.client.reports import Demand
    from mockai.core.checks.base import Evidence
    from mockai.core.run_report import RunReport
    from mockai.core.scenario import Scenario


def add_judging_options(parser: argparse.ArgumentParser, *, wait_s: float) -> None:
    """Add what is demanded, how long to wait for it, and where to write what was seen."""
    _add_checks(parser)
    add_option(
        parser, "--wait", kind=seconds, default=wait_s, help="seconds to wait for a verdict at most"
    )
    add_output_options(parser)


def add_gate_options(parser: argparse.ArgumentParser) -> None:
    """Add what is demanded of all that a server has seen when it stops, and where to write it."""
    _add_checks(parser)
    add_switch(
        parser, "--gate", help="exit with 1 when a check, or what a scenario expects, has failed"
    )
    add_output_options(parser)


def _add_checks(parser: argparse.ArgumentParser) -> None:
    add_list(
        parser,
        "--checks",
        kind=Path,
        help="a file of checks, YAML or JSON: a list such as [{cancelled: {within: 250ms}}]",
    )


def demands_of(scenarios: Iterable[Scenario], files: Sequence[Path]) -> list[Demand]:
    """Return what the scenarios expect and what the files say. Raises `ScenarioError`."""
    from mockai.core.checks_file import read_checks

    expected = [
        (f"scenario '{scenario.name}'", check)
        for scenario in scenarios
        for check in scenario.checks
    ]
    return expected + [(str(file), check) for file in files for check in read_checks(file)]


def demands_at_the_end(asked: argparse.Namespace, scenarios: Iterable[Scenario]) -> list[Demand]:
    """Return what is demanded of a server's work; nothing when no report is asked for."""
    wanted = asked.gate or asked.checks or wants_outputs(asked)
    return demands_of(scenarios, asked.checks) if wanted else []


def tell_the_end(asked: argparse.Namespace, seen: Evidence, demands: list[Demand]) -> int:
    """Report on all that a server has seen, if asked to; return the exit code."""
    if not (demands or wants_outputs(asked)):
        return 0
    from mockai.core.journal_report import report_on

    report = report_on(seen, demands, title="mockai serve")
    tell(asked, report)
    return 1 if asked.gate and not report.passed else 0


def tell(asked: argparse.Namespace, report: RunReport) -> None:
    """Say the verdicts on stderr, and write the files that were asked for."""
    from mockai.core.text_report import render_checks

    for line in (report.headline(), *report.remarks):
        say(f"mockai: {line}")
    say(f"mockai: {render_checks(report).rstrip()}")
    write_outputs(asked, report)
