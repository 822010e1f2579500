"""Whether a command was alive after one of its streams had ended, or only its exit ended it.

A process that exits closes what it leaked, which looks like a perfect cancel (measured: the reset
came 100 ms before `waitpid` returned). So somebody must have heard of the command afterwards. Facts
are instants on one monotonic clock, in nanoseconds; who collects them is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

from mockai.core.exchange import Exchange
from mockai.core.units import show_seconds

LIVED_ON_NS = 1_000_000_000
"""A command that ran this much longer was not ending when its stream ended."""
CURE = (
    "End the program with `GET $MOCKAI_URL/_mockai/sessions/$MOCKAI_SESSION/exchanges"
    "?outcome=cancelled&wait=2`: who can still ask has closed the stream alive."
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of a command that has ended: its newest request, its newest answered wait.

    The same of one process of it, whose requests and end are its own: a test runner lives on when
    the process that leaked has exited. `None` is never. An answer counts only when somebody was
    there to take it, and then for all of the command: who waits has seen the stream close.
    """

    ended_ns: int
    request_ns: int | None = None
    answer_ns: int | None = None


def sign_of_life(left_ns: int, heard: Heard) -> str | None:
    """Return what shows that the command lived on after `left_ns`; `None` when nothing does."""
    if heard.request_ns is not None and heard.request_ns > left_ns:
        return "it made another request to mockai"
    if heard.answer_ns is not None and heard.answer_ns > left_ns:
        return "it took an answer that it had waited for"
    if heard.ended_ns - left_ns >= LIVED_ON_NS:
        return "it ran on for a second"
    return None


def is_closed_by_exit(exchange: Exchange, heard: Heard | None) -> bool:
    """Say whether nothing but the end of its command may have closed a stream."""
    if heard is None or exchange.outcome != "cancelled":
        return False
    left_ns = _left_ns(exchange)
    return left_ns is not None and sign_of_life(left_ns, heard) is None


def closed_by_exit(exchange: Exchange, heard: Heard | None) -> str | None:
    """Return what is to be said of a stream that only an exit may have closed."""
    left_ns = _left_ns(exchange)
    if heard is None or left_ns is None or not is_closed_by_exit(exchange, heard):
        return None
    after_s = (heard.ended_ns - left_ns) / 1e9
    words = f"{show_seconds(abs(after_s))} {'before' if after_s >= 0 else 'after'}"
    whose = "the command" if exchange.process is None else "the process that had asked"
    return (
        f"The stream closed {words} the end of {whose}, which was not heard of in between: a "
        "program that leaks the stream and exits looks the same."
    )


def _left_ns(exchange: Exchange) -> int | None:
    """Return the instant of leaving; a cancel by the API's own call is none."""
    left = exchange.disconnect
    if left is None or left.how == "api_cancel":
        return None
    return exchange.received_ns + round(left.at_s * 1e9)
