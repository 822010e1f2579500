"""From measurements to medians, a Markdown table, and the README's place for it.

Knows no server and no clock: a list of rows comes in, text goes out.
"""

from __future__ import annotations

import platform
import statistics
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
LIBRARIES = ("aiohttp", "pydantic", "tiktoken")

Row = dict[str, Any]  # {"case", "kind", "server", "round", "figures": {name: number}}
Column = tuple[str, str, int]  # its title, its figure, its decimals

COLUMNS: dict[str, tuple[Column, ...]] = {
    "paced": (
        ("drift p50, ms", "drift_ms_p50", 2),
        ("drift p99, ms", "drift_ms_p99", 2),
        ("pacing error p50, ms", "error_ms_p50", 2),
        ("pacing error p99, ms", "error_ms_p99", 2),
        ("CPU, µs per token", "cpu_us", 1),
        ("KB per stream", "rss_kb_per_stream", 1),
    ),
    "at once": (
        ("first token after p50, ms", "ttft_ms_p50", 0),
        ("p99, ms", "ttft_ms_p99", 0),
        ("CPU, µs per token", "cpu_us", 1),
        ("KB per stream", "rss_kb_per_stream", 1),
    ),
    "unlimited": (("tokens per second", "per_second", 0), ("CPU, µs per token", "cpu_us", 2)),
    "plain": (
        ("requests per second", "per_second", 0),
        ("CPU, µs per request", "cpu_us", 1),
        ("latency p50, ms", "latency_ms_p50", 2),
        ("latency p99, ms", "latency_ms_p99", 2),
    ),
    "start": (("ready after, s", "start_s", 2), ("resident, MB", "rss_mb", 0)),
    "detection": (
        ("noticed after p50, ms", "detect_ms_p50", 2),
        ("p99, ms", "detect_ms_p99", 2),
        ("max, ms", "detect_ms_max", 2),
        ("cancels per round", "cancels", 0),
    ),
    "leaving": (
        ("streams per round", "streams", 0),
        ("disagreements", "disagreements", 0),
        ("cancels", "cancels", 0),
        ("noticed after p50, ms", "detect_ms_p50", 2),
        ("p99, ms", "detect_ms_p99", 2),
        ("max, ms", "detect_ms_max", 2),
    ),
    "stalled": (
        ("KB per stream", "rss_kb_per_stream", 1),
        ("tokens written", "tokens_written", 0),
        ("KB written", "written_kb", 0),
        ("noticed after p50, ms", "detect_ms_p50", 2),
        ("p99, ms", "detect_ms_p99", 2),
    ),
}
RATIO = "CPU against the floor"


def table(rows: list[Row]) -> str:
    """Return one Markdown table for each kind of case that was measured."""
    tables = [
        _table(kind, columns, [row for row in rows if row["kind"] == kind])
        for kind, columns in COLUMNS.items()
        if any(row["kind"] == kind for row in rows)
    ]
    return "\n\n".join([*tables, _disturbance(rows)])


def _disturbance(rows: list[Row]) -> str:
    shares = [f"{share:.0%}" for share in sorted(figure_of(rows, "waited_share"))]
    middle = shares[(len(shares) - 1) // 2]
    return (
        f"Something else had the server's core for {middle} of a run (median; most {shares[-1]})."
    )


def _table(kind: str, columns: tuple[Column, ...], rows: list[Row]) -> str:
    has_cpu = any("cpu_us" in row["figures"] for row in rows)
    ratio = [RATIO] if has_cpu and any(row["server"] == "floor" for row in rows) else []
    titles = [kind, "server", *(title for title, _, _ in columns), *ratio]
    lines = [titles, ["---"] * len(titles)]
    for case in _distinct(row["case"] for row in rows):
        of_case = [row for row in rows if row["case"] == case]
        for server in _distinct(row["server"] for row in of_case):
            ours = [row for row in of_case if row["server"] == server]
            cells = [_cell(figure_of(ours, name), decimals) for _, name, decimals in columns]
            if ratio:
                cells.append(_cell(against_floor(ours, of_case), 2))
            lines.append([case, server, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def figure_of(rows: list[Row], name: str) -> list[float]:
    """Return one figure of each round."""
    return [row["figures"][name] for row in rows if name in row["figures"]]


def against_floor(rows: list[Row], of_case: list[Row]) -> list[float]:
    """Return, for each round, this server's CPU per unit over the floor's in the same round."""
    floor = {row["round"]: row["figures"]["cpu_us"] for row in of_case if row["server"] == "floor"}
    return [row["figures"]["cpu_us"] / floor[row["round"]] for row in rows if row["round"] in floor]


def _cell(values: list[float], decimals: int) -> str:
    """The median, and from which to which the rounds went."""
    if not values:
        return "–"
    low, middle, high = (
        f"{value:.{decimals}f}" for value in (min(values), statistics.median(values), max(values))
    )
    return middle if low == high else f"{middle} ({low}–{high})"


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def environment() -> dict[str, Any]:
    """Return what the figures depend on; nothing that names the machine."""
    return {
        "cpu": _cpu_model(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": platform.python_compiler(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor()
    lines = cpuinfo.read_text().splitlines()
    return next((ln.partition(":")[2].strip() for ln in lines if ln.startswith("model name")), "")


def paste(readme: Path, text: str) -> None:
    """Put `text` between the markers of a file. Raises ValueError where there are none."""
    before, begin, rest = readme.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{readme.name} has no {BEGIN} … {END}")
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
