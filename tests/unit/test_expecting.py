"""What a scenario expects and could never see is a mistake in the file, at its place."""

from __future__ import annotations

from typing import Any

import pytest

from mockai.core.errors import ScenarioError
from mockai.core.loading import validate_scenarios

HELD = [{"faker": 20}, {"hold": {"at_token": 5}}, {"hold": {"name": "middle", "at_token": 9}}]
FREE = [{"faker": 20}]


def read(reply: Any, **cancelled: Any) -> None:
    """Read a scenario that expects a cancel."""
    validate_scenarios(
        [{"name": "a", "reply": reply, "expect": [{"cancelled": cancelled}]}], source="body"
    )


@pytest.mark.parametrize(
    "reply, cancelled, said",
    [
        (FREE, {"within": 1}, r"within: there is nothing to count from: name a mark \(since: stop"),
        (FREE, {"since": "held"}, "since: no reply has a hold to count from"),
        (FREE, {"while_held": True}, "while_held: no reply has a hold"),
        (FREE, {"while_held": "middle"}, "while_held: no gate 'middle'; the gates are: none"),
        (HELD, {"while_held": "end"}, "while_held: no gate 'end'; the gates are: hold-1, middle"),
    ],
)
def test_what_can_never_be_seen_is_refused(
    reply: Any, cancelled: dict[str, Any], said: str
) -> None:
    """Where the check is written."""
    with pytest.raises(ScenarioError, match=rf"expect\.0\.cancelled\.{said}"):
        read(reply, **cancelled)


@pytest.mark.parametrize(
    "reply, cancelled",
    [
        (FREE, {}),
        (FREE, {"within": 1, "since": "stop"}),
        (FREE, {"within": 1, "since": {"token": 3}}),
        (FREE, {"while_held": False}),
        (HELD, {"within": 1}),
        (HELD, {"within": 1, "since": "held"}),
        (HELD, {"while_held": "hold-1"}),
        (HELD, {"while_held": "middle"}),
    ],
)
def test_what_may_be_seen_is_accepted(reply: Any, cancelled: dict[str, Any]) -> None:
    """A mark cannot be foreseen: one that is named may come."""
    read(reply, **cancelled)


def test_the_gates_of_all_turns_count() -> None:
    """One of them may be played when the client leaves."""
    turns = [FREE, HELD]
    expect = [{"cancelled": {"while_held": "middle"}}]
    validate_scenarios([{"name": "a", "turns": turns, "expect": expect}], source="body")
