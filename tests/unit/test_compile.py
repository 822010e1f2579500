"""From steps to columns: which token leaves when, and where a play holds."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from mockai.core.errors import ScenarioError
from mockai.core.staging import staged
from tests.support.facts import reply_of

MS = 1_000_000
DODO = {"text": "Hi 🦤 you"}  # 1, 3 and 1 tokens: a dodo's bytes are three tokens
FIFTY = {"ttft": "200ms", "tokens_per_second": 50}


def ms(*, of: Any) -> list[float]:
    """Return a column of nanoseconds in milliseconds."""
    return [ns / MS for ns in of]


def holds_of(*steps: Any, **fields: Any) -> list[tuple[str, int, int, float]]:
    """Return (name, frame, token, due in ms) of every hold, in the order of the play."""
    holds = reply_of(*steps, **fields).holds
    return [(hold.name, hold.frame, hold.token, hold.due_ns / MS) for hold in holds]


# ── time ─────────────────────────────────────────────────────────────────────────────────────


def test_the_pace_sets_when_each_token_leaves() -> None:
    """The head leaves at once, token 1 after ttft, then one per period, the tail with the last."""
    reply = reply_of(4, pace=FIFTY)
    assert ms(of=reply.due_ns) == [0, 200, 220, 240, 260, 260]
    assert list(reply.tokens) == [0, 1, 2, 3, 4, 4]
    assert (reply.total, reply.paced) == (4, True)


def test_without_a_pace_all_is_due_at_once() -> None:
    """Such a reply is not paced, and a check may say so."""
    reply = reply_of(4)
    assert (ms(of=reply.due_ns), reply.paced) == ([0] * 6, False)


def test_only_a_ttft_is_a_pace_too() -> None:
    """After the wait the whole reply leaves at once."""
    reply = reply_of(2, pace={"ttft": "1s"})
    assert (ms(of=reply.due_ns), reply.paced) == ([0, 1000, 1000, 1000], True)


def test_a_character_of_several_tokens_takes_their_time() -> None:
    """The rate is in tokens: a delta leaves when its last token is generated."""
    reply = reply_of(DODO, pace=FIFTY)
    assert [delta.text for delta in reply.deltas] == ["Hi", " 🦤", " you"]
    assert (list(reply.tokens), reply.text) == ([0, 1, 4, 5, 5], "Hi 🦤 you")
    assert ms(of=reply.due_ns) == [0, 200, 260, 280, 280]


@pytest.mark.parametrize(
    "steps,due",
    [
        (({"pause": "1s"}, 2), [0, 1200, 1220, 1220]),
        ((1, {"pause": "1s"}, 1), [0, 200, 1220, 1220]),
        ((2, {"pause": "1s"}), [0, 200, 220, 1220]),
        (({"pause": "1s"},), [0, 1200]),
    ],
)
def test_a_pause_delays_all_that_follows(steps: tuple[Any, ...], due: list[int]) -> None:
    """Before the first token it adds to ttft, after the last it delays the tail."""
    assert ms(of=reply_of(*steps, pace=FIFTY).due_ns) == due


def test_speed_scales_what_is_on_the_plan_and_no_gate() -> None:
    """Twice as fast: ttft, rate and pauses are halved, the time-out of a hold is not."""
    reply = reply_of(2, {"pause": "1s"}, {"hold": {"timeout": "3s"}}, 1, speed=2, pace=FIFTY)
    assert ms(of=reply.due_ns) == [0, 100, 110, 620, 620]
    assert [(hold.due_ns / MS, hold.timeout_ns / MS) for hold in reply.holds] == [(610, 3000)]


def test_infinite_speed_removes_all_waiting_and_keeps_the_order() -> None:
    """Holds stay where they are, in the order in which they would be reached; no gate is opened."""
    steps = (2, {"pause": "1s"}, {"hold": "late"}, {"hold": {"name": "soon", "at_token": 2}}, 1)
    slow, fast = (reply_of(*steps, speed=speed, pace=FIFTY) for speed in (1.0, math.inf))
    assert set(fast.due_ns) == {0}
    assert (list(fast.tokens), fast.deltas) == (list(slow.tokens), slow.deltas)
    assert [hold.name for hold in fast.holds] == [hold.name for hold in slow.holds]
    assert fast.holds[0].timeout_ns == slow.holds[0].timeout_ns
    assert fast.paced is False


@pytest.mark.parametrize(
    "fields", [{"pace": {"tokens_per_second": 1e-300}}, {"pace": {"ttft": 1e300}}]
)
def test_a_reply_that_takes_years_is_refused(fields: dict[str, Any]) -> None:
    """A slip of the pen is the writer's error, not an overflow of ours."""
    with pytest.raises(ScenarioError, match="story: the reply would take more than a year"):
        reply_of(2, **fields)


