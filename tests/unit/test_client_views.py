"""What the control API answers reads as nouns with a status line."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from mockai.client.views import Exchange, Exchanges, Gate, Held, Mark, build
from mockai.core import exchange as core
from mockai.core.timeline import draw

CANCELLED = core.Exchange(
    id="ex_1",
    seq=4,
    session="s-1",
    generation=1,
    received_ns=0,
    request=core.RequestFacts(path="/v1/chat/completions", model="gpt-4o", body=b'{"n": 1}'),
    scenario="slow-story",
    status=200,
    outcome="cancelled",
    phase="streaming",
    disconnect=core.Disconnect("fin", None, 0.241, 12, "hold-1", {"stop": 0.004}),
    marks=(core.MarkSeen("stop", 1, 0.237, 12, 12),),
    holds=(core.Hold("hold-1", 12, 0.2, 0.041),),
    tokens=core.Tokens(prompt=21, planned=400, generated=12, written=12),
    timing=core.Timing(headers_s=0.001, pace_error_ms=core.PaceError(0.4, 1.1, 1.9)),
    bill=core.Bill("stop-now", 21, 12, 0, "0.0000103"),
)


def seen(exchange: core.Exchange) -> Exchange:
    """Return the exchange as a client of the control API sees it."""
    return Exchange.from_json({**exchange.to_json(), "timeline": draw(exchange)})


def test_an_exchange_has_the_facts_of_the_record() -> None:
    """Each part is the core's own noun; the body is the JSON that was sent."""
    exchange = seen(CANCELLED)
    assert exchange.disconnect == CANCELLED.disconnect
    assert exchange.marks == CANCELLED.marks
    assert exchange.holds == CANCELLED.holds
    assert exchange.tokens == CANCELLED.tokens
    assert exchange.timing == CANCELLED.timing
    assert exchange.bill == CANCELLED.bill
    assert exchange.request.body == {"n": 1}
    assert exchange.timeline == draw(CANCELLED)
    assert exchange.ended


def test_every_field_of_the_record_can_be_read() -> None:
    """A field that the core gains must not be lost on its way to Python."""
    record = CANCELLED.to_json()
    assert record.keys() <= {field.name for field in fields(Exchange)}
    asked = {field.name for field in fields(type(seen(CANCELLED).request))}
    assert asked == {field.name for field in fields(core.RequestFacts)}


def test_another_release_of_the_server_is_understood() -> None:
    """Unknown keys are kept in `json` only, missing ones have their default."""
    answer = {"id": "ex_1", "seq": 1, "weather": "fine", "tokens": {"planned": 3, "lost": 1}}
    exchange = Exchange.from_json(answer)
    assert exchange.tokens == core.Tokens(planned=3)
    assert exchange.json == answer


HELD = replace(CANCELLED, outcome="open", disconnect=None, holds=(core.Hold("hold-1", 12, 0.2),))
UNMARKED = replace(CANCELLED, marks=())

STATUS_LINES = [
    (CANCELLED, "slow-story cancelled at token 12 of 400 (fin, 4 ms after mark 'stop')"),
    (UNMARKED, "slow-story cancelled at token 12 of 400 (fin, while held at 'hold-1')"),
    (
        replace(UNMARKED, disconnect=core.Disconnect("reset", 104, 0.2, 12)),
        "slow-story cancelled at token 12 of 400 (reset)",
    ),
    (
        replace(UNMARKED, tokens=core.Tokens(), phase="receiving"),
        "slow-story cancelled while receiving (fin, while held at 'hold-1')",
    ),
    (HELD, "slow-story open at token 12 of 400 (held at 'hold-1')"),
    (replace(HELD, holds=CANCELLED.holds), "slow-story open at token 12 of 400"),
    (
        replace(CANCELLED, outcome="completed", tokens=core.Tokens(planned=3, written=3)),
        "slow-story completed at token 3 of 3",
    ),
    (
        replace(CANCELLED, outcome="failed", cause="refused", status=404, scenario=None),
        "POST /v1/chat/completions failed (refused, status 404)",
    ),
]


@pytest.mark.parametrize("exchange,line", STATUS_LINES, ids=[line for _, line in STATUS_LINES])
def test_an_exchange_prints_as_what_became_of_it(exchange: core.Exchange, line: str) -> None:
    """One line tells who answered, how far it came, and how the client left."""
    assert repr(seen(exchange)) == f"<Exchange #4 {line}>"


def test_only_an_open_exchange_stands_at_a_gate() -> None:
    """A hold that has ended, or whose exchange has, is no place to stand."""
    assert seen(HELD).standing_at == "hold-1"
    assert seen(CANCELLED).standing_at is None
    assert seen(replace(HELD, outcome="failed")).standing_at is None
    assert seen(replace(HELD, holds=())).standing_at is None


def test_a_gate_lists_who_stands_at_it() -> None:
    """The form of the control API, as nouns."""
    data: dict[str, Any] = {
        "name": "hold-1",
        "open": False,
        "held": [{"exchange": "ex_1", "token": 12, "since_s": 0.5}],
    }
    assert build(Gate, data) == Gate("hold-1", open=False, held=(Held("ex_1", 12, 0.5),))


def test_a_mark_can_be_entered() -> None:
    """`with mockai.mark("stop"):` only shows what belongs to the mark."""
    with Mark("stop", 1) as mark:
        assert mark == Mark("stop", 1)


def test_exchanges_can_be_narrowed_and_show_what_became_of_each() -> None:
    """What a failed assertion prints is read at a glance."""
    left = Exchange("ex_1", 1, scenario="story", outcome="cancelled", phase="before_headers")
    read = Exchange("ex_2", 2, scenario="poem", outcome="failed", cause="refused", status=404)
    both = Exchanges([left, read])
    assert repr(both) == (
        "<2 exchanges: #1 story cancelled while before_headers (how is unknown) · "
        "#2 poem failed (refused, status 404)>"
    )
    assert both.where(outcome="cancelled") == [left]
    assert both.where(outcome="cancelled", seq=2) == []
    assert repr(both.where(seq=2)) == "<1 exchange: #2 poem failed (refused, status 404)>"
    assert repr(Exchanges()) == "<no exchanges>"
    with pytest.raises(AttributeError, match="outcom"):
        both.where(outcom="cancelled")
