"""`python -m benchmarks.plugin`: what the pytest plugin costs those who do not use it, and who do.

Whole pytest runs, interleaved, in CPU seconds of their process, of which the least count: what
else the machine does only ever adds. What a test pays for its world is timed one by one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mockai.client import AsyncMockAI
from mockai.client.servers import start_server
from mockai.pytest_plugin.worlds import Generations, OwnSessions

ROOT = Path(__file__).parents[1]
PLUGIN = "-pmockai.pytest_plugin"
RUNS: dict[str, tuple[str, list[str]]] = {
    "without": ("def test():\n    pass\n", []),
    "unused": ("def test():\n    pass\n", [PLUGIN]),
    "used once": ("def test(mockai):\n    pass\n", [PLUGIN]),
    "used once, process": ("def test(mockai):\n    pass\n", [PLUGIN, "--mockai-process"]),
}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tests", type=int, default=500)
    asked = parser.parse_args()
    best = dict.fromkeys(RUNS, float("inf"))
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(asked.rounds):
            for name in RUNS:
                best[name] = min(best[name], _run_ms(Path(folder), name))
    for name, ms in best.items():
        _say(f"a run, {name:20} {ms:7.1f} ms of CPU  ({ms - best['without']:+.1f})")
    for name, times in _worlds(asked.tests).items():
        quantiles = statistics.quantiles(times, n=10)
        _say(f"a test, {name:19} {quantiles[4]:7.2f} ms p50, {quantiles[8]:.2f} ms p90")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _run_ms(folder: Path, name: str) -> float:
    """Return the CPU time of a whole run of pytest, in ms; of its own process only."""
    source, options = RUNS[name]
    path = folder / f"test_{name.replace(', ', '_').replace(' ', '_')}.py"
    path.write_text(source)
    command = [sys.executable, "-mpytest", "-q", "-pno:cacheprovider", *options, str(path)]
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **alone}, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name}: pytest ended with status {status}")
    return (used.ru_utime + used.ru_stime) * 1e3


def _worlds(tests: int) -> dict[str, list[float]]:
    """Return how long each test waits for its world to be opened and closed, in ms."""
    server = start_server()
    own, shared = OwnSessions(server, {}), Generations(server, {})
    try:
        return {
            "isolation url": _times(own, tests, lambda _: None),
            "url, mockai_async": _times(own, tests, _async_face),
            "isolation reset": _times(shared, tests, lambda _: None),
        }
    finally:
        server.stop()


def _async_face(client: Any) -> None:
    AsyncMockAI(client.url, session=client.session)


def _times(worlds: Any, tests: int, also: Callable[[Any], None]) -> list[float]:
    times = []
    for _ in range(tests):
        begin = time.perf_counter()
        client = worlds.open("test", {})
        also(client)
        worlds.close("test", client)
        times.append((time.perf_counter() - begin) * 1e3)
    return times


if __name__ == "__main__":
    main()
