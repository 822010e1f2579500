"""Findings about cancels that hit another stream than the one that was meant."""

from __future__ import annotations

from mockai.core.exchange import Exchange
from mockai.core.findings.base import ENDS, Case, Kind, Signs, marked
from mockai.core.repeats import ended_ns
from mockai.core.units import show_seconds

STILLBORN_S = 0.25
"""A request that is left so soon had hardly begun."""
TOGETHER_NS = 20_000_000


def _wrong_stream(case: Case) -> Signs | None:
    mark = case.mark
    if mark is None or not case.ran_on or case.was_early:
        return None
    hit = (case.obedient() if case.check in ENDS else None) or _stillborn_after(case)
    if hit is None:
        return None
    return Signs(
        f"After the mark '{mark.name}' this one ran on, but #{hit.seq} was left: the cancel hit "
        "another stream than the one that was meant.",
        (marked(mark), f"#{hit.seq} left at token {hit.tokens.written}"),
    )


def _stillborn_after(case: Case) -> Exchange | None:
    """Return a request that came after the mark, and was left at once without a mark of its own."""
    mark = case.mark
    if mark is None:
        return None
    mark_ns = case.exchange.received_ns + round(mark.at_s * 1e9)
    for item in case.evidence.exchanges:
        left = item.disconnect
        if left is None or item.marks or item.received_ns <= mark_ns:
            continue
        if left.at_s <= STILLBORN_S:
            return item
    return None


WRONG_STREAM = Kind(
    "wrong-stream",
    "this one ran on after the mark, but another was left: the cancel hit the wrong one",
    "Make a new AbortController (or task) for each request, and keep it with that request.",
    _wrong_stream,
)


def _cancels_too_much(case: Case) -> Signs | None:
    if case.check != "completed" or case.exchange.outcome != "cancelled":
        return None
    at_ns = ended_ns(case.exchange)
    together = [
        item
        for item in case.evidence.exchanges
        if item.outcome == "cancelled"
        and item is not case.exchange
        and abs(ended_ns(item) - at_ns) <= TOGETHER_NS
    ]
    if not together:
        return None
    apart = show_seconds(abs(ended_ns(together[0]) - at_ns) / 1e9)
    others = ", ".join(f"#{item.seq}" for item in together)
    return Signs(
        f"It was left within {apart} of {others}: one signal or one client is shared, and closing "
        "it ends every stream.",
        tuple(f"#{item.seq} left at token {item.tokens.written}" for item in together),
    )


CANCELS_TOO_MUCH = Kind(
    "cancels-too-much",
    "left in the same instant as another: a shared signal or client was closed",
    "Close the one response, not the client, and give each request a signal of its own.",
    _cancels_too_much,
)
