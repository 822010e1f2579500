"""Requests that ask again what was asked before, as the record links them (`retry_of`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mockai.core.exchange import Exchange


def retried(exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
    """Yield the requests that ask again what an earlier one had asked."""
    return (item for item in exchanges if item.retry_of is not None)


def retried_after_cancel(exchanges: Iterable[Exchange]) -> Iterator[tuple[Exchange, Exchange]]:
    """Yield each request that asks again what the client had cancelled, and what that was."""
    known = tuple(exchanges)
    left = {item.id: item for item in known if item.outcome == "cancelled"}
    for item in known:
        if item.retry_of in left:
            yield item, left[item.retry_of]


def chains(exchanges: Iterable[Exchange]) -> Iterator[list[Exchange]]:
    """Yield the attempts of each call that was attempted more than once, oldest first."""
    chain_of: dict[str, list[Exchange]] = {}
    for item in exchanges:
        chain = chain_of.get(item.retry_of or "", [])
        chain.append(item)
        chain_of[item.id] = chain
    yield from {id(chain): chain for chain in chain_of.values() if len(chain) > 1}.values()


def ended_ns(exchange: Exchange) -> int:
    """Return the monotonic instant at which an exchange ended (or was received, while open)."""
    return exchange.received_ns + round((exchange.timing.ended_s or 0.0) * 1e9)
