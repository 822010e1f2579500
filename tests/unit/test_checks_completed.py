"""The check `completed`: read to its end, and nothing else."""

from __future__ import annotations

import pytest

from mockai.core.checks.completed import Completed
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Exchange
from tests.support.facts import (
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    hold_at,
    open_exchange,
)
from tests.support.golden import golden

CHECK = Completed.model_validate({"where": {"scenario": "story"}})


def test_an_answer_that_was_read_to_its_end_passes() -> None:
    """The last frame had reached the kernel."""
    verdict = evaluate(CHECK, evidence_of(completed_exchange()))
    assert (verdict.passed, verdict.settled) == (True, True)
    assert verdict.message == "the client did read 'story' to its end"


@pytest.mark.parametrize(
    "exchange,seen",
    [
        (cancelled_exchange(), "cancelled"),
        (
            cancelled_exchange(outcome="failed", cause="scripted", disconnect=None),
            "failed (scripted)",
        ),
    ],
)
def test_any_other_end_fails(exchange: Exchange, seen: str) -> None:
    """And the text says which end it was."""
    verdict = evaluate(CHECK, evidence_of(exchange))
    assert (verdict.passed, verdict.settled) == (False, True)
    assert verdict.message == (
        f"expected the client to read 'story' to its end; it did not (outcome: {seen})."
    )


def test_an_open_answer_may_still_complete() -> None:
    """No instant settles it, only its end."""
    verdict = evaluate(CHECK, evidence_of(open_exchange(), now_s=60))
    assert (verdict.passed, verdict.settled, verdict.settles_ns) == (False, False, None)


def test_the_text_for_an_answer_that_was_left() -> None:
    """Where and how the client left, in the timeline."""
    left = cancelled_exchange(0.5, holds=(hold_at(0.42, for_s=0.08),))
    assert evaluate(CHECK, evidence_of(left)).report == golden("completed_left.txt")
