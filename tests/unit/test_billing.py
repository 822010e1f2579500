"""Bills: what an exchange costs under a policy, computed from its facts and its plan alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mockai.core.billing import bill
from mockai.core.exchange import Bill, Disconnect, Exchange, MarkSeen, Schedule, Tokens
from mockai.core.policy import PRESETS, Policy
from mockai.core.prices import shipped_prices
from tests.support.facts import (
    ASKED,
    cancelled_exchange,
    completed_exchange,
    hold_at,
    mark_at,
    open_exchange,
    reply_of,
    schedule_of,
)

STREAMED = replace(ASKED, stream=True)
IN_ONE_BODY = replace(ASKED, stream=False)
FIFTY = {"ttft": 0.2, "tokens_per_second": 50}


def left_at(at_s: float = 0.43, token: int = 12, **facts: Any) -> Exchange:
    """Return a stream of 400 tokens (the first at 0.2 s, then 50 a second) that was left."""
    facts = {"request": STREAMED, "schedule": schedule_of(), **facts}
    return cancelled_exchange(at_s, token, **facts)


def billed(exchange: Exchange, policy: str | Policy) -> tuple[int, int, int]:
    """Return prompt, completion and wasted tokens."""
    chosen = PRESETS[policy].policy if isinstance(policy, str) else policy
    made = bill(exchange, chosen)
    return made.prompt_tokens, made.completion_tokens, made.wasted_tokens


# ── the presets ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "preset, expected",
    [
        ("stop-now", (21, 12, 0)),
        ("stop-lag", (21, 22, 10)),
        ("bill-in-full", (21, 400, 388)),
        ("prefill-blind", (21, 13, 1)),
        ("background", (21, 400, 388)),
        ("nonstream-runs-on", (21, 12, 0)),
        ("charged-499", (21, 12, 0)),
        ("drain-for-usage", (21, 400, 388)),
        ("unreported-free", (0, 0, 0)),
    ],
)
def test_a_stream_that_was_left_costs_what_its_preset_says(
    preset: str, expected: tuple[int, int, int]
) -> None:
    """12 tokens were out when the client left, 400 were to come."""
    assert billed(left_at(), preset) == expected


@pytest.mark.parametrize(
    "preset, expected",
    [
        ("stop-now", (21, 12, 0)),
        ("stop-lag", (21, 22, 10)),
        ("nonstream-runs-on", (21, 400, 388)),
        ("charged-499", (21, 0, 0)),
        ("unreported-free", (0, 0, 0)),
    ],
)
def test_an_answer_in_one_body_runs_on_the_same_timeline(
    preset: str, expected: tuple[int, int, int]
) -> None:
    """Generated 12, delivered nothing: only its own notice sets it apart from a stream."""
    tokens = Tokens(prompt=21, planned=400, generated=12, written=0)
    assert billed(left_at(request=IN_ONE_BODY, tokens=tokens), preset) == expected


@pytest.mark.parametrize("preset", PRESETS)
def test_an_answer_that_was_read_to_its_end_costs_the_same_everywhere(preset: str) -> None:
    """Policies differ about those who leave, not about those who stay."""
    assert billed(completed_exchange(request=STREAMED), preset) == (21, 400, 0)


# ── notice ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "notice, expected",
    [
        ("now", 12),
        (0, 12),
        ("9ms", 12),
        ("10ms", 13),  # token 13 is due at 0.44 s, the client left at 0.43 s
        ("200ms", 22),
        ("1h", 400),
        ({"tokens": 0}, 12),
        ({"tokens": 5}, 17),
        ({"tokens": 1_000}, 400),
        ("next_token", 13),
        ("never", 400),
    ],
)
def test_the_model_runs_on_until_it_is_told(notice: Any, expected: int) -> None:
    """A duration is what the plan reaches within it, tokens are tokens; nothing beyond it."""
    policy = Policy.model_validate({"notice": notice})
    assert bill(left_at(), policy).completion_tokens == expected


@pytest.mark.parametrize(
    "notice, expected", [("200ms", 12), ("1h", 12), ("next_token", 13), ({"tokens": 5}, 17)]
)
def test_a_gate_freezes_a_duration_but_not_a_count(notice: Any, expected: int) -> None:
    """Held, the model stands still: time adds nothing, while a token is a token."""
    held = left_at(5.0, holds=(hold_at(0.42),))
    assert bill(held, Policy.model_validate({"notice": notice})).completion_tokens == expected


def test_gates_after_the_disconnect_do_not_count() -> None:
    """Nobody will release a gate for a client that has gone."""
    reply = reply_of({"hold": {"at_token": 15}}, 400, pace=FIFTY)
    ahead = left_at(schedule=Schedule(reply, start_s=0.0))
    assert billed(ahead, "stop-lag") == (21, 22, 10)


def test_a_hold_that_is_over_shifts_the_timeline_of_the_notice() -> None:
    """Held for 3 s at token 5 and released: token 13 is due at 3.44 s."""
    schedule = Schedule(reply_of(400, pace=FIFTY), start_s=0.0, shifts=((6, 3_000_000_000),))
    assert billed(left_at(3.43, schedule=schedule), "stop-lag") == (21, 22, 10)


def test_a_stalled_reader_shifts_it_too() -> None:
    """12 tokens were taken when 300 were due: the notice begins at the 13th, which is due now."""
    assert billed(left_at(6.2), "stop-lag") == (21, 23, 11)


def test_a_notice_is_scaled_by_speed_like_everything_on_the_plan() -> None:
    """At speed 10 a notice of 200 ms is 20 ms, in which as many tokens fit."""
    schedule = Schedule(reply_of(400, pace=FIFTY, speed=10), start_s=0.0)
    assert billed(left_at(0.043, schedule=schedule), "stop-lag") == (21, 22, 10)


def test_before_the_first_token_the_notice_runs_in_the_silence() -> None:
    """Left at 0.1 s, noticed at 0.3 s: tokens 1 to 6 (due at 0.2 to 0.3 s) were generated."""
    early = left_at(0.1, 0)
    assert billed(early, "stop-lag") == (21, 6, 6)
    assert billed(early, "stop-now") == (21, 0, 0)


def test_reasoning_in_the_silence_before_the_first_token_is_billed() -> None:
    """Hidden tokens are generated before anything is shown: at 0.1 s half of them are."""
    thinking = reply_of(100, pace={"tokens_per_second": 500})
    tokens = Tokens(prompt=21, planned=100, generated=50, written=0)
    early = left_at(0.1, 0, schedule=Schedule(thinking, start_s=0.0), tokens=tokens)
    assert billed(early, "stop-now") == (21, 50, 0)
    assert billed(early, "charged-499") == (21, 0, 0)
    assert billed(early, "bill-in-full") == (21, 100, 50)


def test_without_a_plan_nothing_runs_on() -> None:
    """A client that leaves while it sends its request has started no model."""
    nothing = left_at(0.0, 0, phase="receiving", status=None, schedule=None, tokens=Tokens())
    for preset in PRESETS:
        assert billed(nothing, preset) == (0, 0, 0)


def test_an_answer_of_no_tokens_costs_its_prompt() -> None:
    """Zero tokens are a figure like any other, also under a notice."""
    reply = reply_of({"text": ""}, pace={"ttft": 1})
    empty = left_at(
        0.5, 0, schedule=Schedule(reply, start_s=0.0), tokens=Tokens(prompt=21, planned=0)
    )
    for preset in set(PRESETS) - {"unreported-free"}:
        assert billed(empty, preset) == (21, 0, 0)


def test_the_cancel_call_of_the_api_stops_at_once_whatever_the_notice() -> None:
    """`never` means: until the API is told. What is charged is another question."""
    left = Disconnect("api_cancel", None, at_s=0.43, token=12)
    for preset in ("background", "drain-for-usage", "stop-lag"):
        assert billed(left_at(disconnect=left), preset) == (21, 12, 0)
    assert billed(left_at(disconnect=left), "bill-in-full") == (21, 400, 388)


# ── charge ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "charge, expected",
    [
        ("generated", (21, 14, 0)),
        ("delivered", (21, 12, 0)),
        ("full", (21, 400, 386)),
        ("prompt", (21, 0, 0)),
        ("reported", (0, 0, 0)),
        ("none", (0, 0, 0)),
    ],
)
def test_what_is_charged(charge: Any, expected: tuple[int, int, int]) -> None:
    """14 tokens were generated and 12 of them delivered when the client left."""
    tokens = Tokens(prompt=21, planned=400, generated=14, written=12)
    assert billed(left_at(tokens=tokens), Policy(charge=charge)) == expected


def reported(usage: str) -> Policy:
    """Return a policy that charges what was reported, in this way."""
    return Policy.model_validate({"charge": "reported", "settle": {"usage": usage}})


def test_a_report_in_every_chunk_charges_what_was_written() -> None:
    """The last chunk that went out told the figure."""
    assert billed(left_at(), reported("continuous")) == (21, 12, 0)


def test_a_report_in_every_chunk_that_never_came_charges_nothing() -> None:
    """Before the first chunk, and in an answer in one body, nothing has been told."""
    assert billed(left_at(0.1, 0), reported("continuous")) == (0, 0, 0)
    assert billed(left_at(request=IN_ONE_BODY), reported("continuous")) == (0, 0, 0)


def test_who_never_reports_never_charges() -> None:
    """Not even for an answer that was read to its end."""
    assert billed(completed_exchange(request=STREAMED), reported("none")) == (0, 0, 0)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "facts",
    [
        {"outcome": "failed", "cause": "refused", "status": 404},
        {"outcome": "failed", "cause": "scripted", "status": 429},
        {"outcome": "failed", "cause": "scripted", "status": 500},
    ],
)
def test_a_request_that_was_answered_with_an_error_costs_nothing(
    preset: str, facts: dict[str, Any]
) -> None:
    """Not even its prompt: it was never accepted."""
    tokens = Tokens(prompt=21, planned=400)
    assert billed(open_exchange(tokens=tokens, **facts), preset) == (0, 0, 0)


def test_a_failure_on_the_way_costs_what_was_generated() -> None:
    """A stream that was cut by the server has no disconnect, and so nothing to notice."""
    cut = open_exchange(request=STREAMED, outcome="failed", cause="scripted")
    assert billed(cut, "drain-for-usage") == (21, 12, 0)
    assert billed(cut, "bill-in-full") == (21, 400, 388)


# ── waste ────────────────────────────────────────────────────────────────────────────────────


def test_waste_counts_from_the_newest_mark() -> None:
    """Stop was pressed at token 5; the client left at token 12."""
    marks = (mark_at(0.1, 0, "ask"), MarkSeen("stop", 2, 0.28, 4, generated=5))
    assert billed(left_at(marks=marks), "stop-now") == (21, 12, 7)


def test_a_completed_answer_with_a_mark_wastes_the_rest() -> None:
    """The flag was set and the stream never closed."""
    assert billed(completed_exchange(marks=(mark_at(0.42),)), "stop-now") == (21, 400, 388)


def test_waste_is_never_negative() -> None:
    """Who charges less than was generated wastes nothing."""
    assert billed(left_at(), Policy(charge="prompt")) == (21, 0, 0)


# ── money ────────────────────────────────────────────────────────────────────────────────────


def test_a_bill_has_exact_dollars() -> None:
    """21 and 22 tokens of gpt-4o-mini, 10 of them wasted."""
    made = bill(left_at(), PRESETS["stop-lag"].policy, shipped_prices())
    assert made == Bill("stop-lag", 21, 22, 10, cost_usd="0.00001635", wasted_usd="0.000006")


def test_a_model_without_a_price_bills_tokens_and_says_so() -> None:
    """No price is guessed; the note tells what to do."""
    unknown = left_at(request=replace(STREAMED, model="my-model"))
    made = bill(unknown, prices=shipped_prices())
    assert (made.prompt_tokens, made.completion_tokens) == (21, 12)
    assert (made.cost_usd, made.wasted_usd) == (None, None)
    assert made.note == "no price for model 'my-model': give one with --prices FILE"


def test_nothing_costs_nothing_whatever_the_model() -> None:
    """A refused request needs no price."""
    refused = open_exchange(outcome="failed", cause="refused", request=replace(ASKED, model=None))
    made = bill(refused, prices=shipped_prices())
    assert (made.cost_usd, made.wasted_usd, made.note) == ("0", "0", None)


def test_cached_prompt_tokens_are_discounted() -> None:
    """20 of 21 prompt tokens at $0.075 and one at $0.15 per million."""
    made = bill(left_at(cached_tokens=20), Policy(charge="prompt"), shipped_prices())
    assert (made.prompt_tokens, made.cached_tokens, made.cost_usd) == (21, 20, "0.00000165")


def test_judging_by_another_policy_is_recomputation() -> None:
    """The bill that an exchange has says nothing about another: the facts do."""
    exchange = left_at()
    first = bill(exchange, PRESETS["bill-in-full"].policy)
    assert bill(replace(exchange, bill=first), PRESETS["stop-now"].policy).completion_tokens == 12
