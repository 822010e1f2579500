"""What the JSON form of an exchange says can be read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from mockai.core.exchange import INTERNAL, Exchange, PaceError, RequestFacts, Timing
from mockai.core.exchange_json import exchange_of, exchanges_of_json
from mockai.core.timeline import draw
from tests.support.facts import (
    ASKED,
    cancelled_exchange,
    completed_exchange,
    hold_at,
    mark_at,
    open_exchange,
)

BILL = {"policy": "x", "prompt_tokens": 1, "completion_tokens": 1, "wasted_tokens": 0}
AT = "2026-11-23T05:00:00.250Z"
CANCELLED = cancelled_exchange(
    0.5,
    marks=(mark_at(0.4),),
    holds=(hold_at(0.3, for_s=0.2),),
    request=replace(ASKED, headers={"user-agent": "x", "authorization": None}, body=b'{"n": 1}'),
)
EVERY = [CANCELLED, completed_exchange(), open_exchange(), open_exchange(error="no")]


def through_json(exchange: Exchange) -> Exchange:
    """Return what comes back from the file."""
    return exchange_of(json.loads(json.dumps(exchange.to_json())))


@pytest.mark.parametrize("exchange", EVERY, ids=lambda item: item.outcome)
def test_what_is_written_is_read_back(exchange: Exchange) -> None:
    """The form of what was read is the form that was written."""
    assert through_json(exchange).to_json() == exchange.to_json()


def leaves(kind: Any) -> Iterator[Any]:
    """Yield what stands in a type, or in the fields of a noun, in the end."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        for name in hints.keys() - (INTERNAL if kind is Exchange else set()):
            yield from leaves(hints[name])
    elif get_origin(kind) is Literal:
        yield from map(type, get_args(kind))
    elif get_origin(kind) is None:
        yield kind
    else:
        for each in set(get_args(kind)) - {Ellipsis}:
            yield from leaves(each)


def test_whatever_a_field_may_be_can_be_written() -> None:
    """JSON is made by type; `bytes` stands for the body of a request, which has a form of its own.

    Another type needs a line in `exchange._shown`.
    """
    assert {*leaves(Exchange)} == {str, int, float, bool, type(None), bytes}


def test_the_instant_of_receipt_comes_from_the_wall_clock() -> None:
    """So that exchanges stand in order, and as far apart as they were, to the millisecond."""
    timing = Timing(received_at=AT, pace_error_ms=PaceError(0.1, 0.2, 0.3))
    found = through_json(replace(CANCELLED, timing=timing))
    assert found.received_ns == 1_795_410_000_250_000_000
    assert found.timing == timing
    assert through_json(open_exchange()).received_ns == 0


def test_a_timeline_is_not_changed_by_the_rounding_of_its_times() -> None:
    """It was held from 0.1234564 s to its end at 0.1234568 s: nobody released it."""
    held = (hold_at(0.1234564, for_s=0.0000004),)
    left = cancelled_exchange(0.1234568, holds=held)
    assert draw(through_json(left)) == draw(left)
    assert "released" not in draw(left)


def test_a_body_that_was_text_stays_text() -> None:
    """What was no JSON is not turned into something else."""
    found = through_json(open_exchange(request=RequestFacts(body=b"hello")))
    assert found.request.to_json()["body"] == "hello"


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"id": "ex_1"},
        {"id": 1, "seq": 1},
        {"id": "a", "seq": 1, "outcome": "lost"},
        {"id": "a", "seq": 1, "tokens": {"written": "many"}},
        {"id": "a", "seq": 1, "disconnect": {"how": "fin"}},
        {"id": "a", "seq": 1, "request": "GET"},
        {"id": "a", "seq": 1, "request": {"headers": 3}},
        {"id": "a", "seq": 1, "half_closed_s": float("nan")},
        {"id": "a", "seq": 1, "timing": {"ended_s": 1e300}},
        {"id": "a", "seq": 1, "bill": {**BILL, "cost_usd": "a penny"}},
        {"id": "a", "seq": 1, "bill": {**BILL, "cost_usd": "NaN"}},
        {"id": "a", "seq": 1, "bill": {**BILL, "wasted_usd": "1e999999"}},
    ],
    ids=str,
)
def test_what_is_no_exchange_is_told(wrong: dict[str, Any]) -> None:
    """A file that somebody has edited gives no half of an exchange."""
    with pytest.raises(ValueError, match="no exchange: "):
        exchange_of(wrong)


def test_a_seed_and_a_body_may_hold_any_number() -> None:
    """They are shown, not reckoned with."""
    request = replace(ASKED, body=b'{"n": 1e+300}')
    big = open_exchange(seed=2**63, request=request)
    assert through_json(big).to_json() == big.to_json()


def test_a_newer_server_may_say_more() -> None:
    """Keys that are not known here are left out."""
    data = {**CANCELLED.to_json(), "weather": "fine", "timeline": "0.00 head"}
    assert exchange_of(data).to_json() == CANCELLED.to_json()


def test_what_can_be_read_is_read_in_order_of_time() -> None:
    """One bad entry costs only itself."""
    early = {"id": "a", "seq": 9, "timing": {"received_at": AT.replace("250", "249")}}
    late = {"id": "b", "seq": 1, "timing": {"received_at": AT}}
    later = {"id": "c", "seq": 2, "timing": {"received_at": AT}}
    found, unread = exchanges_of_json([later, {}, late, early])
    assert ([item.id for item in found], unread) == (["a", "b", "c"], 1)
