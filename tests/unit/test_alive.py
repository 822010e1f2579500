"""A verdict that a leak and an exit would have earned as well is taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mockai.core.checks.base import Check, Evidence, Verdict
from mockai.core.checks.cancelled import Cancelled
from mockai.core.checks.completed import Completed
from mockai.core.checks.evaluate import evaluate
from mockai.core.sign_of_life import Heard
from tests.support.facts import RECEIVED_NS, SECOND, cancelled_exchange, evidence_of, mark_at
from tests.support.golden import golden

LEFT_S = 0.5
AT_EXIT = Heard(RECEIVED_NS + SECOND * 6 // 10)
LEFT = cancelled_exchange(LEFT_S, marks=(mark_at(0.4),))


def judged(check: Check, *exchanges: Any, heard: Heard | None) -> Verdict:
    """Return the verdict after a command has ended."""
    evidence: Evidence = evidence_of(*exchanges, heard=heard)
    return evaluate(check, evidence)


def test_a_cancel_that_only_the_exit_shows_is_inconclusive() -> None:
    """It fails, and the text says what was seen and how to end the program."""
    verdict = judged(Cancelled(within=0.25), LEFT, heard=AT_EXIT)
    assert (verdict.passed, verdict.inconclusive, verdict.settled) == (False, True, True)
    assert verdict.report == golden("cancelled_by_exit.txt")


def test_a_sign_of_life_confirms_the_verdict() -> None:
    """The same exchange, and a request 1 ns after it: passed."""
    left_ns = RECEIVED_NS + round(LEFT_S * SECOND)
    heard = Heard(AT_EXIT.ended_ns, request_ns=left_ns + 1)
    assert judged(Cancelled(within=0.25), LEFT, heard=heard).passed


@pytest.mark.parametrize("process, is_known", [(7, True), (8, False), (None, False)])
def test_a_runner_that_lives_on_does_not_excuse_the_process_that_leaked(
    process: int | None, *, is_known: bool
) -> None:
    """Where the process is known, its own end and its own requests count."""
    late = RECEIVED_NS + 9 * SECOND
    evidence = replace(
        evidence_of(replace(LEFT, process=process), heard=Heard(late, request_ns=late)),
        processes={7: AT_EXIT},
    )
    assert evaluate(Cancelled(), evidence).inconclusive is is_known


def test_without_a_command_nothing_is_taken_back() -> None:
    """The rule is for those who were told of an end."""
    assert judged(Cancelled(within=0.25), LEFT, heard=None).passed


def test_a_verdict_that_failed_keeps_its_reason() -> None:
    """Too late stays too late, whoever closed the stream."""
    verdict = judged(Cancelled(within=0.01), LEFT, heard=AT_EXIT)
    assert (verdict.passed, verdict.inconclusive) == (False, False)
    assert "too late" in verdict.message


def test_other_checks_are_not_concerned() -> None:
    """An answer that was read to its end was not ended by an exit."""
    verdict = judged(Completed(), LEFT, heard=AT_EXIT)
    assert (verdict.passed, verdict.inconclusive) == (False, False)


@pytest.mark.parametrize("count", [1, 2])
def test_each_doubtful_exchange_is_shown(count: int) -> None:
    """One of two is enough to doubt the whole, and only that one is shown."""
    early = [cancelled_exchange(LEFT_S, id="ex_0", seq=9, received_ns=0)] * (2 - count)
    also = [cancelled_exchange(LEFT_S, id="ex_2", seq=2)] * (count - 1)
    verdict = judged(Cancelled(), *early, LEFT, *also, heard=AT_EXIT)
    assert verdict.inconclusive
    assert f"in {count} of 2 exchanges" in verdict.message
    assert verdict.report.count("exchange #") == count
