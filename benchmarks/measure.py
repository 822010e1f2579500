"""One measurement: a fresh server, a load, and what the server's process used meanwhile."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.servers import RECORDING, Answer, Server, Tools, running

SAMPLE_S = 0.1  # how often the server's RSS is read
SETTLE_S = 0.5  # the last client has left: by now it must have been noticed


@dataclass(frozen=True, slots=True)
class Case:
    """A named load: the answer the server gives, and the load generator's arguments."""

    name: str
    kind: str  # paced, unlimited, plain or detection
    answer: Answer
    streams: int
    load: tuple[str, ...]
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used: CPU seconds, seconds it waited for a core, KB of RSS."""

    cpu_s: float
    waited_s: float
    rss_kb: int


def measure(name: str, case: Case, tools: Tools) -> dict[str, float]:
    """Run one case against one server; return its figures. Raises SystemExit if a stream failed."""
    with running(name, case.answer, tools) as server:
        port = ["--port", str(server.port)]
        _warm_up(server, tools)
        before = usage(server.pid)
        result, peak_kb = _load([tools.loadgen, *case.load, *port], server.pid)
        after = usage(server.pid)
    used = Usage(
        after.cpu_s - before.cpu_s, after.waited_s - before.waited_s, peak_kb - before.rss_kb
    )
    return figures(case, result, used)


def start(name: str, case: Case, tools: Tools) -> dict[str, float]:
    """Start a server as often as the case says; return how long its ready line took, in s."""
    taken, rss_kb = [], 0
    for _ in range(case.runs + 1):
        begun = time.monotonic()
        with running(name, case.answer, tools, script=False) as server:
            taken.append(time.monotonic() - begun)
            rss_kb = usage(server.pid).rss_kb
    # The first may have had bytecode to write.
    return {"start_s": statistics.median(taken[1:]), "rss_mb": rss_kb / 1024, "waited_share": 0.0}


def detect(case: Case, tools: Tools) -> dict[str, float]:
    """Let clients leave; return how long after its `close()` mockai noticed each, in ms."""
    closes: list[tuple[int, int]] = []
    with running(RECORDING, case.answer, tools) as server:
        _warm_up(server, tools)
        before, begun = usage(server.pid), time.monotonic()
        for _ in range(case.runs):
            command = [tools.loadgen, *case.load, "--port", str(server.port)]
            result, _ = _load(command, server.pid)
            closes += [(port, at_ns) for port, at_ns, _ in result["closes"]]
        waited_s = usage(server.pid).waited_s - before.waited_s
        waited_share = waited_s / (time.monotonic() - begun)
        time.sleep(SETTLE_S)
        noticed = server.ask()
    late = sorted((noticed[str(port)] - ns) / 1e6 for port, ns in closes if str(port) in noticed)
    if len(late) < len(closes):
        raise SystemExit(f"{case.name}: {len(closes) - len(late)} clients left unnoticed")
    return {
        "detect_ms_p50": late[(len(late) - 1) // 2],
        "detect_ms_p99": late[math.ceil(0.99 * len(late)) - 1],
        "detect_ms_max": late[-1],
        "cancels": len(late),
        "waited_share": waited_share,
    }


def figures(case: Case, result: dict[str, Any], used: Usage) -> dict[str, float]:
    """Turn what the load generator saw and what the server used into the published figures."""
    units = result["completed"] if case.kind == "plain" else result["contents"]
    shown = {
        "cpu_us": used.cpu_s * 1e6 / units,
        "cpu_share": used.cpu_s / result["seconds"],
        "waited_share": used.waited_s / result["seconds"],
        "rss_kb_per_stream": used.rss_kb / case.streams,
        "per_second": units / result["seconds"],
    }
    for what in ("drift_ms", "error_ms", "ttft_ms", "latency_ms"):
        if result[what]:
            shown[f"{what}_p50"] = result[what]["p50"]
            shown[f"{what}_p99"] = result[what]["p99"]
    return shown


def usage(pid: int) -> Usage:
    """Read what the process and its threads have used so far (Linux)."""
    process = Path(f"/proc/{pid}")
    pages = int((process / "statm").read_text().split()[1])
    rss_kb = pages * os.sysconf("SC_PAGE_SIZE") // 1024
    tasks = [path.read_text().split() for path in process.glob("task/*/schedstat")]
    if tasks:  # nanoseconds; `stat` counts in ticks of 10 ms
        return Usage(
            sum(int(task[0]) for task in tasks) / 1e9,
            sum(int(task[1]) for task in tasks) / 1e9,
            rss_kb,
        )
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return Usage((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), 0.0, rss_kb)


def _warm_up(server: Server, tools: Tools) -> None:
    """Send one request, which the client breaks off: it loads what is loaded late."""
    _load([tools.loadgen, "cancel", "--port", str(server.port)], server.pid)


def _load(command: list[str], pid: int) -> tuple[dict[str, Any], int]:
    """Run the load generator; return what it saw and the server's largest RSS in KB."""
    peak_kb = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while True:
            peak_kb = max(peak_kb, usage(pid).rss_kb)
            try:
                said, _ = process.communicate(timeout=SAMPLE_S)
            except subprocess.TimeoutExpired:
                continue
            break
    if process.returncode:
        raise SystemExit(f"the load generator ended with {process.returncode}")
    result: dict[str, Any] = json.loads(said)
    if result["failed"]:
        raise SystemExit(f"{result['failed']} streams failed: {' '.join(command[1:])}")
    return result, peak_kb
