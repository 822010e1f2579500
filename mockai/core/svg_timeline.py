"""Timelines as SVG: one exchange in detail, and all of a run below each other.

Colours and fonts are classes, which the page's style knows. Must not know the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import floor, log10

from mockai.core.checks.base import fate
from mockai.core.exchange import Exchange
from mockai.core.markup import html_text
from mockai.core.timeline import Event, events
from mockai.core.units import show_seconds

WIDTH, MARGIN, NAMES = 900, 14, 190
_LANE, _BAR, _AXIS, _ROW = 15, 20, 18, 18
_LETTER = 6.3  # pixels that a letter of a label takes, at 11 px
_MOST_TICKS = 8
_THINNEST = 1.5  # pixels: what took no time is seen too
_SHORTEST_S = 0.001
_POINTS = ("mark", "held", "released", "disconnected", "ended")


@dataclass(frozen=True, slots=True)
class Scale:
    """Seconds to pixels, from `left` to the margin on the right."""

    span_s: float
    left: float = MARGIN

    def x(self, at_s: float) -> float:
        """Return the place of an instant."""
        part = min(max(at_s / self.span_s, 0.0), 1.0)
        return round(self.left + part * (WIDTH - MARGIN - self.left), 1)

    def ticks(self) -> Iterator[float]:
        """Yield round instants, at most eight of them."""
        step = _round_step(self.span_s / _MOST_TICKS)
        for number in range(floor(self.span_s / step + 1e-9) + 1):
            yield number * step


def exchange_svg(exchange: Exchange) -> str:
    """Return one exchange: its phases as a bar, holds hatched, marks and its end as lines."""
    shown = events(exchange)
    scale = Scale(max(_SHORTEST_S, *(event.at_s for event in shown), _end_s(exchange)))
    labels = _lanes([event for event in shown if event.name in _POINTS], scale)
    top = _LANE * (1 + max((lane for _, lane in labels), default=-1))
    parts = [
        *_axis(scale, 0, top + _BAR + 4, words_y=top + _BAR + 15),
        *_phases(exchange, scale, top),
        *_holds(exchange, scale, top),
        *_after_stop(exchange, scale, top),
        *(_point(event, lane, scale, top, exchange.outcome) for event, lane in labels),
    ]
    return _svg(top + _BAR + _AXIS, f"timeline of exchange {exchange.seq}", parts)


def run_svg(exchanges: Sequence[Exchange]) -> str:
    """Return all exchanges, each where it stood in the time of the run; the axis is on top."""
    begin_ns = min(item.received_ns for item in exchanges)
    starts = [(item, (item.received_ns - begin_ns) / 1e9) for item in exchanges]
    span_s = max(_SHORTEST_S, *(start + _end_s(item) for item, start in starts))
    scale = Scale(span_s, NAMES)
    rows = [_row(item, start, place, scale) for place, (item, start) in enumerate(starts)]
    height = _AXIS + _ROW * len(exchanges)
    return _svg(height, "all exchanges", [*_axis(scale, _AXIS - 4, height, words_y=11), *rows])


# ── one exchange ─────────────────────────────────────────────────────────────────────────────


def _phases(exchange: Exchange, scale: Scale, top: float) -> Iterator[str]:
    timing, end_s = exchange.timing, _end_s(exchange)
    headers_s = end_s if timing.headers_s is None else timing.headers_s
    first_s = end_s if timing.first_token_s is None else timing.first_token_s
    spans = (
        ("receiving", "until the head of the answer", 0.0, headers_s),
        ("waiting", "until the first token", headers_s, first_s),
        ("streaming", "streaming", first_s, end_s),
    )
    for kind, words, begin_s, until_s in spans:
        if until_s > begin_s:
            text = f"{words}: {show_seconds(until_s - begin_s)}"
            yield _box(f"phase {kind}", (scale.x(begin_s), scale.x(until_s)), top, text=text)


def _holds(exchange: Exchange, scale: Scale, top: float) -> Iterator[str]:
    for hold in exchange.holds:
        until_s = _end_s(exchange) if hold.for_s is None else hold.at_s + hold.for_s
        text = f"held at '{hold.name}', token {hold.token}: {show_seconds(until_s - hold.at_s)}"
        yield _box("hold", (scale.x(hold.at_s), scale.x(until_s)), top, text=text)


def _after_stop(exchange: Exchange, scale: Scale, top: float) -> Iterator[str]:
    """Underline what came after the stop that did not stop it."""
    written = exchange.tokens.written
    if not exchange.marks or written <= exchange.marks[-1].token:
        return
    mark = exchange.marks[-1]
    text = f"{written - mark.token} tokens after mark '{mark.name}'"
    span = (scale.x(mark.at_s), scale.x(_end_s(exchange)))
    yield _box("after-stop", span, top + _BAR - 5, height=5, text=text)


def _lanes(points: Iterable[Event], scale: Scale) -> list[tuple[Event, int]]:
    """Give each label the lowest lane in which it overlaps no other."""
    free: list[float] = []
    placed = []
    for event in points:
        begin, end = _label_span(event, scale)
        lane = next((place for place, until in enumerate(free) if until < begin), len(free))
        free[lane : lane + 1] = [end]
        placed.append((event, lane))
    return placed


def _label_span(event: Event, scale: Scale) -> tuple[float, float]:
    x, width = scale.x(event.at_s), len(_label(event)) * _LETTER + 6
    return (x - width, x) if _leans_left(x) else (x, x + width)


def _leans_left(x: float) -> bool:
    """Say whether a label stands before its line, because there is no room behind it."""
    return x > WIDTH * 0.62


def _point(event: Event, lane: int, scale: Scale, top: float, outcome: str) -> str:
    x, y = scale.x(event.at_s), top - _LANE * lane - 4
    anchor, text_x = ("end", x - 3) if _leans_left(x) else ("start", x + 3)
    line = f'<line x1="{x}" x2="{x}" y1="{y - 9}" y2="{top + _BAR}"/>'
    text = f'<text x="{text_x}" y="{y}" text-anchor="{anchor}">{html_text(_label(event))}</text>'
    kind = f"ended {outcome}" if event.name == "ended" else event.name
    return f'<g class="point {kind}">{line}{text}</g>'


def _label(event: Event) -> str:
    return f"{event.text} {show_seconds(event.at_s)}"


# ── all of them ──────────────────────────────────────────────────────────────────────────────


def _row(exchange: Exchange, start_s: float, place: int, scale: Scale) -> str:
    top = _AXIS + place * _ROW
    name = _shortened(f"#{exchange.seq} {exchange.scenario or exchange.request.path}")
    end_s = start_s + _end_s(exchange)
    words = f"{name}: {fate(exchange)} after {show_seconds(_end_s(exchange))}"
    span = (scale.x(start_s), scale.x(end_s))
    bar = _box(f"bar {exchange.outcome}", span, top + 3, height=_ROW - 6, text=words)
    text = f'<text x="{NAMES - 8}" y="{top + 13}" text-anchor="end">{html_text(name)}</text>'
    return f'<a href="#{anchor_of(exchange)}">{text}{bar}</a>'


def anchor_of(exchange: Exchange) -> str:
    """Return the name under which a page shows an exchange."""
    return f"exchange-{html_text(exchange.id)}"


def _shortened(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"  # noqa: PLR2004 - what fits


# ── both ─────────────────────────────────────────────────────────────────────────────────────


def _end_s(exchange: Exchange) -> float:
    """Return the last instant that is known of an exchange."""
    timing = exchange.timing
    known = (timing.ended_s, timing.last_write_s, timing.first_token_s, timing.headers_s, 0.0)
    last_s = next(at_s for at_s in known if at_s is not None)
    return max([last_s, *(mark.at_s for mark in exchange.marks)])


def _axis(scale: Scale, top: float, bottom: float, *, words_y: float) -> Iterator[str]:
    for at_s in scale.ticks():
        x, words = scale.x(at_s), show_seconds(at_s) if at_s else "0"
        line = f'<line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}"/>'
        text = f'<text x="{x}" y="{words_y}" text-anchor="middle">{words}</text>'
        yield f'<g class="tick">{line}{text}</g>'


def _box(
    kind: str, span: tuple[float, float], top: float, *, height: float = _BAR, text: str
) -> str:
    width = max(round(span[1] - span[0], 1), _THINNEST)
    place = f'x="{span[0]}" y="{top}" width="{width}" height="{height}"'
    return f'<rect class="{kind}" {place}><title>{html_text(text)}</title></rect>'


def _svg(height: float, label: str, parts: Iterable[str]) -> str:
    box = f'viewBox="0 0 {WIDTH} {height}"'
    return f'<svg {box} role="img" aria-label="{html_text(label)}">{"".join(parts)}</svg>'


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, … (or a tenth of them, and so on) that is enough."""
    magnitude: float = 10.0 ** floor(log10(least))
    return next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= least)
