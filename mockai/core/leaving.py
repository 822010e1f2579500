"""How a client left, by what the system said about it.

ECONNRESET means a reset, whichever party saw it: the kernel tells it once, to whoever asks first.
EPIPE is what a polite close looks like to a writer that was under way. FIN or RST depends only
on unread bytes in the client's socket: it is evidence, never a verdict.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Literal

from mockai.core.exchange import How

HalfClose = Literal["cancel", "continue"]
"""What a FIN means while an answer is under way: a half-close cannot be told from a close."""

_HOW: dict[int, How] = {
    errno.ECONNRESET: "reset",
    errno.EPIPE: "fin",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "timeout",
}


def how_left(seen: Iterable[int | None]) -> tuple[How, int | None]:
    """Return the way of leaving and the errno that shows it, from all errnos that were seen."""
    errors = [number for number in seen if number is not None]
    if errno.ECONNRESET in errors:
        return "reset", errno.ECONNRESET
    telling = [number for number in errors if number != errno.EPIPE]
    if telling:
        return _HOW.get(telling[0], "lost"), telling[0]
    return "fin", errors[0] if errors else None
