"""An exchange from its JSON form: from a journal file, or from a server's answer.

What the form leaves out is not invented: there is no schedule, so nothing can be said of an
instant between two events, and the clock is the wall's, to the millisecond.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mockai.core.exchange import (
    Bill,
    Cause,
    Connection,
    Delivery,
    Disconnect,
    Exchange,
    Hold,
    MarkSeen,
    Outcome,
    Phase,
    RequestFacts,
    Timing,
    Tokens,
)


@dataclass(frozen=True, slots=True)
class _Read:
    """The JSON form, as far as it is needed; keys that are not known are left out."""

    id: str
    seq: int
    session: str = "default"
    generation: int = 1
    request: Mapping[str, Any] = field(default_factory=dict)
    scenario: str | None = None
    seed: int | None = None
    ordinal: int | None = None
    request_id: str = ""
    completion_id: str | None = None
    status: int | None = None
    outcome: Outcome = "open"
    cause: Cause | None = None
    error: str | None = None
    phase: Phase = "receiving"
    disconnect: Disconnect | None = None
    marks: tuple[MarkSeen, ...] = ()
    holds: tuple[Hold, ...] = ()
    tokens: Tokens = field(default_factory=Tokens)
    paced: bool = False
    delivery: Delivery = field(default_factory=Delivery)
    timing: Timing = field(default_factory=Timing)
    connection: Connection = field(default_factory=Connection)
    half_closed_s: float | None = None
    retry_of: str | None = None
    bill: Bill | None = None


MOST = 10**12
"""No time in seconds, no count and no sum of dollars is larger, or the file has been edited."""
_FREE = ("body", "seed")
"""May hold whatever number a client or a scenario liked."""
_EXCHANGE = TypeAdapter(_Read)
_REQUEST = TypeAdapter(RequestFacts)


def exchange_of(data: Mapping[str, Any]) -> Exchange:
    """Return the exchange. Raises `ValueError` when the data is none."""
    try:
        read = _EXCHANGE.validate_python(data)
        request = _REQUEST.validate_python({**read.request, "body": _body(read.request)})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"no exchange: {place}: {first['msg']}") from None
    if not all(map(_is_sane, _figures(data))) or not all(map(_is_sane, _costs(read.bill))):
        raise ValueError(f"no exchange: a figure in it is beyond {MOST:.0e}")
    known = {f.name: getattr(read, f.name) for f in fields(read)}
    return Exchange(**{**known, "request": request, "received_ns": _received_ns(read.timing)})


def exchanges_of_json(items: Iterable[Mapping[str, Any]]) -> tuple[list[Exchange], int]:
    """Return the exchanges, oldest first, and how many entries were none."""
    found, unread = [], 0
    for item in items:
        try:
            found.append(exchange_of(item))
        except ValueError:
            unread += 1
    return sorted(found, key=lambda item: (item.received_ns, item.seq)), unread


def _figures(value: Any) -> Iterator[float]:
    """Yield every number that is reckoned with."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _FREE:
                yield from _figures(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _figures(inner)
    elif isinstance(value, int | float):
        yield value


def _costs(bill: Bill | None) -> Iterator[Decimal]:
    for text in (bill.cost_usd, bill.wasted_usd) if bill is not None else ():
        try:
            yield Decimal(text or 0)
        except InvalidOperation:
            raise ValueError(f"no exchange: bill: no sum of dollars: {text!r}") from None


def _is_sane(figure: float | Decimal) -> bool:
    """Say whether arithmetic with a figure has a result."""
    return isfinite(figure) and -MOST <= figure <= MOST


def _body(request: Mapping[str, Any]) -> bytes:
    body = request.get("body")
    return b"" if body is None else json.dumps(body).encode()


def _received_ns(timing: Timing) -> int:
    """Return the instant of receipt in nanoseconds of Unix time; 0 when it is not known."""
    try:
        return round(datetime.fromisoformat(timing.received_at).timestamp() * 1e3) * 1_000_000
    except (ValueError, OverflowError):
        return 0
