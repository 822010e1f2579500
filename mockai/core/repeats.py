"""Requests that ask again what was asked before: retries, reconnects, duplicates.

Two requests are the same when their bodies are, byte for byte: the official clients retry so.
Where bodies are not recorded, only the client's own counter of retries tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mockai.core.exchange import Exchange
from mockai.core.keeping import REDACTED

Question = tuple[str, str | None, bytes | str | None]
_REDACTED = REDACTED.encode()


def question_of(exchange: Exchange) -> Question:
    """Return what was asked, such that the same question is equal."""
    request = exchange.request
    known = bool(request.body) and _REDACTED not in request.body
    return (request.method, request.endpoint, request.body if known else request.model)


def repeats(later: Exchange, earlier: Exchange) -> bool:
    """Say whether a request asks again what an earlier one did."""
    if later.retry_of is not None:
        return later.retry_of == earlier.id
    return later.received_ns > earlier.received_ns and (
        question_of(later) == question_of(earlier) and _may_repeat(later)
    )


def retried(exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
    """Yield the requests, in order of receipt, that ask again what an earlier one had asked."""
    asked: set[Question] = set()
    for item in exchanges:
        question = question_of(item)
        if item.retry_of is not None or (question in asked and _may_repeat(item)):
            yield item
        asked.add(question)


def retried_after_cancel(exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
    """Yield the requests that ask again what the client had cancelled by then."""
    known = tuple(exchanges)
    left: dict[Question | str, int] = {}
    for item in known:
        if item.outcome == "cancelled":
            left[item.id] = ended_ns(item)
            question = question_of(item)
            left[question] = min(left.get(question, ended_ns(item)), ended_ns(item))
    for item in known:
        asked: Question | str = item.retry_of or question_of(item)
        if asked in left and item.received_ns >= left[asked] and _may_repeat(item):
            yield item


def ended_ns(exchange: Exchange) -> int:
    """Return the monotonic instant at which an exchange ended (or was received, while open)."""
    return exchange.received_ns + round((exchange.timing.ended_s or 0.0) * 1e9)


def _may_repeat(exchange: Exchange) -> bool:
    """Say whether equal questions mean a repetition: without their bodies not by themselves."""
    by_body = isinstance(question_of(exchange)[2], bytes)
    return by_body or exchange.retry_of is not None or bool(exchange.request.sdk_retry_count)
