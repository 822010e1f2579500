"""The ledger: sums of bills by label, exact money, and when the provider's pages show what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mockai.core.billing import bill
from mockai.core.exchange import Exchange, Timing
from mockai.core.ledger import Ledger, Totals
from mockai.core.ledger_text import draw_ledger
from mockai.core.policy import PRESETS, STOP_NOW, Policy
from mockai.core.prices import NO_PRICES, Prices, shipped_prices
from tests.support.facts import (
    ASKED,
    cancelled_exchange,
    completed_exchange,
    mark_at,
    open_exchange,
)

NOON = "2026-11-23T12:00:30.500Z"
NOON_S = 1_795_435_200
LATE = Policy.model_validate(
    {"name": "late", "settle": {"delay": "5m", "correct": {"after": "10m", "tokens": 3}}}
)


def ended(
    make: Any = cancelled_exchange,
    *,
    model: str = "gpt-4o-mini",
    key: str | None = "k_1",
    policy: Policy = STOP_NOW,
    prices: Prices | None = None,
    **facts: Any,
) -> Exchange:
    """Return an exchange that was accepted at noon and has ended, with its bill."""
    exchange = replace(
        make(request=replace(ASKED, model=model, key_id=key), **facts),
        completion_id="chatcmpl-1",
        timing=Timing(received_at=NOON),
        policy=policy,
    )
    return replace(exchange, bill=bill(exchange, policy, prices or shipped_prices()))


def ledger_of(*exchanges: Exchange, clock_s: float = 1_000.0) -> Ledger:
    """Return a ledger in which these are booked."""
    ledger = Ledger(shipped_prices())
    for exchange in exchanges:
        ledger.add(exchange, clock_s=clock_s)
    return ledger


DRAINED = ended(completed_exchange, marks=(mark_at(0.42),))


def test_the_totals_are_the_sum_of_the_bills() -> None:
    """12 and 400 completion tokens, 388 of them wasted, at the price of their model."""
    assert ledger_of(ended(), DRAINED).totals() == Totals(
        requests=2,
        prompt_tokens=42,
        cached_tokens=0,
        completion_tokens=412,
        wasted_tokens=388,
        cost_usd="0.0002535",
        wasted_usd="0.0002328",
    )


def test_sums_by_model_policy_and_key() -> None:
    """Each label has its own sum; who sent no key is `none`."""
    full = PRESETS["bill-in-full"].policy
    ledger = ledger_of(ended(), ended(model="gpt-4o", key=None, policy=full), ended(policy=full))
    document = ledger.to_json()
    tokens = {
        label: {name: item["completion_tokens"] for name, item in document[f"by_{label}"].items()}
        for label in ("model", "policy", "key")
    }
    assert tokens == {
        "model": {"gpt-4o": 400, "gpt-4o-mini": 412},
        "policy": {"bill-in-full": 800, "stop-now": 12},
        "key": {"k_1": 412, "none": 400},
    }


def test_what_was_never_accepted_is_not_booked() -> None:
    """The provider knows nothing of a refused request, nor the ledger of an open one."""
    refused = open_exchange(outcome="failed", cause="refused", status=404)
    ledger = ledger_of(replace(refused, bill=bill(refused)), open_exchange())
    assert ledger.totals().requests == 0
    assert ledger.totals().cost_usd == "0"


def test_a_model_without_a_price_is_named_and_left_out_of_the_money() -> None:
    """Its tokens count; of the money only what has a price does."""
    ledger = ledger_of(ended(), ended(model="my-model"))
    assert ledger.unpriced() == ["my-model"]
    assert ledger.totals().completion_tokens == 24
    assert ledger.totals().cost_usd == "0.00001035"
    assert ledger.by(lambda line: line.model)["my-model"].cost_usd is None


def test_with_no_price_at_all_there_is_no_sum_of_money() -> None:
    """Nothing is estimated silently."""
    ledger = Ledger(NO_PRICES)
    ledger.add(ended(), clock_s=0)
    assert (ledger.totals().cost_usd, ledger.totals().wasted_usd) == (None, None)


def test_a_ledger_grows_with_labels_and_minutes_not_with_requests() -> None:
    """A thousand requests of one kind in one minute are one line."""
    ledger = ledger_of(*[ended()] * 1_000)
    assert len(ledger.lines) == 1
    assert ledger.totals().requests == 1_000


@pytest.mark.parametrize(
    "delay, clock_s, settles",
    [("0s", 1_000.9, 0), ("5m", 1_000.9, 1_300), ("500ms", 1_000.9, 1_001)],
)
def test_a_line_settles_in_the_second_of_its_delay(
    delay: str, clock_s: float, settles: int
) -> None:
    """Never later than the delay; without one, at once."""
    policy = Policy.model_validate({"settle": {"delay": delay}})
    (line,) = ledger_of(ended(policy=policy), clock_s=clock_s).lines
    assert (line.settles, line.minute) == (settles, NOON_S)


def test_a_correction_is_a_line_of_its_own_that_totals_leave_out() -> None:
    """The bill is final; only the provider's pages change their mind."""
    ledger = ledger_of(ended(policy=LATE))
    settles = {line.settles: sums.completion for line, sums in ledger.lines.items()}
    assert settles == {1_300: 12, 1_600: 3}
    assert ledger.totals().completion_tokens == 12
    assert ledger.corrections() == 3


