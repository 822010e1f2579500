"""Findings about streams that were left too late, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from mockai.core.checks.base import Evidence
from mockai.core.exchange import Exchange
from mockai.core.findings.base import ENDS, GRACE_S, Case, Kind, SetKind, Signs, marked
from mockai.core.units import show_seconds

SILENCE_S = 0.1
"""A client that is told at once leaves within this time."""
AT_ONCE_S = 0.05
"""So soon after a write a client has left because of it."""
MANY = 3


def _next_token(case: Case) -> Signs | None:
    mark, left = case.mark, case.exchange.disconnect
    if mark is None or left is None:
        return None
    woken_s = _next_write_s(case.exchange, mark.at_s, mark.token)
    if woken_s is None or woken_s - mark.at_s < SILENCE_S:
        return None
    if not 0 <= left.at_s - woken_s <= AT_ONCE_S * case.evidence.patience:
        return None
    silent, after = show_seconds(woken_s - mark.at_s), show_seconds(left.at_s - woken_s)
    return Signs(
        f"It left {after} after the next token, and had not stirred in the {silent} of silence "
        f"after the mark '{mark.name}': the flag is only looked at when a token comes. A model "
        "that thinks is silent for minutes.",
        (marked(mark), f"next token at {woken_s:.3f} s", f"client left at {left.at_s:.3f} s"),
    )


def _next_write_s(exchange: Exchange, at_s: float, token: int) -> float | None:
    """Return when the first token after an instant was written, if one was."""
    if exchange.tokens.written <= token:
        return None
    released = [hold.at_s + hold.for_s for hold in exchange.holds if hold.for_s is not None]
    later = [end_s for end_s in released if end_s >= at_s]
    due_s = exchange.token_at_s(token + 1)
    return later[0] if later else due_s


NEXT_TOKEN = Kind(
    "next-token",
    "left right after the next token, not in the silence before: the flag is looked at per token",
    "Do not wait for the next chunk to look: cancel the task that reads, or abort its signal.",
    _next_token,
)


def _late(case: Case) -> Signs | None:
    mark, left = case.mark, case.exchange.disconnect
    if mark is None or left is None or case.was_early or _next_token(case) is not None:
        return None
    late_s = left.at_s - mark.at_s
    if late_s <= GRACE_S * case.evidence.patience:
        return None
    more = left.token - mark.token
    return Signs(
        f"It left {show_seconds(late_s)} after the mark '{mark.name}', {more} tokens later: the "
        "cancel waited behind the work (the same loop, thread or queue), or the garbage collector "
        "closed what the program had forgotten.",
        (marked(mark), f"client left ({left.how}) at {left.at_s:.3f} s, at token {left.token}"),
    )


LATE = Kind(
    "late",
    "left more than a second after the mark: queued behind the work, or closed by the collector",
    "Handle the stop where nothing waits, and close the response there; `mockai.no_gc()` shows "
    "whether the collector did it.",
    _late,
)


def _left_open(case: Case) -> Signs | None:
    exchange, mark = case.exchange, case.mark
    if exchange.ended or not (case.check in ENDS or case.ran_on):
        return None
    if case.obedient() or (case.was_early and exchange.tokens.written):
        return None
    held = bool(exchange.holds) and exchange.holds[-1].for_s is None
    where = f", held at '{exchange.holds[-1].name}'" if held else ""
    return Signs(
        f"The connection is still open after {show_seconds(case.age_s)}{where}: nothing has "
        "closed the stream.",
        (*([marked(mark)] if mark else []), f"connection {exchange.connection.id or 'unknown'}"),
    )


LEFT_OPEN = Kind(
    "left-open",
    "still open long after the mark: nothing has closed the stream",
    "Leaving the loop does not: close the response (`with`, `await stream.close()`, "
    "`controller.abort()`).",
    _left_open,
)


def _connection_leak(evidence: Evidence) -> Iterator[tuple[Exchange | None, Signs]]:
    left = [item for item in evidence.exchanges if _left_open(Case(item, evidence)) is not None]
    if len(left) < MANY:
        return
    kept = sorted({item.connection.id for item in left})
    yield (
        None,
        Signs(
            f"{len(left)} streams are still open long after their marks, each on a connection of "
            "the client's pool: soon the next call has to wait for one.",
            (f"exchanges {', '.join(f'#{item.seq}' for item in left)}", f"{len(kept)} connections"),
        ),
    )


CONNECTION_LEAK = SetKind(
    "connection-leak",
    "three or more streams were left open: the client's pool runs out of connections",
    "Close every response that is not read to its end; a test with a small pool "
    "(`max_connections=2`) shows it.",
    _connection_leak,
)
