"""`mockai play FILE`: a scenario as a client would see it, in real time, in the terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mockai.cli.options import OptionError, add_option, number, seconds, speed

if TYPE_CHECKING:
    from mockai.core.scenario import Scenario

_INTERRUPTED = 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a scenario file")
    add_option(parser, "--only", help="the scenario of that name, where there are several")
    add_option(
        parser, "--speed", kind=speed, default=1.0, help="how much faster; inf: without waiting"
    )
    add_option(parser, "--seed", kind=int, help="seed in place of the scenario's own")
    add_option(
        parser, "--calls", kind=number, help="how often it is called (default: once for each turn)"
    )
    add_option(parser, "--model", default="gpt-4o-mini", help="the model that is asked")
    add_option(parser, "--prompt", default="Tell me a story", help="what is asked")
    add_option(
        parser,
        "--release-after",
        kind=seconds,
        default=1.0,
        help="seconds at each gate until it is released, and in a silence until the client leaves",
    )


def run(asked: argparse.Namespace) -> int:
    """Play the scenarios of the file one after the other; 1 when one is not valid."""
    import asyncio

    from mockai.core.errors import ScenarioError

    try:
        asyncio.run(_play(_chosen(asked), asked))
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return _INTERRUPTED
    return 0


async def _play(scenarios: list[Scenario], asked: argparse.Namespace) -> None:
    from mockai.cli.playing import Playing, play
    from mockai.cli.screen import screen_of

    playing = Playing(
        model=asked.model,
        prompt=asked.prompt,
        speed=asked.speed,
        seed=asked.seed,
        calls=asked.calls,
        patience_s=asked.release_after / asked.speed,
    )
    for scenario in scenarios:
        await play(scenario, playing, screen_of(sys.stdout))


def _chosen(asked: argparse.Namespace) -> list[Scenario]:
    from mockai.core.loading import read_scenarios

    if not asked.file.exists():
        raise OptionError(f"there is no {asked.file}")
    found = read_scenarios([asked.file])
    chosen = [scenario for scenario in found if asked.only in (None, scenario.name)]
    if not chosen:
        names = ", ".join(scenario.name for scenario in found)
        raise OptionError(f"no scenario '{asked.only}' in {asked.file}; there are {names}")
    return chosen
