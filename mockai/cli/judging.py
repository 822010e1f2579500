"""What is demanded of a run, from scenario files and files of checks, and its verdict in words."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mockai.cli.options import add_list, add_option, seconds
from mockai.cli.outputs import add_output_options, say, write_outputs

if TYPE_CHECKING:
    from mockai.client.reports import Demand
    from mockai.core.run_report import RunReport
    from mockai.core.scenario import Scenario


def add_judging_options(parser: argparse.ArgumentParser, *, wait_s: float) -> None:
    """Add what is demanded, how long to wait for it, and where to write what was seen."""
    add_list(
        parser,
        "--checks",
        kind=Path,
        help="a file of checks, YAML or JSON: a list such as [{cancelled: {within: 250ms}}]",
    )
    add_option(
        parser, "--wait", kind=seconds, default=wait_s, help="seconds to wait for a verdict at most"
    )
    add_output_options(parser)


def demands_of(scenarios: Iterable[Scenario], files: Sequence[Path]) -> list[Demand]:
    """Return what the scenarios expect and what the files say. Raises `ScenarioError`."""
    from mockai.core.checks_file import read_checks

    expected = [
        (f"scenario '{scenario.name}'", check)
        for scenario in scenarios
        for check in scenario.checks
    ]
    return expected + [(str(file), check) for file in files for check in read_checks(file)]


def tell(asked: argparse.Namespace, report: RunReport) -> None:
    """Say the verdicts on stderr, and write the files that were asked for."""
    from mockai.core.text_report import render_checks

    say(f"mockai: {report.headline()}")
    say(f"mockai: {render_checks(report).rstrip()}")
    write_outputs(asked, report)
