"""Two versions of mockai at the same time on one core: what a change costs on a busy machine.

    git worktree add ../before HEAD~1
    python -m benchmarks.together ../before
    python -m benchmarks.together . --python /usr/bin/python3.13    # or by another interpreter

Whatever else the machine does hits both alike, so the ratio of their CPU is good to 1 or 2 % where
`python -m benchmarks` is to 30. It is no figure of a server alone: two of them share the caches.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.measure import usage
from benchmarks.servers import HERE, Answer, Server, Tools, compiled, pin, running

ROUNDS = 5
LOOP = ("loop", "--streams", "25", "--seconds", "2")
PACED = ("paced", "--streams", "500", "--ramp", "1", "--rate", "50")


@dataclass(frozen=True, slots=True)
class Load:
    """What both are asked; `unit` is the load generator's word for what the CPU is divided by."""

    answer: Answer
    arguments: tuple[str, ...]
    unit: str


LOADS: Mapping[str, Load] = {
    "a plain request": Load(Answer(200, 0, 0), (*LOOP, "--plain", "1"), "completed"),
    "an answer of 200 unpaced tokens": Load(Answer(200, 0, 0), LOOP, "completed"),
    "an answer of 4,000 unpaced tokens": Load(Answer(4_000, 0, 0), LOOP, "completed"),
    "a token of 500 streams": Load(Answer(200, 50), PACED, "contents"),
}


@dataclass(frozen=True, slots=True)
class Version:
    """A checkout, and the interpreter that runs it."""

    checkout: Path
    python: str


def ratios(load: Load, versions: tuple[Version, Version], tools: Tools) -> list[float]:
    """Return by round the CPU of the first version's server over that of the second's."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                running("mockai", load.answer, tools, of=each.checkout, python=each.python)
            )
            for each in versions
        ]
        found = [costs(load, servers, tools) for _ in range(ROUNDS + 1)]
    return [ours / others for ours, others in found[1:]]  # the first warms up


def costs(load: Load, servers: list[Server], tools: Tools) -> tuple[float, float]:
    """Load both at once; return the CPU seconds that each took for a unit."""
    before = [usage(server.pid).cpu_s for server in servers]
    loads = []
    for server in servers:
        command = [tools.loadgen, *load.arguments, "--port", str(server.port)]
        loads.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    units = [json.loads(process.communicate()[0])[load.unit] for process in loads]
    after = [usage(server.pid).cpu_s for server in servers]
    ours, others = (
        (end - begun) / count for begun, end, count in zip(before, after, units, strict=True)
    )
    return ours, others


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("other", type=Path, help="the checkout to be compared with")
    parser.add_argument("--python", default=sys.executable, help="the other's interpreter")
    options = parser.parse_args()
    ours = Version(HERE.parent, sys.executable)
    python = shutil.which(options.python)
    if python is None:
        parser.error(f"there is no interpreter {options.python!r}")
    other = Version(options.other.resolve(), str(Path(python).absolute()))
    pin(0, first=False)
    sys.stdout.write("| CPU of | this one's over the other's |\n| --- | --- |\n")
    with compiled() as tools:
        for name, load in LOADS.items():
            found = ratios(load, (ours, other), tools)
            spread = f"({min(found):.2f}–{max(found):.2f})"
            sys.stdout.write(f"| {name} | {median(found):.2f} {spread} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
