"""Diagnoses: each is found where its signs are, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from mockai.core.exchange import Exchange
from mockai.core.findings import diagnose
from tests.support.facts import (
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    hold_at,
    mark_at,
    open_exchange,
)


def found(exchange: Exchange, check: str | None = None, **facts: Any) -> list[str]:
    """Return the names of what was found; `check` is what the exchange has failed."""
    evidence = evidence_of(exchange, **facts)
    return [finding.name for finding in diagnose(exchange, evidence, check)]


@pytest.mark.parametrize(
    "exchange,names",
    [
        (completed_exchange(marks=(mark_at(0.4),)), ["drained"]),
        (completed_exchange(marks=(mark_at(0.4, 400),)), []),
        (completed_exchange(), []),
        (cancelled_exchange(marks=(mark_at(0.4),)), []),
        (open_exchange(marks=(mark_at(0.4),)), ["left-open"]),
        (open_exchange(outcome="failed", cause="refused", error="no"), ["refused"]),
        (open_exchange(outcome="failed", cause="shutdown", error="no"), []),
    ],
)
def test_a_finding_needs_its_signs(exchange: Exchange, names: list[str]) -> None:
    """Who read on after a mark has drained; who has not left is still there; a refusal says why."""
    assert found(exchange) == names


def test_the_newest_mark_counts_for_draining() -> None:
    """An early mark, such as "started", is not the one after which it should have stopped."""
    marks = (mark_at(0.1, 3, "started"), mark_at(8.1, 400, "done"))
    assert found(completed_exchange(marks=marks)) == []


def test_a_finding_names_the_exchange_and_the_cure() -> None:
    """What was seen comes first, what usually cures it after it."""
    (finding,) = diagnose(
        completed_exchange(id="ex_7", marks=(mark_at(0.4),)), evidence_of(now_s=9)
    )
    assert finding.exchange == "ex_7"
    assert finding.text.startswith("The stream was read to its end after the mark 'stop'")
    assert "`await stream.close()`" in finding.cure
    assert finding.evidence == (
        "mark 'stop' at 0.400 s, at token 12",
        "388 more tokens were read",
    )


@pytest.mark.parametrize(
    "holds,where",
    [
        ((), "open after 3 s: "),
        ((hold_at(0.4),), "open after 3 s, held at 'hold-1': "),
        ((hold_at(0.4, for_s=1.0),), "open after 3 s: "),
    ],
)
def test_what_is_left_open_says_where_it_stands(holds: Any, where: str) -> None:
    """Since receipt, and at which gate, if it stands at one now."""
    exchange = open_exchange(holds=holds)
    (finding,) = diagnose(exchange, evidence_of(exchange, now_s=3), "cancelled")
    assert where in finding.explanation
