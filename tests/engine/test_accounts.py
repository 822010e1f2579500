"""Four accounts of one session agree to the token: answers, ledger, pages, sum of exchanges."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.billing import bill
from mockai.core.dialects.chat import plan_chat
from mockai.core.exchange import Bill, Connection, Exchange, RequestFacts
from mockai.core.policy import PRESETS, Policy
from mockai.core.prices import shipped_prices
from mockai.core.staging import Staged
from mockai.core.tokens import get_encoding
from mockai.core.usage_pages import newest, usage_page
from mockai.core.usage_query import PageKind, read_query
from mockai.engine.session import Session
from mockai.engine.sink import MemorySink
from mockai.engine.stream import Stream
from tests.support.facts import reply_of, request_of
from tests.support.play import START_NS, Play, SlowLoop, session_of

NOON = 1_795_435_200
PACE = {"ttft": "200ms", "tokens_per_second": 50}
O200K = get_encoding("o200k_base")


@dataclass(frozen=True)
class Ask:
    """One request of a random session: what it asks, and what becomes of it after `at_s`."""

    tokens: int
    model: str
    key: str | None
    policy: Policy
    stream: bool
    include_usage: bool
    fate: str
    at_s: float
    cached: int
    retry: bool


POLICIES = [
    *(preset.policy for preset in PRESETS.values()),
    Policy.model_validate({"settle": {"usage": "continuous", "delay": "5m"}}),
    Policy.model_validate({"settle": {"usage": "none"}}),
    Policy.model_validate({"charge": "reported", "settle": {"usage": "continuous"}}),
    Policy.model_validate({"charge": "prompt"}),
    Policy.model_validate({"charge": "none"}),
    Policy.model_validate({"notice": {"tokens": 3}}),
]
ASKS = st.builds(
    Ask,
    tokens=st.integers(1, 40),
    model=st.sampled_from(["gpt-4o", "gpt-4o-mini-2024-07-18", "my-model"]),
    key=st.sampled_from([None, "k_1", "k_2"]),
    policy=st.sampled_from(POLICIES),
    stream=st.booleans(),
    include_usage=st.booleans(),
    fate=st.sampled_from(["read", "leave", "mark_and_leave", "mark_and_read", "cut", "refuse"]),
    at_s=st.floats(0, 1.2),
    cached=st.integers(0, 10),
    retry=st.booleans(),
)


def plays(session: Session, ask: Ask) -> Iterable[tuple[Exchange, bytes]]:
    """Play a request, and once more if it is tried again; yield record and bytes of each."""
    for _ in range(1 + ask.retry):
        yield played(session, ask)


def played(session: Session, ask: Ask, *, wall_s: float = NOON) -> tuple[Exchange, bytes]:
    """Play one request to its fate in virtual time."""
    pacer = session._pacer  # noqa: SLF001 - the session's time is the play's
    assert isinstance(pacer, SlowLoop)
    options = (
        {"stream_options": {"include_usage": True}} if ask.stream and ask.include_usage else {}
    )
    request = request_of(model=ask.model, stream=ask.stream, **options)
    facts = RequestFacts(model=ask.model, stream=ask.stream, key_id=ask.key)
    recorder = session.receive(facts, Connection(), wall_s=wall_s)
    recorder.policy = ask.policy
    sink = MemorySink()
    stream = Stream(recorder, sink, pacer, session)
    if ask.fate == "refuse":
        stream.refuse(429, "Rate limit reached")
    else:
        reply = reply_of({"usage": {"cached_tokens": ask.cached}}, ask.tokens, pace=PACE)
        plan = plan_chat(
            request,
            Staged(reply),
            seed=1,
            created=NOON,
            prompt_tokens=21,
            encoding=O200K,
            usage_report=ask.policy.settle.usage,
        )
        stream.play(plan, ())
        suffer(session, sink, stream, ask, pacer)
    assert stream.exchange is not None
    return stream.exchange, sink.body


def suffer(session: Session, sink: MemorySink, stream: Stream, ask: Ask, pacer: SlowLoop) -> None:
    """Let a request that is being answered meet its fate."""
    pacer.advance(ask.at_s)
    if "mark" in ask.fate:
        session.mark("stop")
    if "leave" in ask.fate:
        sink.hang_up()
    elif ask.fate == "cut":
        stream.cut("shutdown")
    pacer.advance(5)


def reports(body: bytes) -> list[dict[str, int]]:
    """Return the usage objects of an answer, in order of their coming."""
    if not body.startswith(b"data: "):
        found = [json.loads(body)] if body else []
    else:
        lines = body.decode().split("\n\n")
        found = [json.loads(line[6:]) for line in lines if line and line != "data: [DONE]"]
    return [chunk["usage"] for chunk in found if chunk.get("usage") is not None]


def pages(session: Session, kind: PageKind, clock_s: float) -> list[dict[str, Any]]:
    """Return the results of a provider's page of that day."""
    query = read_query(kind, [("start_time", str(NOON))], end=NOON + 60)
    ledger = session.ledger
    page = usage_page(kind, ledger.lines.items(), query, clock_s=clock_s, prices=shipped_prices())
    (bucket,) = page["data"]
    results: list[dict[str, Any]] = bucket["results"]
    return results


def summed(bills: Iterable[Bill]) -> dict[str, int]:
    """Add up the tokens of bills."""
    made = list(bills)
    return {
        "prompt": sum(each.prompt_tokens for each in made),
        "cached": sum(each.cached_tokens for each in made),
        "completion": sum(each.completion_tokens for each in made),
        "wasted": sum(each.wasted_tokens for each in made),
    }