@pytest.mark.parametrize("fault", [{"cut": "fin"}, {"error": {"status": 500}}])
@pytest.mark.parametrize(
    "before,due",
    [
        ((2, {"pause": "1s"}), [0, 200, 220, 1220]),
        (({"pause": "1s"},), [0, 1000]),
        ((2,), [0, 200, 220, 220]),
    ],
)
def test_a_pause_before_a_fault_comes_first(
    fault: dict[str, Any], before: tuple[Any, ...], due: list[int]
) -> None:
    """A slow error, a cut after a silence: the end is due when the pause is over."""
    reply = reply_of(*before, fault, 3, pace=FIFTY)
    assert ms(of=staged(reply, ordinal=1, draw=Random(1)).reply.due_ns) == due


# ── text ─────────────────────────────────────────────────────────────────────────────────────


def test_filler_goes_on_where_the_text_before_it_ends() -> None:
    """Steps are joined to one text, and filler after text begins with a space."""
    reply = reply_of({"text": "Once upon a time"}, 3, 2, seed=5)
    assert reply.text.startswith("Once upon a time ")
    assert (len(reply.text.split()), reply.total) == (4 + 3 + 2, 9)


def test_filler_is_seeded() -> None:
    """The scenario's seed gives the words; another seed gives others."""
    assert reply_of(9, seed=5).text == reply_of(9, seed=5).text != reply_of(9, seed=6).text


def test_a_reply_can_be_empty() -> None:
    """Only head and tail: the tail is due after ttft, and has the reason to finish."""
    reply = reply_of({"finish": "content_filter"}, pace=FIFTY)
    assert (ms(of=reply.due_ns), list(reply.tokens)) == ([0, 200], [0, 0])
    assert (reply.finish_reason, reply.text) == ("content_filter", "")


def test_an_empty_text_sends_nothing() -> None:
    """It has no token, so it has no frame."""
    assert len(reply_of({"text": ""}, 2)) == len(reply_of(2)) == 4


# ── holds ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "where,expected",
    [
        ({"at": "headers"}, (0, 0, 0)),
        ({"at": "first_token"}, (1, 0, 0)),
        ({"at_token": 0}, (1, 0, 0)),
        ({"at_token": 2}, (3, 2, 220)),
        ({"at_token": 4}, (5, 4, 260)),
        ({"at": "done"}, (5, 4, 260)),
        ({}, (5, 4, 260)),
    ],
)
def test_a_hold_stands_before_the_next_frame(where: Any, expected: tuple[int, int, float]) -> None:
    """It is reached when the tokens before it are out, not when the next one would be due."""
    assert holds_of(4, {"hold": where}, pace=FIFTY) == [("hold-1", *expected)]


def test_a_hold_without_a_position_stands_at_its_place() -> None:
    """In the list, after what is before it: also after a pause, also before the first token."""
    steps = ({"hold": "start"}, 2, {"pause": "1s"}, {"hold": "middle"}, 1)
    assert holds_of(*steps, pace=FIFTY) == [("start", 1, 0, 0), ("middle", 3, 2, 1220)]


def test_at_token_counts_over_the_whole_reply() -> None:
    """It may be written before the text, and fall into a later step."""
    steps = ({"hold": {"at_token": 5}}, {"text": "Once upon a time"}, 4)
    assert [hold[1:3] for hold in holds_of(*steps)] == [(6, 5)]


@pytest.mark.parametrize("asked", [2, 3, 4])
def test_a_hold_inside_a_character_moves_to_the_next_whole_one(asked: int) -> None:
    """No client can be sent half a dodo; the hold says at which token it really stands."""
    assert holds_of(DODO, {"hold": {"at_token": asked}}) == [("hold-1", 3, 4, 0)]


def test_a_hold_without_a_name_is_numbered_by_its_place_among_holds() -> None:
    """As written, not as reached."""
    steps = (4, {"hold": {"at_token": 3}}, {"hold": "mine"}, {"hold": {"at_token": 1}})
    assert [hold[0] for hold in holds_of(*steps)] == ["hold-3", "hold-1", "mine"]


def test_holds_at_one_place_come_in_the_order_of_time() -> None:
    """One after a pause is reached later, even when it is written first."""
    steps = (2, {"pause": "2s"}, {"hold": "late"}, {"hold": {"name": "soon", "at_token": 2}}, 1)
    assert holds_of(*steps, pace=FIFTY) == [("soon", 3, 2, 220), ("late", 3, 2, 2220)]


def test_a_hold_beyond_the_end_is_refused() -> None:
    """It would never be reached, and every wait for it would time out."""
    with pytest.raises(
        ScenarioError, match="story: hold at token 5: the reply has only 4 tokens of o200k"
    ):
        reply_of(4, {"hold": {"at_token": 5}})
