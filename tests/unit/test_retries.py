"""What asks again after an attempt that came to nothing is linked to it; a new question is not."""

from __future__ import annotations

from typing import Any

import pytest

from mockai.core.exchange import NS, Outcome, RequestFacts
from mockai.core.retries import MOST_ALIKE, MOST_BODIES, WINDOW_S, Attempt, Retries

BODY = b'{"messages": []}'


class Asking:
    """A session's requests, one after the other."""

    def __init__(self) -> None:
        self.retries = Retries()
        self.number = 0

    def ask(
        self, *, at_s: float = 0.0, body: bytes = BODY, pressed_s: float = 0.0, **facts: Any
    ) -> Attempt:
        """Ask at an instant; exchanges are called by their numbers."""
        self.number += 1
        request = RequestFacts(path="/v1/chat/completions", **facts)
        now_ns, pressed_ns = round(at_s * NS), round(pressed_s * NS)
        return self.retries.ask(
            str(self.number), request, body, now_ns=now_ns, pressed_ns=pressed_ns
        )


@pytest.mark.parametrize(
    "outcome, again_s, is_retry",
    [
        ("cancelled", 0.0, True),
        ("failed", 0.5, True),
        ("failed", WINDOW_S, True),
        ("failed", WINDOW_S + 0.001, False),
        ("cancelled", WINDOW_S + 0.001, False),
        ("completed", 0.0, False),
    ],
)
def test_the_same_body_is_a_retry_soon_after_an_attempt_that_came_to_nothing(
    outcome: Outcome, again_s: float, *, is_retry: bool
) -> None:
    """The window opens when the attempt ended; after an answer the same question is a new one."""
    asking = Asking()
    asking.ask().end(outcome, 5 * NS)
    assert asking.ask(at_s=5 + again_s).retry_of == ("1" if is_retry else None)


@pytest.mark.parametrize(
    "is_marked, pressed_s, is_retry",
    [(True, 4.9, True), (True, 5.0, True), (True, 5.1, False), (False, 5.1, True)],
)
def test_what_a_person_asks_again_is_no_retry(
    pressed_s: float, *, is_marked: bool, is_retry: bool
) -> None:
    """A second press, such as Regenerate, asks anew; the first one after a cancel is only late."""
    asking = Asking()
    asking.ask().end("cancelled", 5 * NS, is_marked=is_marked)
    assert asking.ask(at_s=6, pressed_s=pressed_s).retry_of == ("1" if is_retry else None)


def test_an_sdk_that_counts_is_believed_whatever_is_pressed() -> None:
    """It counts its own attempts, and no person's."""
    asking = Asking()
    asking.ask(sdk_retry_count=0).end("cancelled", 5 * NS, is_marked=True)
    assert asking.ask(at_s=6, pressed_s=5.5, sdk_retry_count=1).retry_of == "1"


def test_alike_questions_side_by_side_are_no_retries() -> None:
    """While an attempt runs, only its SDK's word makes another one a retry."""
    asking = Asking()
    asking.ask()
    assert asking.ask(at_s=0.1).retry_of is None
    assert asking.ask(at_s=0.2, sdk_retry_count=0).retry_of is None
    assert asking.ask(at_s=0.3, sdk_retry_count=1).retry_of == "3"


@pytest.mark.parametrize("outcome", ["open", "completed", "failed", "cancelled"])
def test_an_sdk_that_counts_is_believed(outcome: Outcome) -> None:
    """It may have given up waiting for an answer that came, and it may wait for minutes."""
    asking = Asking()
    first = asking.ask(sdk_retry_count=0)
    if outcome != "open":
        first.end(outcome, NS)
    assert asking.ask(at_s=600, sdk_retry_count=1).retry_of == "1"


def test_attempts_make_a_chain() -> None:
    """Each attempt repeats the one before it."""
    asking = Asking()
    for count in range(3):
        attempt = asking.ask(at_s=count, sdk_retry_count=count)
        attempt.end("failed", count * NS)
        assert attempt.retry_of == (str(count) if count else None)


def test_many_alike_are_each_retried_once() -> None:
    """Of a crowd with one question, every retry has an attempt of its own."""
    asking = Asking()
    for attempt in [asking.ask(sdk_retry_count=0) for _ in range(5)]:
        attempt.end("failed", 0)
    linked = [asking.ask(sdk_retry_count=1).retry_of for _ in range(5)]
    assert sorted(filter(None, linked)) == ["1", "2", "3", "4", "5"]


def test_a_count_that_skips_one_still_finds_the_newest() -> None:
    """An attempt that never reached us leaves a gap."""
    asking = Asking()
    asking.ask().end("failed", 0)
    assert asking.ask(sdk_retry_count=2).retry_of == "1"


@pytest.mark.parametrize(
    "other",
    [{"body": b"{}"}, {"tag": "another"}, {"key_id": "k_2"}],
    ids=["body", "tag", "key"],
)
@pytest.mark.parametrize("count", [None, 1])
def test_another_question_is_no_retry(other: dict[str, Any], count: int | None) -> None:
    """What is asked, for whom and by whom must be the same."""
    asking = Asking()
    asking.ask().end("cancelled", 0)
    assert asking.ask(sdk_retry_count=count, **other).retry_of is None


def test_an_answer_in_between_makes_it_a_new_question() -> None:
    """The newest attempt decides: who has had the answer meanwhile does not retry."""
    asking = Asking()
    first, second = asking.ask(), asking.ask()
    first.end("cancelled", 0)
    second.end("completed", 0)
    assert asking.ask().retry_of is None


def test_old_questions_are_forgotten_first() -> None:
    """What is kept is bounded, in bodies and in attempts with the same body."""
    asking = Asking()
    asking.ask(body=b"old").end("failed", 0)
    for number in range(MOST_BODIES - 1):
        asking.ask(body=b"%d" % number).end("failed", 0)
    assert asking.ask(body=b"old").retry_of == "1"
    asking.ask(body=b"more")  # pushes out the oldest, which is no longer `old`
    assert asking.ask(body=b"0").retry_of is None
    crowd = Asking()
    for _ in range(MOST_ALIKE + 1):
        crowd.ask()
    linked = [crowd.ask(sdk_retry_count=1).retry_of for _ in range(MOST_ALIKE // 2)]
    assert "1" not in linked
    assert None not in linked
