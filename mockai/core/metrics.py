"""Counters of a server since its start, and their text for Prometheus.

Fed with every exchange at receipt and at its end. Text format 0.0.4, written by hand: a dozen
series need no library. Must not know who asks for them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from operator import add

from mockai.core.exchange import Exchange
from mockai.core.recorder import Recorder

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DRIFT_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0)
_TOKEN_KINDS = ("prompt", "planned", "generated", "written", "billed", "wasted")
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Drift:
    """How late streams were: for each that was paced, the p99 of its sample, in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * len(DRIFT_BUCKETS_S))
    """By the least limit that each kept."""
    count: int = 0
    sum_s: float = 0.0
    max_s: float = 0.0

    def add(self, p99_s: float, max_s: float) -> None:
        """Note one stream."""
        self.count += 1
        self.sum_s += p99_s
        self.max_s = max(self.max_s, max_s)
        least = bisect_left(DRIFT_BUCKETS_S, p99_s)
        if least < len(DRIFT_BUCKETS_S):
            self.counts[least] += 1

    @property
    def buckets(self) -> list[int]:
        """For each limit, the streams that were no later."""
        return list(accumulate(self.counts))


class Metrics:
    """What has happened on a server so far. An observer of its sessions."""

    def __init__(self) -> None:
        self.exchanges: Counter[tuple[str, str]] = Counter()
        """By outcome and cause."""
        self.cancels: Counter[tuple[str, str]] = Counter()
        """By how and phase."""
        self.tokens = [0] * len(_TOKEN_KINDS)
        self.refusals: Counter[str] = Counter()
        self.drift = Drift()
        self._open: dict[str, Recorder] = {}
        self._events = 0

    def received(self, recorder: Recorder) -> None:
        """Count a request."""
        self._open[recorder.id] = recorder

    def ended(self, exchange: Exchange) -> None:
        """Count an exchange that is final."""
        recorder = self._open.pop(exchange.id, None)
        if recorder is not None:
            self._events += recorder.progress.frames
        self.exchanges[exchange.outcome, exchange.cause or ""] += 1
        left = exchange.disconnect
        if exchange.outcome == "cancelled" and left is not None:
            self.cancels[left.how, exchange.phase] += 1
        tokens, bill = exchange.tokens, exchange.bill
        billed, wasted = (bill.completion_tokens, bill.wasted_tokens) if bill else (0, 0)
        of_this = (tokens.prompt, tokens.planned, tokens.generated, tokens.written, billed, wasted)
        self.tokens = list(map(add, self.tokens, of_this))
        late = exchange.timing.pace_error_ms
        if late is not None:
            self.drift.add(late.p99 / 1e3, late.max / 1e3)

    def refused(self, code: str) -> None:
        """Count a request or connection that was turned away before it became an exchange."""
        self.refusals[code] += 1

    @property
    def open(self) -> int:
        """Exchanges that run now."""
        return len(self._open)

    @property
    def events(self) -> int:
        """Frames (heads, SSE events, bodies) that the kernel took so far."""
        return self._events + sum(item.progress.frames for item in self._open.values())


def render(metrics: Metrics, *, version: str, gauges: Mapping[str, tuple[float, str]]) -> str:
    """Return the text of `/metrics`; `gauges` are name: (value, help) that others measure."""
    parts = [
        _family("info", "gauge", "The version that runs.", {_labels(version=version): 1}),
        _family("streams_open", "gauge", "Exchanges that run now.", {(): metrics.open}),
        _family("events_total", "counter", "Frames that the kernel took.", {(): metrics.events}),
        _family("exchanges_total", "counter", "Exchanges by outcome.", _exchanges(metrics)),
        _family("cancels_total", "counter", "Cancels by how and phase.", _cancels(metrics)),
        _family("tokens_total", "counter", "Tokens by kind, of ended exchanges.", _tokens(metrics)),
        _family("refused_total", "counter", "Turned away at the door, by code.", _refused(metrics)),
        *_drift(metrics.drift),
    ]
    for name, (value, text) in gauges.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        parts.append(_family(name, kind, text, {(): value}))
    return "".join(parts)


def _exchanges(metrics: Metrics) -> dict[Labels, int]:
    return {
        _labels(outcome=outcome, cause=cause): count
        for (outcome, cause), count in metrics.exchanges.items()
    }


def _cancels(metrics: Metrics) -> dict[Labels, int]:
    return {_labels(how=how, phase=phase): n for (how, phase), n in metrics.cancels.items()}


def _tokens(metrics: Metrics) -> dict[Labels, int]:
    if not metrics.exchanges:
        return {}
    return {_labels(kind=kind): n for kind, n in zip(_TOKEN_KINDS, metrics.tokens, strict=True)}


def _refused(metrics: Metrics) -> dict[Labels, int]:
    return {_labels(code=code): count for code, count in metrics.refusals.items()}


def _drift(drift: Drift) -> Iterator[str]:
    name = "pace_error_seconds"
    lines: dict[Labels, float] = {
        _labels(le=_number(limit_s)): count
        for limit_s, count in zip(DRIFT_BUCKETS_S, drift.buckets, strict=True)
    }
    lines[_labels(le="+Inf")] = drift.count
    yield _head(name, "histogram", "Lateness of writes: the 99th percentile of each paced stream.")
    yield _samples(f"{name}_bucket", lines)
    yield _samples(f"{name}_sum", {(): drift.sum_s}) + _samples(f"{name}_count", {(): drift.count})
    yield _family("pace_error_seconds_max", "gauge", "The latest write so far.", {(): drift.max_s})


def _family(name: str, kind: str, text: str, samples: Mapping[Labels, float]) -> str:
    return _head(name, kind, text) + _samples(name, samples)


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP mockai_{name} {text}\n# TYPE mockai_{name} {kind}\n"


def _samples(name: str, samples: Mapping[Labels, float]) -> str:
    return "".join(
        f"mockai_{name}{_shown(labels)} {_number(value)}\n" for labels, value in samples.items()
    )


def _labels(**labels: str) -> Labels:
    return tuple(labels.items())


def _shown(labels: Iterable[tuple[str, str]]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return f"{round(value, 9):.15g}"
