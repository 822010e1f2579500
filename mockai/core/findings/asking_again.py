"""Findings about requests that should not have come: retries, reconnects, agents that go on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from mockai.core.checks.base import Evidence
from mockai.core.exchange import Exchange
from mockai.core.findings.base import GRACE_S, SetKind, Signs
from mockai.core.keeping import REDACTED
from mockai.core.repeats import chains, ended_ns, retried_after_cancel
from mockai.core.units import show_seconds

RECONNECT_S = (0.2, 5.0)
"""An EventSource comes back so long after the end: 3 s unless the stream says otherwise."""

Found = Iterator[tuple[Exchange | None, Signs]]


def _retry_after_abort(evidence: Evidence) -> Found:
    for item, left in retried_after_cancel(evidence.exchanges):
        if left.marks:
            after_s = (item.received_ns - ended_ns(left)) / 1e9
            yield (
                item,
                Signs(
                    f"The same request came again {show_seconds(after_s)} after #{left.seq} had "
                    f"been stopped (mark '{left.marks[-1].name}'): something retries what the user "
                    "has cancelled, and its prompt is paid for again.",
                    (f"#{left.seq} cancelled", *_attempt(item)),
                ),
            )


RETRY_AFTER_ABORT = SetKind(
    "retry-after-abort",
    "the same request came again after it had been stopped",
    "Do not retry what was cancelled: `max_retries=0`, or a retry policy that knows the abort.",
    _retry_after_abort,
)


def _retries(evidence: Evidence) -> Found:
    for same in chains(evidence.exchanges):
        billed = [item for item in same if item.bill and item.bill.prompt_tokens]
        if len(billed) > 1 and not any(item.marks for item in billed):
            yield same[-1], _attempts(same, billed)


def _attempts(same: list[Exchange], billed: list[Exchange]) -> Signs:
    tokens = [item.bill.prompt_tokens + item.bill.completion_tokens for item in billed if item.bill]
    # An SDK counts its attempts; where none does, the program itself has asked again.
    counts = any(item.request.sdk_retry_count for item in same)
    who = "One call was attempted" if counts else "The same was asked, not by an SDK's own retry,"
    return Signs(
        f"{who} {len(same)} times, and {len(billed)} of the attempts are billed: "
        f"{sum(tokens)} tokens in place of {tokens[-1]}.",
        tuple(fact for item in same for fact in _attempt(item)),
    )


def _attempt(item: Exchange) -> tuple[str, ...]:
    return (f"#{item.seq}: retry count {item.request.sdk_retry_count or 0}, {item.outcome}",)


RETRIES = SetKind(
    "retries",
    "a call was attempted several times, and more than one attempt is billed",
    "An SDK's time-out that is shorter than the answer bills it again and again: raise it, or set "
    "`max_retries=0` and decide yourself. A retry of one's own must know what was stopped.",
    _retries,
)


def _reconnect(evidence: Evidence) -> Found:
    before: dict[bytes, list[Exchange]] = defaultdict(list)
    for item in evidence.exchanges:
        earlier = before[item.request.body]
        resumed = item.request.headers.get("last-event-id") is not None
        if resumed or _comes_back(item, earlier):
            seen = f"after #{earlier[-1].seq} had ended" if earlier else "to go on with a stream"
            yield (
                item,
                Signs(
                    f"The same request came by itself {seen}: an EventSource reconnects when its "
                    "stream ends, and every time the whole answer is generated and billed anew.",
                    ("header last-event-id" if resumed else f"{len(earlier) + 1} in a row",),
                ),
            )
        earlier.append(item)


def _comes_back(item: Exchange, earlier: list[Exchange]) -> bool:
    """Say whether it is the third or later in a row, each some time after the end of the last."""
    if any(name.startswith("x-stainless") for name in item.request.headers):
        return False  # the official clients never reconnect
    if not item.request.body or REDACTED.encode() in item.request.body:
        return False  # who knows what was asked
    chain = [*earlier[-2:], item]
    gaps = [
        (later.received_ns - ended_ns(one)) / 1e9
        for one, later in pairwise(chain)
        if one.outcome == "completed"
    ]
    low, high = RECONNECT_S
    return len(gaps) > 1 and all(low <= gap <= high for gap in gaps)


RECONNECT = SetKind(
    "reconnect",
    "an EventSource came back after its stream had ended, and was billed again",
    "Call `close()` when the answer is complete, or use fetch with an AbortController.",
    _reconnect,
)


def _agent_goes_on(evidence: Evidence) -> Found:
    for mark in evidence.marks[-1:]:
        later = [item for item in evidence.exchanges if item.received_ns > mark.at_ns]
        before = [item for item in evidence.exchanges if item.received_ns <= mark.at_ns]
        known = [_messages(item) for item in before] if later else []
        went_on = [item for item in later if _goes_on(item, known, mark.at_ns, evidence)]
        if went_on:
            count = len(went_on)
            yield (
                went_on[0],
                Signs(
                    f"After the mark '{mark.name}' the agent went on: {count} more "
                    f"{'call' if count == 1 else 'calls'} with the results of tools.",
                    tuple(f"#{item.seq}: {item.outcome}" for item in went_on),
                ),
            )


def _goes_on(item: Exchange, known: list[list[Any]], mark_ns: int, evidence: Evidence) -> bool:
    """Say whether a request carries on a conversation from before, with no new word of the user."""
    grace_ns = GRACE_S * evidence.patience * 1e9
    if item.outcome == "cancelled" and ended_ns(item) - mark_ns <= grace_ns:
        return False
    messages = _messages(item)
    last = messages[-1] if messages else None
    if not isinstance(last, Mapping) or last.get("role") not in {"tool", "function"}:
        return False
    return any(one and len(one) < len(messages) and messages[: len(one)] == one for one in known)


def _messages(exchange: Exchange) -> list[Any]:
    try:
        body = json.loads(exchange.request.body)
    except (ValueError, RecursionError):
        return []
    messages = body.get("messages") if isinstance(body, dict) else None
    return messages if isinstance(messages, list) else []


AGENT_GOES_ON = SetKind(
    "agent-goes-on",
    "after the mark more calls came with the results of tools: the loop runs on",
    "Stopping the output does not stop the loop: cancel the run itself (`result.cancel()`, the "
    "task, the signal), and look at it before each call.",
    _agent_goes_on,
)
