"""Options for the files that a report is written to, and how each is drawn."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mockai.cli.options import OptionError, add_option
from mockai.core.report_forms import draw

if TYPE_CHECKING:
    from mockai.core.run_report import RunReport

_FILES = {
    "junit": ("junit", "a JUnit XML file to write: a test case for each check"),
    "summary": ("markdown", "a Markdown file to append to, such as $GITHUB_STEP_SUMMARY"),
    "json": ("json", "a JSON file to write: everything that is known"),
    "html": ("html", "an HTML file to write: one page with timelines, which needs nothing else"),
}


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the files."""
    for name, (_, about) in _FILES.items():
        add_option(parser, f"--{name}", kind=Path, metavar="FILE", help=about)


def wants_outputs(asked: argparse.Namespace) -> bool:
    """Say whether any file was asked for."""
    return any(getattr(asked, name) is not None for name in _FILES)


def write_outputs(asked: argparse.Namespace, report: RunReport) -> None:
    """Write the files that were asked for. Raises `OptionError` for one that cannot be."""
    for name, (form, _) in _FILES.items():
        path: Path | None = getattr(asked, name)
        if path is not None:
            _write(path, draw(report, form), appending=name == "summary")


def _write(path: Path, text: str, *, appending: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if appending else "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OptionError(f"cannot write {path}: {error.strerror}") from None


def say(text: str) -> None:
    """Say something on stderr: stdout is the command's, or the report's."""
    print(text, file=sys.stderr, flush=True)
