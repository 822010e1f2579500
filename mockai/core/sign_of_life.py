"""Whether a command was alive after one of its streams had ended, or only its exit ended it.

A process that exits closes what it leaked, which looks like a perfect cancel (measured: the reset
came 100 ms before `waitpid` returned). So somebody must have heard of the command afterwards. Facts
are instants on one monotonic clock, in nanoseconds; who collects them is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from mockai.core.exchange import Exchange

LIVED_ON_NS = 1_000_000_000
"""A command that ran this much longer was not ending when its stream ended."""
CURE = (
    "End the program with `GET $MOCKAI_URL/_mockai/sessions/$MOCKAI_SESSION/exchanges"
    "?outcome=cancelled&wait=2`: who can still ask has closed the stream alive."
)


@dataclass(frozen=True, slots=True)
class Signs:
    """What was heard of a command that has ended: its newest request, its newest answered wait.

    `None` is never. An answer counts only when somebody was there to take it.
    """

    ended_ns: int
    request_ns: int | None = None
    answer_ns: int | None = None


def sign_of_life(left_ns: int, signs: Signs) -> str | None:
    """Return what shows that the command lived on after `left_ns`; `None` when nothing does."""
    if signs.request_ns is not None and signs.request_ns > left_ns:
        return "it made another request to mockai"
    if signs.answer_ns is not None and signs.answer_ns > left_ns:
        return "it took an answer that it had waited for"
    if signs.ended_ns - left_ns >= LIVED_ON_NS:
        return "it ran on for a second"
    return None


def is_closed_by_exit(exchange: Exchange, signs: Signs | None) -> bool:
    """Say whether nothing but the end of its command may have closed a stream."""
    left = exchange.disconnect
    if signs is None or left is None or exchange.outcome != "cancelled" or left.how == "api_cancel":
        return False
    left_ns = exchange.received_ns + round(left.at_s * 1e9)
    return sign_of_life(left_ns, signs) is None
