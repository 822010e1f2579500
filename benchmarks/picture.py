"""The picture of a run: how late the last token came, each server a bar, on a logarithmic scale.

Pure: rows come in, SVG goes out. It carries its own colours for light and dark pages.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from html import escape

from benchmarks.report import Row, figure_of

WIDTH, LABEL, BAR, GAP, TOP = 720, 190, 16, 14, 64
LEAST_MS, MOST_MS = 0.1, 100_000.0
COLOURS = {"mockai": "#2f7d4f", "floor": "#8a8f98", "naive": "#c0563b"}
OTHER = "#7a5aa6"
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2328}.dim{fill:#59636e}line{stroke:#d1d9e0}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}line{stroke:#3d444d}}"
)


def drawn(rows: list[Row]) -> str:
    """Return the picture of the paced cases: median over the rounds of the drift's p50 and p99."""
    paced = [row for row in rows if row["kind"] == "paced"]
    cases = list(dict.fromkeys(row["case"] for row in paced))
    parts, y = list[str](), TOP
    for case in cases:
        parts.append(f'<text x="0" y="{y + 12}" font-weight="600">{escape(case)}</text>')
        for server in dict.fromkeys(row["server"] for row in paced if row["case"] == case):
            of_both = [r for r in paced if (r["case"], r["server"]) == (case, server)]
            parts += _bar(server, figure_of(of_both, "drift_ms_p50"), of_both, y)
            y += BAR + 4
        y += GAP
    head = (
        '<text x="0" y="16" font-size="14" font-weight="600">How late the last of 200 tokens came'
        '</text><text x="0" y="34" class="dim">milliseconds, median over streams; the thin line '
        "goes to the 99th percentile; logarithmic</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img">'
        f"<style>{STYLE}</style>{head}{''.join(_grid(y))}{''.join(parts)}</svg>\n"
    )


def _bar(server: str, p50: list[float], rows: list[Row], y: int) -> Iterator[str]:
    late, most = statistics.median(p50), statistics.median(figure_of(rows, "drift_ms_p99"))
    colour, middle = COLOURS.get(server, OTHER), y + BAR // 2
    end = _x(late)
    yield f'<text x="{LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(server)}</text>'
    yield f'<rect x="{LABEL}" y="{y}" width="{end - LABEL:.1f}" height="{BAR}" fill="{colour}"/>'
    yield (
        f'<path d="M{end:.1f} {middle}H{_x(most):.1f}" stroke="{colour}" stroke-width="2"/>'
        f'<text x="{max(end, _x(most)) + 6:.1f}" y="{y + 12}" class="dim">{_shown(late)} '
        f"(p99 {_shown(most)})</text>"
    )


def _grid(bottom: int) -> Iterator[str]:
    for exponent in range(-1, 6):
        x = _x(10.0**exponent)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom - GAP}"/>'
        yield f'<text x="{x:.1f}" y="{TOP - 12}" class="dim" text-anchor="middle">'
        yield f"{10.0**exponent:,g}</text>"


def _x(milliseconds: float) -> float:
    """Return the place of a lateness; what is early or less than the scale stands at its start."""
    inside = min(MOST_MS, max(LEAST_MS, milliseconds))
    share = math.log10(inside / LEAST_MS) / math.log10(MOST_MS / LEAST_MS)
    return LABEL + share * (WIDTH - LABEL - 110)


def _shown(milliseconds: float) -> str:
    return f"{milliseconds:,.0f}" if abs(milliseconds) >= 10 else f"{milliseconds:.1f}"  # noqa: PLR2004