@settings(max_examples=60, deadline=None)
@given(asks=st.lists(ASKS, max_size=8))
def test_answers_ledger_pages_and_exchanges_agree_to_the_token(asks: list[Ask]) -> None:
    """Over random sessions of completed, cancelled, failed and retried requests."""
    session = session_of(SlowLoop(START_NS), prices=shipped_prices())
    ended = [play for ask in asks for play in plays(session, ask)]
    bills = [exchange.bill for exchange, _ in ended if exchange.bill is not None]
    assert len(bills) == len(ended)
    sums = summed(bills)

    totals = session.ledger.totals()
    assert totals.requests == sum(exchange.cause != "refused" for exchange, _ in ended)
    assert sums == {
        "prompt": totals.prompt_tokens,
        "cached": totals.cached_tokens,
        "completion": totals.completion_tokens,
        "wasted": totals.wasted_tokens,
    }
    for label in ("model", "policy", "key"):
        parts = session.ledger.by(lambda line, label=label: str(getattr(line, label))).values()
        assert sum(part.completion_tokens for part in parts) == sums["completion"]

    usage = pages(session, "completions", session.clock_s + 300)
    assert sum(each["num_model_requests"] for each in usage) == totals.requests
    assert sum(each["input_tokens"] for each in usage) == sums["prompt"]
    assert sum(each["input_cached_tokens"] for each in usage) == sums["cached"]
    assert sum(each["output_tokens"] for each in usage) == sums["completion"]

    money = sum((Decimal(each.cost_usd) for each in bills if each.cost_usd), Decimal(0))
    assert Decimal(totals.cost_usd or 0) == money
    costs = pages(session, "costs", session.clock_s + 300)
    assert sum(each["amount"]["value"] for each in costs) == float(money)

    for exchange, body in ended:
        agree_on_the_wire(exchange, body)


def agree_on_the_wire(exchange: Exchange, body: bytes) -> None:
    """Compare what the client was told with what happened and with the bill."""
    told, bill = reports(body), exchange.bill
    assert bill is not None
    if exchange.cause == "refused" or exchange.policy.settle.usage == "none":
        assert told == []
        return
    if exchange.outcome == "completed":
        billed_by_usage = exchange.policy.charge not in ("prompt", "none")
        if told and billed_by_usage:
            assert told[-1]["prompt_tokens"] == bill.prompt_tokens
            assert told[-1]["completion_tokens"] == bill.completion_tokens
            assert told[-1]["total_tokens"] == bill.prompt_tokens + bill.completion_tokens
    elif exchange.policy.settle.usage == "continuous":
        seen = told[-1]["completion_tokens"] if told else 0
        assert seen == (exchange.tokens.written if exchange.request.stream else 0)
    else:
        assert told == []  # the last chunk never came


def test_a_settlement_that_is_late_hides_requests_until_its_time() -> None:
    """The forum's five minutes: nothing, nothing, then all of it; the wall clock has no say."""
    late = Policy.model_validate({"settle": {"delay": "5m"}})
    session = session_of(SlowLoop(START_NS), prices=shipped_prices())
    played(session, Ask(10, "gpt-4o", None, late, True, True, "read", 0.0, 0, False))
    assert pages(session, "completions", session.clock_s) == []
    session.advance(200)
    assert pages(session, "completions", session.clock_s) == []
    session.advance(100)
    (result,) = pages(session, "completions", session.clock_s)
    assert result["output_tokens"] == 10


def test_time_that_passes_settles_as_time_that_is_advanced() -> None:
    """Who waits five real minutes sees the same page."""
    late = Policy.model_validate({"settle": {"delay": "5m"}})
    session = session_of(SlowLoop(START_NS), prices=shipped_prices())
    played(session, Ask(10, "gpt-4o", None, late, True, True, "read", 0.0, 0, False))
    pacer = session._pacer  # noqa: SLF001 - as above
    assert isinstance(pacer, SlowLoop)
    pacer.advance(300)
    assert len(pages(session, "completions", session.clock_s)) == 1


def test_a_wall_clock_that_jumps_moves_bookings_and_settles_nothing() -> None:
    """Set back an hour between two requests: each is booked when it was received by that clock."""
    late = Policy.model_validate({"settle": {"delay": "5m"}})
    session = session_of(SlowLoop(START_NS), prices=shipped_prices())
    ask = Ask(10, "gpt-4o", None, late, True, True, "read", 0.0, 0, False)
    played(session, ask, wall_s=NOON + 3_600)
    played(session, ask, wall_s=NOON)
    assert pages(session, "completions", session.clock_s) == []
    session.advance(300)
    (result,) = pages(session, "completions", session.clock_s)
    assert result["output_tokens"] == 10
    assert newest(session.ledger.lines) == NOON + 3_660  # a query without an end sees both


def test_reset_begins_with_an_empty_ledger_and_a_clock_that_was_not_moved() -> None:
    """Nothing of the generation before is left."""
    session = session_of(SlowLoop(START_NS), prices=shipped_prices())
    played(session, Ask(10, "gpt-4o", None, POLICIES[0], True, True, "read", 0.0, 0, False))
    session.advance(300)
    session.reset()
    assert session.ledger.totals().requests == 0
    assert session.advanced_s == 0


def test_hidden_reasoning_is_generated_and_billed_in_the_silence() -> None:
    """Left after 0.195 s of thinking at 100 tokens a second: 20 tokens, or 40 with 200 ms more."""
    play = Play({"reasoning": 40}, 10, pace={"tokens_per_second": 100}).start().after(0.195)
    play.sink.hang_up()
    assert bill(play.end, PRESETS["stop-now"].policy).completion_tokens == 20
    assert bill(play.end, PRESETS["stop-lag"].policy).completion_tokens == 40
    assert bill(play.end, PRESETS["bill-in-full"].policy).completion_tokens == 50
