"""`mockai validate`: read scenario files as the server would, and say what is wrong where."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mockai.cli.options import OptionError, add_switch


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="scenario files, or folders of them"
    )
    add_switch(parser, "--schema", help="print the JSON Schema of a scenario file")


def run(asked: argparse.Namespace) -> int:
    """Print the schema if asked for; return 1 when a file holds a mistake."""
    if asked.schema:
        _print_schema()
    elif not asked.files:
        raise OptionError("say which files: mockai validate FILE…")
    missing = [str(path) for path in asked.files if not path.exists()]
    if missing:
        raise OptionError(f"there is no {', no '.join(missing)}")
    return _validate(asked.files) if asked.files else 0


def _print_schema() -> None:
    import json

    from mockai.core.loading import scenario_schema

    print(json.dumps(scenario_schema(), indent=2))


def _validate(files: list[Path]) -> int:
    from mockai.core.errors import ScenarioError
    from mockai.core.loading import read_scenarios

    try:
        found = read_scenarios(files)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 1
    names = ", ".join(scenario.name for scenario in found)
    print(f"valid: {len(found)} {'scenario' if len(found) == 1 else 'scenarios'} ({names})")
    return 0
