"""Findings about requests that never came, or were not answered as scripted."""

from __future__ import annotations

from collections.abc import Iterator

from mockai.core.checks.base import Evidence
from mockai.core.exchange import Exchange
from mockai.core.findings.base import Case, Kind, SetKind, Signs
from mockai.core.sign_of_life import CURE, closed_by_exit

_NOT_FOUND = 404


def _none_reached(evidence: Evidence) -> Iterator[tuple[Exchange | None, Signs]]:
    if not evidence.exchanges:
        yield None, Signs("No request reached mockai.", ("0 requests",))


NONE_REACHED = SetKind(
    "none-reached",
    "no request reached mockai",
    "Is OPENAI_BASE_URL used? A client that is built before it is set, or with a `base_url` of "
    "its own, talks to another server.",
    _none_reached,
)


def _unmatched(case: Case) -> Signs | None:
    exchange = case.exchange
    if not _was_missed(exchange) or not exchange.error:
        return None
    first, *nearest = exchange.error.splitlines()
    text = "\n".join([f"mockai answered {exchange.status}: {first}", *nearest])
    return Signs(text, tuple(line.strip() for line in nearest))


def _was_missed(exchange: Exchange) -> bool:
    missed = (exchange.cause, exchange.status, exchange.scenario) == ("refused", _NOT_FOUND, None)
    return missed and (exchange.error or "").startswith("No scenario")


UNMATCHED = Kind(
    "unmatched",
    "no scenario matches the request; the nearest are named, with the fields that differ",
    "",
    _unmatched,
)


def _refused(case: Case) -> Signs | None:
    exchange = case.exchange
    if exchange.cause != "refused" or not exchange.error or _was_missed(exchange):
        return None
    text = f"mockai answered {exchange.status}: {exchange.error}"
    return Signs(text, (f"status {exchange.status}",))


def _closed_by_exit(case: Case) -> Signs | None:
    said = closed_by_exit(case.exchange, case.evidence.heard_of(case.exchange))
    return None if said is None else Signs(said)


CLOSED_BY_EXIT = Kind(
    "closed-by-exit",
    "nothing but the end of the command may have closed the stream (under `mockai run`)",
    CURE,
    _closed_by_exit,
)


REFUSED = Kind(
    "refused",
    "the request was answered with an error: it is not valid, or its session has ended",
    "",
    _refused,
)
