"""The check `delivered`: the text that the client kept is what was sent to it, and no more."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from mockai.core.checks.base import Verdict
from mockai.core.checks.delivered import Delivered, difference_of, written_text
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Exchange, Schedule, Tokens
from tests.support.facts import (
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    hold_at,
    open_exchange,
    reply_of,
    schedule_of,
)
from tests.support.golden import golden

STORY = {"text": "Once upon a time, there was a fox."}
SCHEDULE = Schedule(reply_of(STORY), start_s=0.0)
HELD = (hold_at(0.4, 4),)


def sent(token: int = 4, **facts: Any) -> Exchange:
    """Return an exchange whose client left with so many tokens of the story on the wire."""
    return cancelled_exchange(0.5, token, schedule=SCHEDULE, **facts)


def judge(text: str, exchange: Exchange, **check: Any) -> Verdict:
    """Judge."""
    return evaluate(Delivered.model_validate({"text": text, **check}), evidence_of(exchange))


@pytest.mark.parametrize(
    "exchange,text,passed",
    [
        (sent(), "Once upon a time", True),
        (sent(), "Once upon", True),
        (sent(), "Once upon a time,", False),
        (sent(), "once upon", False),
        (sent(holds=HELD), "Once upon a time", True),
        (sent(holds=HELD), "Once upon", False),
        (sent(0), "Once", False),
        (completed_exchange(schedule=SCHEDULE), STORY["text"], True),
        (completed_exchange(schedule=SCHEDULE), STORY["text"] + " It", False),
        (completed_exchange(schedule=None), "Once", False),
    ],
)
def test_the_own_text_begins_what_was_written_and_is_all_of_it_at_a_hold(
    exchange: Exchange, text: str, *, passed: bool
) -> None:
    """Who has more than was sent invented it; who has less at a hold has lost it."""
    assert judge(text, exchange).passed is passed


def test_exact_can_be_demanded_and_waived() -> None:
    """Where the test knows that all was read, or that it was not."""
    assert not judge("Once upon", sent(), exact=True).passed
    assert judge("Once upon", sent(holds=HELD), exact=False).passed
    assert judge("", sent(0), exact=True).passed
    assert not judge("", sent(1), exact=True).passed


@pytest.mark.parametrize("check", [{}, {"text": ""}, {"text": "", "exact": False}])
def test_an_empty_text_that_every_text_begins_with_is_refused(check: dict[str, Any]) -> None:
    """It could not fail."""
    with pytest.raises(ValidationError):
        Delivered.model_validate(check)


def test_a_stream_that_stands_at_a_gate_must_be_equal_too() -> None:
    """Also before it has ended; what it still sends may make the text right."""
    tokens = Tokens(planned=9, generated=4, written=4)
    held = open_exchange(schedule=SCHEDULE, holds=HELD, tokens=tokens)
    assert judge("Once upon a time", held).passed
    missing = judge("Once upon", held)
    assert (missing.passed, missing.settled) == (False, False)
    ahead = judge("Once upon a time, there", held)
    assert (ahead.passed, ahead.settled) == (False, False)


def test_only_the_text_of_the_content_counts() -> None:
    """Neither reasoning nor tool calls are what the user reads."""
    reply = reply_of({"reasoning": {"text": "Hmm, a fox."}}, STORY)
    whole = completed_exchange(
        schedule=Schedule(reply, 0.0), tokens=Tokens(planned=reply.total, written=reply.total)
    )
    assert written_text(whole) == STORY["text"]


def test_of_a_long_stream_exactly_the_written_tokens_are_its_text() -> None:
    """For every token there is more of it, and in the end all."""
    schedule = schedule_of(50)
    texts = [written_text(cancelled_exchange(1, token, schedule=schedule)) for token in range(51)]
    assert texts[0] == ""
    assert texts[-1] == schedule.reply.text
    assert all(later.startswith(one) for one, later in pairwise(texts))
    assert len(set(texts)) == 51


@pytest.mark.parametrize(
    "text,said",
    [
        ("Once upon a time and", "4 characters more than was sent: ' and'"),
        ("Once", "12 characters are missing: ' upon a time'"),
        ("Once in a time", "from character 6 on 'in a time', where 'upon a time' was sent"),
    ],
)
def test_the_difference_says_where_texts_part(text: str, said: str) -> None:
    """More, less, or other."""
    assert difference_of(text, "Once upon a time") == said


def test_the_text_for_a_partial_answer_that_was_lost() -> None:
    """The user has seen it, the history has not."""
    report = judge("Once upon", sent(holds=HELD), where={"scenario": "story"}).report
    assert report == golden("delivered_less.txt")
