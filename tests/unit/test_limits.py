"""`max_tokens` and `stop` of a request, obeyed as the real API obeys them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.limits import limited
from mockai.core.reply import Reply
from tests.support.facts import reply_of

DODO = {"text": "Hi 🦤 you"}  # 1, 3 and 1 tokens
STORY = {"text": "Once upon a time there was a dodo."}
FIFTY = {"tokens_per_second": 50}


def end_of(reply: Reply) -> tuple[str, int, str]:
    """Return the text, the tokens and the reason."""
    return reply.text, reply.total, reply.finish_reason


# ── max_tokens ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "most,end",
    [
        (1, ("Hi", 1, "length")),
        (2, ("Hi", 2, "length")),
        (3, ("Hi", 3, "length")),
        (4, ("Hi 🦤", 4, "length")),
        (5, ("Hi 🦤 you", 5, "stop")),
        (6, ("Hi 🦤 you", 5, "stop")),
        (None, ("Hi 🦤 you", 5, "stop")),
    ],
)
def test_a_reply_ends_at_the_most_tokens(most: int | None, end: tuple[str, int, str]) -> None:
    """With `length`; tokens of a character that is not whole any more are billed, not sent."""
    assert end_of(limited(reply_of(DODO), max_tokens=most)) == end


def test_the_reasoning_can_eat_the_cap() -> None:
    """No content at all comes then, as recorded from the real API."""
    reply = limited(reply_of({"reasoning": 100}, STORY), max_tokens=100)
    assert (*end_of(reply), reply.reasoning_tokens) == ("", 100, "length", 100)


def test_a_cap_inside_the_reasoning_cuts_it() -> None:
    """It counts like everything else."""
    reply = limited(reply_of({"reasoning": 100}, STORY), max_tokens=30)
    assert (*end_of(reply), reply.reasoning_tokens) == ("", 30, "length", 30)


def test_a_cap_inside_the_arguments_of_a_tool_breaks_them() -> None:
    """The reason is `length`, not `tool_calls`."""
    whole = reply_of({"tool_call": {"name": "weather", "arguments": {"city": "Paris"}}})
    cut = limited(whole, max_tokens=4)
    assert whole.said("tool_arguments").startswith(cut.said("tool_arguments"))
    assert (cut.total, cut.finish_reason) == (4, "length")


def test_the_tail_comes_with_the_last_token_that_is_left() -> None:
    """Who asked for less waits less."""
    assert limited(reply_of(100, pace=FIFTY), max_tokens=10).due_ns[-1] == 9 * 20_000_000


def test_holds_at_the_end_stay_at_the_end() -> None:
    """Those that lie beyond it are never reached."""
    steps = (9, {"hold": {"name": "far", "at_token": 8}}, {"hold": {"name": "end", "at": "done"}})
    reply = limited(reply_of({"hold": {"name": "near", "at_token": 2}}, *steps), max_tokens=4)
    assert [(hold.name, hold.token) for hold in reply.holds] == [("near", 2), ("end", 4)]


def test_a_fault_at_the_end_stays_there_and_one_at_a_token_beyond_is_not_reached() -> None:
    """`cut` as the last step means: in place of the end."""
    reply = reply_of(9, {"cut": "reset"}, {"cut": {"how": "fin", "at_token": 9}})
    cut = limited(reply, max_tokens=4)
    assert [placed.frame < len(cut) for placed in cut.faults] == [True, False]
    assert cut.faults[0].frame == len(cut) - 1


def test_the_shared_reply_is_left_as_it_is() -> None:
    """All plays share it."""
    reply = reply_of(9)
    before = list(reply.tokens)
    limited(reply, max_tokens=4, stop=["a"])
    assert list(reply.tokens) == before


# ── stop ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "stop,said",
    [
        (["upon"], "Once "),
        ([" upon"], "Once"),
        (["n a ti"], "Once upo"),
        (["po"], "Once u"),
        (["Once"], ""),
        (["dodo.", "time"], "Once upon a "),
        (["dodo."], "Once upon a time there was a "),
        ([".", "never"], "Once upon a time there was a dodo"),
    ],
    ids=str,
)
def test_a_stop_sequence_ends_the_content_before_it(stop: list[str], said: str) -> None:
    """Inside one delta or across several; of several sequences the one that comes first."""
    text, _, reason = end_of(limited(reply_of(STORY), stop=stop))
    assert (text, reason) == (said, "stop")


@pytest.mark.parametrize("stop", [[], ["nowhere"], [""]], ids=str)
def test_a_stop_sequence_that_does_not_occur_changes_nothing(stop: list[str]) -> None:
    """The script's own reason stays."""
    reply = reply_of(STORY, {"finish": "content_filter"})
    assert limited(reply, stop=stop) is reply


def test_no_empty_chunk_is_sent_before_a_stop_sequence() -> None:
    """A delta of which nothing is left does not come at all."""
    reply = limited(reply_of(STORY), stop=[" upon"])
    assert [delta.text for delta in reply.deltas] == ["Once"]


def test_a_stop_sequence_is_looked_for_in_content_only() -> None:
    """Not in reasoning, refusals or arguments."""
    call = {"tool_call": {"name": "x", "arguments": {"a": "END"}}}
    reply = reply_of({"reasoning": {"text": "The END"}}, {"refusal": "END"}, call)
    assert limited(reply, stop=["END"]) is reply


def test_content_around_other_steps_is_one_text() -> None:
    """A sequence may begin before a comment and end after it."""
    reply = limited(reply_of({"text": "ab"}, {"keepalive": "x"}, {"text": "cd"}), stop=["bc"])
    assert end_of(reply)[0] == "a"


def test_what_comes_first_ends_it() -> None:
    """The cap or the sequence."""
    assert end_of(limited(reply_of(STORY), max_tokens=2, stop=["time"]))[1:] == (2, "length")
    assert end_of(limited(reply_of(STORY), max_tokens=9, stop=["time"]))[1:] == (4, "stop")


texts = st.text(alphabet="ab🦤 é", max_size=30)


@settings(max_examples=200, deadline=None)
@given(text=texts, stop=st.lists(texts.filter(bool), max_size=3), most=st.integers(1, 40))
def test_any_limits_keep_the_columns_true(text: str, stop: list[str], most: int) -> None:
    """The text is a beginning without the sequences, the tokens never exceed the cap."""
    steps: tuple[Any, ...] = ({"reasoning": 3}, {"text": text}, {"hold": "end"})
    whole = reply_of(*steps)
    reply = limited(whole, max_tokens=most, stop=stop)
    assert whole.text.startswith(reply.text)
    assert not any(each in reply.text for each in stop)
    assert reply.total <= most
    assert len(reply.due_ns) == len(reply.tokens) == len(reply.sent) == len(reply.deltas) + 2
    assert list(reply.tokens) == sorted(reply.tokens)
    assert [hold.frame for hold in reply.holds] == [len(reply) - 1]
