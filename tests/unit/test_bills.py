"""A ledger made of bills says what the ledger itself says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mockai.core.bills import ledger_of
from mockai.core.exchange import Exchange, Timing
from mockai.core.ledger import Ledger
from mockai.core.policy import preset
from mockai.core.prices import shipped_prices
from tests.support.facts import (
    ASKED,
    billed,
    cancelled_exchange,
    completed_exchange,
    mark_at,
    open_exchange,
)

PRICES = shipped_prices()


def ended(make: Any = cancelled_exchange, *, policy: str = "stop-now", **request: Any) -> Exchange:
    """Return an accepted exchange with its bill, as a journal has it."""
    exchange: Exchange = replace(
        make(marks=(mark_at(0.42),), request=replace(ASKED, **request)),
        completion_id="chatcmpl-1",
        timing=Timing(received_at="2026-11-23T12:00:30.500Z", ended_s=1.0),
        policy=preset(policy),
    )
    return billed(exchange)


REFUSED = replace(ended(), cause="refused", status=400, outcome="failed")
SETS = [
    [],
    [ended()],
    [ended(), ended(completed_exchange, key_id="k_1"), ended(model="gpt-4o", key_id="k_2")],
    [ended(policy="bill-in-full"), ended(policy="unreported-free")],
    [ended(model="own-model"), ended()],
    [ended(model="own-model")],
    [ended(), billed(REFUSED), open_exchange()],
]


@pytest.mark.parametrize("exchanges", SETS, ids=len)
def test_the_sum_of_bills_is_the_ledger(exchanges: list[Exchange]) -> None:
    """To the last digit, by every label, with the same entries."""
    ledger = Ledger(PRICES)
    for exchange in exchanges:
        ledger.add(exchange, clock_s=0.0)
    assert ledger_of(exchanges) == ledger.to_json(exchanges)


def test_own_prices_of_the_server_that_wrote_the_file_are_kept() -> None:
    """The bill says what it cost, whatever prices are known here."""
    dear = ended(completed_exchange)
    assert dear.bill is not None
    dear = replace(dear, bill=replace(dear.bill, cost_usd="7", wasted_usd="3.5"))
    totals = ledger_of([dear, dear])["totals"]
    assert (totals["cost_usd"], totals["wasted_usd"]) == ("14", "7")
