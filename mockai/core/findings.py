"""Diagnoses that nobody asked for: what a wrong exchange looks like, and the usual cure.

One finding, one function, one entry in `_FINDINGS`. A finding is only a likely cause: it is
printed where a check failed, and never decides one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mockai.core.checks.base import Evidence
from mockai.core.exchange import Exchange
from mockai.core.units import show_seconds


@dataclass(frozen=True, slots=True)
class Finding:
    """A likely cause: its name, what was seen and what usually cures it, and in which exchange."""

    name: str
    explanation: str
    exchange: str


def diagnose(exchange: Exchange, evidence: Evidence) -> list[Finding]:
    """Return what can be said about one exchange."""
    found = [(name, look(exchange, evidence)) for name, look in _FINDINGS.items()]
    return [Finding(name, text, exchange.id) for name, text in found if text is not None]


def _drained(exchange: Exchange, evidence: Evidence) -> str | None:  # noqa: ARG001
    if exchange.outcome != "completed" or not exchange.marks:
        return None
    mark = exchange.marks[-1]
    if exchange.tokens.written <= mark.token:
        return None
    return (
        f"The stream was read to its end after the mark '{mark.name}': the flag is set, the "
        "stream is never closed. Leave the loop and close the response (`with`, "
        "`await stream.close()`, `controller.abort()`)."
    )


def _left_open(exchange: Exchange, evidence: Evidence) -> str | None:
    if exchange.ended:
        return None
    since_s = (evidence.now_ns - exchange.received_ns) / 1e9
    held = exchange.holds and exchange.holds[-1].for_s is None
    where = f", held at '{exchange.holds[-1].name}'" if held else ""
    return (
        f"The connection is still open after {show_seconds(since_s)}{where}: nothing has closed "
        "the stream. Leaving the loop does not: close the response (`with`, "
        "`await stream.close()`, `controller.abort()`)."
    )


def _refused(exchange: Exchange, evidence: Evidence) -> str | None:  # noqa: ARG001
    if exchange.cause != "refused" or not exchange.error:
        return None
    return f"mockai answered {exchange.status}: {exchange.error}"


_FINDINGS: dict[str, Callable[[Exchange, Evidence], str | None]] = {
    "drained": _drained,
    "left-open": _left_open,
    "refused": _refused,
}
