"""Findings about answers that were read on after the stop."""

from __future__ import annotations

from mockai.core.exchange import Exchange, MarkSeen
from mockai.core.findings.base import CLOSE_IT, Case, Kind, Signs, marked


def _drained(case: Case) -> Signs | None:
    exchange, mark = case.exchange, case.mark
    if exchange.outcome != "completed" or mark is None or not case.ran_on:
        return None
    if not exchange.request.stream or case.was_early or case.obedient():
        return None
    at_once = _AT_ONCE if _sent_at_once(exchange, mark) else ""
    return Signs(
        f"The stream was read to its end after the mark '{mark.name}': the flag is set, the "
        f"stream is never closed.{at_once}",
        (marked(mark), f"{exchange.tokens.written - mark.token} more tokens were read"),
    )


def _sent_at_once(exchange: Exchange, mark: MarkSeen) -> bool:
    """Say whether a gate that opened after the mark let the whole rest out, with no pace."""
    ends_s = [hold.at_s + hold.for_s for hold in exchange.holds if hold.for_s is not None]
    return not exchange.paced and any(end_s >= mark.at_s for end_s in ends_s)


_AT_ONCE = (
    " (Or it is closed at the next token, too late: the rest was in the socket as soon as the gate "
    "opened. `release(tokens=1)`, or a pace, tells which.)"
)
DRAINED = Kind(
    "drained",
    "read to its end after the mark: the flag is set, the stream is never closed",
    CLOSE_IT,
    _drained,
)


def _whole_answer(case: Case) -> Signs | None:
    exchange, mark = case.exchange, case.mark
    if exchange.request.stream or mark is None or not case.ran_on or case.obedient():
        return None
    if exchange.outcome != "completed":
        return None
    return Signs(
        f"The answer in one body was waited for to its end after the mark '{mark.name}': the "
        "request cannot be cancelled while it waits.",
        (marked(mark), f"{exchange.tokens.planned - mark.generated} more tokens were generated"),
    )


WHOLE_ANSWER = Kind(
    "whole-answer",
    "an answer in one body was waited for to its end after the mark",
    "Cancel the task or abort the signal of the request itself (`task.cancel()`, `{signal}`), "
    "or ask for a stream.",
    _whole_answer,
)


def _early_cancel_lost(case: Case) -> Signs | None:
    exchange, mark = case.exchange, case.mark
    if mark is None or not case.was_early or not exchange.request.stream or case.obedient():
        return None
    if not (case.ran_on and exchange.tokens.written) and not _left_late(case):
        return None
    where = "headers" if _before_headers(case) else "first token"
    return Signs(
        f"The mark '{mark.name}' came before the {where}, and the answer was read nevertheless: "
        "the stop found nothing to cancel yet, and was lost.",
        (marked(mark), f"{exchange.tokens.written} tokens were read afterwards"),
    )


def _left_late(case: Case) -> bool:
    mark, left = case.mark, case.exchange.disconnect
    if mark is None or left is None or not left.token:
        return False
    return left.at_s - mark.at_s > case.grace_s


def _before_headers(case: Case) -> bool:
    headers_s = case.exchange.timing.headers_s
    return case.mark is not None and (headers_s is None or case.mark.at_s < headers_s)


EARLY_CANCEL_LOST = Kind(
    "early-cancel-lost",
    "the mark came before the first byte or token, and the answer was read on: the stop was lost",
    "Make the signal (or the task) before the request is sent, and hand it to the request: a "
    "stream that does not exist yet cannot be closed.",
    _early_cancel_lost,
)
