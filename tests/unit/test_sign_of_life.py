"""A cancel under `mockai run` counts only when the command was heard of afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mockai.core.exchange import Disconnect
from mockai.core.sign_of_life import Heard, is_closed_by_exit, sign_of_life
from tests.support.facts import (
    RECEIVED_NS,
    SECOND,
    cancelled_exchange,
    completed_exchange,
    open_exchange,
)

LEFT = 10 * SECOND
SOON = LEFT + SECOND // 10
REQUEST = "it made another request to mockai"
ANSWER = "it took an answer that it had waited for"
RAN_ON = "it ran on for a second"

TABLE = [
    # ended, request, answer, what shows it
    (SOON, None, None, None),
    (LEFT, None, None, None),
    (LEFT - 1, None, None, None),
    (LEFT + SECOND - 1, None, None, None),
    (LEFT + SECOND, None, None, RAN_ON),
    (SOON, LEFT - 1, None, None),
    (SOON, LEFT, None, None),
    (SOON, LEFT + 1, None, REQUEST),
    (SOON, None, LEFT, None),
    (SOON, None, LEFT + 1, ANSWER),
    (SOON, LEFT - 1, LEFT + 1, ANSWER),
    (SOON, LEFT + 1, LEFT + 1, REQUEST),
    (LEFT + 2 * SECOND, LEFT - 1, LEFT - 1, RAN_ON),
]


@pytest.mark.parametrize("ended,request_ns,answer_ns,expected", TABLE)
def test_who_was_heard_of_afterwards_lived(
    ended: int, request_ns: int | None, answer_ns: int | None, expected: str | None
) -> None:
    """A later request, a later answer to a wait, or a full second: nothing less is a sign."""
    assert sign_of_life(LEFT, Heard(ended, request_ns, answer_ns)) == expected


def test_only_a_cancel_can_be_the_work_of_an_exit() -> None:
    """What was read to its end, and what is still open, was not closed by anybody's exit."""
    heard = Heard(RECEIVED_NS + SECOND)
    assert is_closed_by_exit(cancelled_exchange(0.5), heard)
    assert not is_closed_by_exit(completed_exchange(), heard)
    assert not is_closed_by_exit(open_exchange(), heard)


def test_the_instant_of_leaving_counts_from_the_receipt() -> None:
    """0.5 s after its receipt it left; the command ended a second later, or just before that."""
    left = cancelled_exchange(0.5)
    assert not is_closed_by_exit(left, Heard(RECEIVED_NS + SECOND * 3 // 2))
    assert is_closed_by_exit(left, Heard(RECEIVED_NS + SECOND * 3 // 2 - 1))


def test_a_cancel_by_the_api_is_no_exit() -> None:
    """Who calls the cancel endpoint means it."""
    left = Disconnect("api_cancel", None, 0.5, 12)
    exchange = replace(cancelled_exchange(0.5), disconnect=left)
    assert not is_closed_by_exit(exchange, Heard(RECEIVED_NS + SECOND))


def test_without_a_command_there_is_no_exit() -> None:
    """A server that nobody told of an end judges by what it saw."""
    assert not is_closed_by_exit(cancelled_exchange(0.5), None)
