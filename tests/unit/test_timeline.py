"""An exchange as a line: what happened when."""

from __future__ import annotations

import pytest

from mockai.core.exchange import Delivery, Exchange, Timing, Tokens
from mockai.core.timeline import draw, events
from tests.support.facts import (
    cancelled_exchange,
    completed_exchange,
    hold_at,
    mark_at,
    open_exchange,
)

REFUSED = open_exchange(
    outcome="failed", cause="refused", tokens=Tokens(), timing=Timing(ended_s=0.001)
)
CUT_AT_GATE = cancelled_exchange(
    1.0,
    outcome="failed",
    cause="shutdown",
    disconnect=None,
    holds=(hold_at(0.42, for_s=0.58),),
)


NOT_BEGUN = Timing(ended_s=0.5)
UNREAD = Delivery(stalled_s=1.204)
BEGUN = ["0.00 head 200", "0.20 first token"]


@pytest.mark.parametrize(
    "exchange,line",
    [
        (completed_exchange(), [*BEGUN, "8.20 done (400 tokens)"]),
        (
            cancelled_exchange(0.5, 12),
            [*BEGUN, "0.50 client left (fin, 12 tokens)"],
        ),
        (
            cancelled_exchange(0.2, 1),
            [*BEGUN, "0.20 client left (fin, 1 token)"],
        ),
        (
            cancelled_exchange(0.5, 12, holds=(hold_at(0.42, for_s=0.08),)),
            [*BEGUN, "0.42 held at 'hold-1' (12 tokens)", "0.50 client left (fin, 12 tokens)"],
        ),
        (
            completed_exchange(2.0, holds=(hold_at(0.42, for_s=0.08), hold_at(1.0, 30, "b"))),
            [
                *BEGUN,
                "0.42 held at 'hold-1' (12 tokens)",
                "0.50 released",
                "1.00 held at 'b' (30 tokens)",
                "2.00 done (400 tokens)",
            ],
        ),
        (
            completed_exchange(2.0, holds=(hold_at(1.5, 400, for_s=0.5),)),
            [
                *BEGUN,
                "1.50 held at 'hold-1' (400 tokens)",
                "2.00 released",
                "2.00 done (400 tokens)",
            ],
        ),
        (
            completed_exchange(2.0, holds=(hold_at(0.42, for_s=1.0, timed_out=True),)),
            [
                *BEGUN,
                "0.42 held at 'hold-1' (12 tokens)",
                "1.42 hold timed out",
                "2.00 done (400 tokens)",
            ],
        ),
        (
            completed_exchange(2.0, marks=(mark_at(0.1, 0, "early"), mark_at(1.0))),
            [
                "0.00 head 200",
                "0.10 mark 'early'",
                "0.20 first token",
                "1.00 mark 'stop'",
                "2.00 done (400 tokens)",
            ],
        ),
        (open_exchange(), [*BEGUN, "0.42 12 tokens so far"]),
        (
            open_exchange(holds=(hold_at(0.42),)),
            [*BEGUN, "0.42 held at 'hold-1' (12 tokens)"],
        ),
        (open_exchange(timing=Timing(), tokens=Tokens()), ["0.00 request"]),
        (
            cancelled_exchange(0.5, 0, phase="receiving", timing=NOT_BEGUN),
            ["0.00 request", "0.50 client left during receipt (fin, 0 tokens)"],
        ),
        (
            cancelled_exchange(0.5, 0, phase="before_headers", timing=NOT_BEGUN),
            ["0.00 request", "0.50 client left before the head (fin, 0 tokens)"],
        ),
        (
            cancelled_exchange(0.5, 0, phase="before_first_token", timing=Timing(headers_s=0.0)),
            ["0.00 head 200", "0.50 client left (fin, 0 tokens)"],
        ),
        (
            cancelled_exchange(9.0, 400, phase="after_last_token"),
            [*BEGUN, "9.00 client left after the last token (fin, 400 tokens)"],
        ),
        (
            cancelled_exchange(1.7, 37, delivery=UNREAD),
            [*BEGUN, "1.70 client left (fin, 37 tokens, unread for 1.20 s)"],
        ),
        (open_exchange(delivery=UNREAD), [*BEGUN, "0.42 12 tokens so far, unread for 1.20 s"]),
        (
            completed_exchange(delivery=UNREAD),
            [*BEGUN, "8.20 done (400 tokens, unread for 1.20 s)"],
        ),
        (REFUSED, ["0.00 request", "0.00 failed: refused"]),
        (
            CUT_AT_GATE,
            [*BEGUN, "0.42 held at 'hold-1' (12 tokens)", "1.00 failed: shutdown"],
        ),
    ],
)
def test_the_line_tells_what_happened_in_order(exchange: Exchange, line: list[str]) -> None:
    """Head, first token, gates, marks, and how it ended; a gate that it never left has no end."""
    assert draw(exchange) == " · ".join(line)


def test_events_have_names_and_tokens_for_programs() -> None:
    """The line is for people; each event has a stable name and the tokens written by then."""
    left = cancelled_exchange(0.9, 12, holds=(hold_at(0.42, for_s=0.1),), marks=(mark_at(0.8),))
    assert [(event.name, event.token) for event in events(left)] == [
        ("headers", None),
        ("first_token", 1),
        ("held", 12),
        ("released", 12),
        ("mark", 12),
        ("disconnected", 12),
    ]


def test_what_happens_at_one_instant_keeps_its_order() -> None:
    """Held, marked and left within the same microsecond: cause before effect."""
    left = cancelled_exchange(0.42, holds=(hold_at(0.42, for_s=0.0),), marks=(mark_at(0.42),))
    names = [event.name for event in events(left)]
    assert names[-3:] == ["held", "mark", "disconnected"]
