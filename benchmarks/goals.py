"""The goals, each with what a run has measured of it: a table for people, which judges nothing.

A goal names a figure of a case, or the ratio of two servers' figures in the same round.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import Row, figure_of

COUNTS = Path(__file__).with_name("counts.json")
Measured = Callable[[list[Row]], list[float]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted: `measured` gives a figure for each round, at most (or at least) `limit`.

    `floor` gives the C server's, where it has one: what the machine made of the run.
    """

    what: str
    limit: float
    measured: Measured
    unit: str = ""
    least: bool = False
    digits: int = 2
    floor: Measured | None = None

    def line(self, rows: list[Row]) -> str:
        """Return the row of the table; a dash where the run has not measured it."""
        values = self.measured(rows)
        sign = "≥" if self.least else "≤"
        goal = f"{sign} {self.limit:,.10g}{self.unit}"
        if not values:
            return f"| {self.what} | {goal} | – | | |"
        middle = statistics.median(values)
        is_met = middle >= self.limit if self.least else middle <= self.limit
        floor = self._shown(self.floor(rows)) if self.floor is not None else ""
        verdict = "met" if is_met else "missed"
        return f"| {self.what} | {goal} | {self._shown(values)} | {verdict} | {floor} |"

    def _shown(self, values: list[float]) -> str:
        return f"{statistics.median(values):,.{self.digits}f}{self.unit}" if values else ""


def table(rows: list[Row]) -> str:
    """Return the Markdown table of all goals."""
    lines = [
        "| goal | wanted | measured, median | | the C floor, same run |",
        "| --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *(goal.line(rows) for goal in GOALS)])


def of(kind: str, case: str, figure: str, server: str = "mockai") -> Measured:
    """Return a figure of a case, for each round."""

    def measured(rows: list[Row]) -> list[float]:
        return figure_of(_of_case(rows, kind, case, server), figure)

    return measured


def off(kind: str, case: str, figure: str, server: str = "mockai") -> Measured:
    """Return how far a figure is from nothing: a stream that began late is ahead in the end."""
    measured = of(kind, case, figure, server)
    return lambda rows: [abs(value) for value in measured(rows)]


def ratio(kind: str, case: str, figure: str, to: str) -> Measured:
    """Return mockai's figure over that of another server in the same round."""

    def measured(rows: list[Row]) -> list[float]:
        others = {row["round"]: row["figures"] for row in _of_case(rows, kind, case, to)}
        return [
            row["figures"][figure] / others[row["round"]][figure]
            for row in _of_case(rows, kind, case, "mockai")
            if row["round"] in others
        ]

    return measured


def counted(name: str) -> Measured:
    """Return a committed count, in KB."""
    return lambda _: [json.loads(COUNTS.read_text())["counts"][name] / 1024]


def _of_case(rows: list[Row], kind: str, case: str, server: str) -> list[Row]:
    wanted = (kind, case, server)
    return [row for row in rows if (row["kind"], row["case"], row["server"]) == wanted]


_AT_1000 = "1000 × 50/s"


def _drift(streams: int, limit: float) -> Goal:
    case, figure = f"{streams} × 50/s", "drift_ms_p50"
    return Goal(
        f"drift of the last token, p50, {streams:,} × 50 tokens/s",
        limit,
        off("paced", case, figure),
        " ms",
        floor=off("paced", case, figure, "floor"),
    )


GOALS = (
    _drift(1, 2),
    _drift(100, 2),
    _drift(1_000, 5),
    _drift(1_500, 10),
    Goal(
        "pacing error p50 at 1,000 streams",
        1,
        of("paced", _AT_1000, "error_ms_p50"),
        " ms",
        floor=of("paced", _AT_1000, "error_ms_p50", "floor"),
    ),
    Goal(
        "CPU per paced token at 1,000 streams, to the C floor's",
        1.6,
        ratio("paced", _AT_1000, "cpu_us", "floor"),
        " ×",
    ),
    *(
        Goal(
            f"unlimited, coalesced, answers of {tokens:,} tokens",
            1_000_000,
            of("unlimited", f"{tokens} tokens each", "per_second"),
            " tokens/s",
            least=True,
            digits=0,
            floor=of("unlimited", f"{tokens} tokens each", "per_second", "floor"),
        )
        for tokens in (200, 4_000)
    ),
    Goal(
        "unlimited, one write per token, to the C floor's",
        0.7,
        ratio("unlimited", "4000 tokens, one by one", "per_second", "floor"),
        " ×",
        least=True,
    ),
    Goal(
        "plain requests per second, to the naive aiohttp handler's",
        0.6,
        ratio("plain", "50 connections", "per_second", "naive"),
        " ×",
        least=True,
    ),
    Goal("memory per open stream (1,000)", 20, of("paced", _AT_1000, "rss_kb_per_stream"), " KB"),
    Goal("a finished exchange in the journal", 3, counted("bytes per finished exchange"), " KB"),
    Goal(
        "first token p99, 2,000 streams opened at once (200 ms of it scripted)",
        1_000,
        of("at once", "2000 opened at once", "ttft_ms_p99"),
        " ms",
        digits=0,
        floor=of("at once", "2000 opened at once", "ttft_ms_p99", "floor"),
    ),
    Goal("cold start to the ready line", 0.6, of("start", "to the ready line", "start_s"), " s"),
    Goal(
        "a disconnect is noticed, p50, 1,000 streams open",
        0.5,
        of("detection", "1000 open × 50/s", "detect_ms_p50"),
        " ms",
    ),
    Goal("the same, p99", 10, of("detection", "1000 open × 50/s", "detect_ms_p99"), " ms"),
)
