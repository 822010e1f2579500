"""One measurement: a fresh server, a load, and what the server's process used meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.servers import Answer, Tools, running

SAMPLE_S = 0.1  # how often the server's RSS is read


@dataclass(frozen=True, slots=True)
class Case:
    """A named load: the answer the server gives, and the load generator's arguments."""

    name: str
    kind: str  # paced, unlimited or plain
    answer: Answer
    streams: int
    load: tuple[str, ...]


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
        _load([tools.loadgen, "cancel", *port], server.pid)  # the first request loads what is lazy
        before = usage(server.pid)
        result, peak_kb = _load([tools.loadgen, *case.load, *port], server.pid)
        after = usage(server.pid)
    if result["failed"]:
        raise SystemExit(f"{name}, {case.name}: {result['failed']} streams failed")
    used = Usage(
        after.cpu_s - before.cpu_s, after.waited_s - before.waited_s, peak_kb - before.rss_kb
    )
    return figures(case, result, used)


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
    return result, peak_kb
