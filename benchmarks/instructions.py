"""How many instructions a request costs, those of the kernel left out, by valgrind's callgrind.

`python -m benchmarks.instructions` prints them for mockai and the naive server; it needs valgrind.
Unlike seconds they are the same on a busy machine, and unlike calls of Python they show what no
profiler of Python does: how a call passes its arguments, or a frozen dataclass sets its fields.
They say nothing of caches, so believe a saving only when `python -m benchmarks` shows it too.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import Answer, Server, Tools, running

WARM_UP, ASKED = 50, 100
NO_TOOLS = Tools("", "")
_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked again and again; `anew` on a connection of its own each time."""

    name: str
    tokens: int
    stream: bool
    anew: bool = False


ASKINGS = (
    Asking("a plain request", 200, stream=False),
    Asking("200 unpaced tokens", 200, stream=True),
    Asking("a connection and 3 unpaced tokens", 3, stream=True, anew=True),
)


def ask(server: Server, asking: Asking, times: int) -> None:
    """Ask so many times, one after the other."""
    message = {"role": "user", "content": "Tell me a story"}
    question = {"model": "gpt-4o-mini", "stream": asking.stream, "messages": [message]}
    headers = {"Authorization": "Bearer sk-bench", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for _ in range(times):
        connection.request("POST", "/v1/chat/completions", json.dumps(question), headers)
        connection.getresponse().read()
        if asking.anew:
            connection.close()
    connection.close()


def counted(name: str, asking: Asking, directory: Path) -> float:
    """Return the instructions of one request, the mean of a hundred."""
    out = directory / "out"
    callgrind = ["--tool=callgrind", f"--callgrind-out-file={out}", "--instr-atstart=no", "-q"]
    answer = Answer(asking.tokens, 0, 0)
    with running(name, answer, NO_TOOLS, under=["valgrind", *callgrind]) as server:
        ask(server, asking, WARM_UP)
        tell(server, "--instr=on")
        ask(server, asking, ASKED)
        tell(server, "--instr=off")
        tell(server, "--dump")
    found = [_TOTAL.search(path.read_text(errors="replace")) for path in directory.glob("out.*")]
    return max(int(total[1]) for total in found if total) / ASKED


def tell(server: Server, what: str) -> None:
    """Tell callgrind."""
    command = ["callgrind_control", what, str(server.pid)]
    subprocess.run(command, check=True, capture_output=True)


def table() -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| instructions | mockai | naive |"
    yield "| --- | --- | --- |"
    for asking in ASKINGS:
        cells = []
        for name in ("mockai", "naive"):
            with tempfile.TemporaryDirectory(prefix="mockai-bench-") as directory:
                cells.append(f"{counted(name, asking, Path(directory)):,.0f}")
        yield f"| {asking.name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    if shutil.which("valgrind") is None:
        raise SystemExit("this needs valgrind, and its callgrind_control")
    for line in table():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