def test_a_correction_never_makes_usage_negative() -> None:
    """Minus 50 of 12 tokens leaves none."""
    policy = Policy.model_validate({"settle": {"correct": {"after": 1, "tokens": -50}}})
    assert ledger_of(ended(policy=policy)).corrections() == -12


def test_a_correction_never_comes_before_what_it_corrects() -> None:
    """With a delay of 5 minutes a correction after one comes after five."""
    settle = {"delay": "5m", "correct": {"after": "1m", "tokens": 1}}
    policy = Policy.model_validate({"settle": settle})
    assert {line.settles for line in ledger_of(ended(policy=policy)).lines} == {1_300}


def test_the_entries_are_the_bills_of_the_exchanges_that_are_left() -> None:
    """What the journal has dropped is in the sums only."""
    (entry,) = ledger_of(ended(), DRAINED).to_json([ended(seq=7), open_exchange()])["entries"]
    assert (entry["seq"], entry["outcome"], entry["completion_tokens"]) == (7, "cancelled", 12)
    assert entry["cost_usd"] == "0.00001035"


def test_the_ledger_reads_as_a_table() -> None:
    """Entries, sums by label, the whole, and what the money leaves out."""
    exchanges = [ended(), replace(DRAINED, seq=2), ended(model="my-model", policy=LATE, seq=3)]
    drawn = draw_ledger(ledger_of(*exchanges).to_json(exchanges))
    assert drawn == GOLDEN


def test_a_long_ledger_shows_the_newest_entries_and_counts_the_rest() -> None:
    """The sums are of all."""
    exchanges = [ended(seq=number) for number in range(1, 31)]
    drawn = draw_ledger(ledger_of(*exchanges).to_json(exchanges), most_entries=2)
    assert "#28" not in drawn
    assert "#29" in drawn
    assert "(28 earlier ones are in the sums only)" in drawn


def test_an_empty_ledger_is_a_table_too() -> None:
    """Nothing has been billed: that costs nothing."""
    assert draw_ledger(Ledger(shipped_prices()).to_json()).splitlines()[-1].split() == [
        "in", "all", "0", "0", "0", "0", "$0", "$0",
    ]  # fmt: skip


GOLDEN = """\
#                      outcome  prompt  completion  wasted         cost  wasted cost
#1 story (stop-now)  cancelled      21          12       0  $0.00001035           $0
#2 story (stop-now)  completed      21         400     388  $0.00024315   $0.0002328
#3 story (late)      cancelled      21          12       0     no price     no price

                   requests  prompt  completion  wasted        cost  wasted cost
model gpt-4o-mini         2      42         412     388  $0.0002535   $0.0002328
model my-model            1      21          12       0    no price     no price
policy late               1      21          12       0    no price     no price
policy stop-now           2      42         412     388  $0.0002535   $0.0002328
key k_1                   3      63         424     388  $0.0002535   $0.0002328
in all                    3      63         424     388  $0.0002535   $0.0002328

no price for my-model: give one with --prices FILE; the sums of money are without it

the provider's pages are corrected by +3 tokens in the end"""
