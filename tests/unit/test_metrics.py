"""What Prometheus reads is what happened."""

from __future__ import annotations

import re
from typing import Any

from mockai.core.exchange import (
    Bill,
    Disconnect,
    Exchange,
    PaceError,
    RequestFacts,
    Timing,
    Tokens,
)
from mockai.core.metrics import Metrics, render
from mockai.core.recorder import Recorder

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+')


def recorder(number: int) -> Recorder:
    """Return the record of a request that has just arrived."""
    made = Recorder(
        id=f"ex_{number}", seq=number, session="s", generation=1, received_ns=0, received_at="",
        request=RequestFacts(),
    )  # fmt: skip
    made.progress.frames = number
    return made


def exchange(number: int, **facts: Any) -> Exchange:
    """Return an exchange that has ended."""
    return Exchange(
        id=f"ex_{number}", seq=number, session="s", generation=1, received_ns=0,
        request=RequestFacts(), **facts,
    )  # fmt: skip


def cancelled(number: int, phase: Any = "streaming") -> Exchange:
    """Return an exchange that the client left."""
    return exchange(
        number,
        outcome="cancelled",
        phase=phase,
        disconnect=Disconnect("fin", None, 0.1, 12),
        tokens=Tokens(prompt=21, planned=400, generated=14, written=12),
        bill=Bill("stop-now", 21, 14, 2),
    )


def text_of(metrics: Metrics, **gauges: tuple[float, str]) -> str:
    """Return the text of `/metrics`."""
    return render(metrics, version="1.2", gauges=gauges)


def test_a_server_that_has_seen_nothing_says_so() -> None:
    """Every family is described, so that a dashboard can be made before anything happens."""
    lines = text_of(Metrics()).splitlines()
    assert 'mockai_info{version="1.2"} 1' in lines
    assert "mockai_streams_open 0" in lines
    described = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert described >= {"mockai_cancels_total", "mockai_tokens_total", "mockai_events_total"}


def test_open_streams_and_their_events_count_at_once() -> None:
    """A scrape in the middle of a stream sees what the kernel has taken of it by then."""
    metrics = Metrics()
    metrics.received(recorder(3))
    metrics.received(recorder(4))
    assert (metrics.open, metrics.events) == (2, 7)
    metrics.ended(cancelled(3))
    assert (metrics.open, metrics.events) == (1, 7)


def test_cancels_are_counted_by_how_and_phase_and_tokens_by_kind() -> None:
    """The figures are sums over the exchanges that have ended."""
    metrics = Metrics()
    for number, phase in enumerate(["streaming", "streaming", "before_headers"]):
        metrics.ended(cancelled(number, phase))
    metrics.ended(exchange(9, outcome="failed", cause="refused"))
    lines = text_of(metrics).splitlines()
    assert 'mockai_cancels_total{how="fin",phase="streaming"} 2' in lines
    assert 'mockai_cancels_total{how="fin",phase="before_headers"} 1' in lines
    assert 'mockai_exchanges_total{outcome="failed",cause="refused"} 1' in lines
    kinds = {"prompt": 63, "planned": 1200, "generated": 42, "written": 36}
    for kind, count in {**kinds, "billed": 42, "wasted": 6}.items():
        assert f'mockai_tokens_total{{kind="{kind}"}} {count}' in lines


def test_drift_is_a_histogram_of_seconds() -> None:
    """Buckets are cumulative, the last holds all, and the maximum is kept apart."""
    metrics = Metrics()
    for number, p99_ms in enumerate([0.4, 1.5, 30.0]):
        late = Timing(pace_error_ms=PaceError(0.1, p99_ms, p99_ms * 2))
        metrics.ended(exchange(number, outcome="completed", timing=late))
    lines = text_of(metrics).splitlines()
    bucket = "mockai_pace_error_seconds_bucket"
    counts = [line.rpartition(" ")[2] for line in lines if line.startswith(bucket)]
    assert counts == ["1", "2", "2", "2", "2", "3", "3", "3", "3"]
    assert f'{bucket}{{le="+Inf"}} 3' in lines
    assert "mockai_pace_error_seconds_sum 0.0319" in lines
    assert "mockai_pace_error_seconds_max 0.06" in lines


def test_every_line_has_the_form_that_prometheus_reads() -> None:
    """Labels are escaped, numbers are plain, and each family stands once, described."""
    metrics = Metrics()
    metrics.received(recorder(1))
    metrics.ended(cancelled(1))
    metrics.refused('odd"\\\ncode')
    text = text_of(metrics, sessions=(3, "Live sessions."), lost_total=(1e9, "Lost."))
    assert text.endswith("\n")
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    odd = [line for line in samples if not SAMPLE.fullmatch(line)]
    assert odd == [r'mockai_refused_total{code="odd\"\\\ncode"} 1']
    described = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(described) == len(set(described))
    assert "# TYPE mockai_lost_total counter" in text
    assert "mockai_lost_total 1000000000" in text
