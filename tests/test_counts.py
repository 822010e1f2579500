"""The gate on what an event, a request and an exchange cost: counts of calls and bytes."""

from __future__ import annotations

import json

import pytest

from benchmarks.counts import COMMITTED, grown, measure, versions


def test_nothing_costs_a_tenth_more_than_it_did() -> None:
    """Else say why in the commit: `python -m benchmarks --counts --update` keeps the new counts."""
    committed = json.loads(COMMITTED.read_text())
    if versions() != committed["for"]:
        pytest.skip(f"the counts hold for {committed['for']}")
    assert grown(measure(), committed["counts"]) == []


def test_growth_is_told() -> None:
    """By more than a tenth, of any count, with both figures."""
    before = {"calls": 100.0, "bytes": 50.0}
    assert grown({"calls": 110.0, "bytes": 49.0}, before) == []
    assert grown({"calls": 111.0, "bytes": 56.0}, before) == [
        "calls: 100 before, 111 now",
        "bytes: 50 before, 56 now",
    ]
