"""How many connections are let in, and what is said when there is no room for more.

A connection that is turned away gets a whole answer, so that its client knows why; it costs a
descriptor for a second at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
from collections.abc import Callable
from typing import Any

_log = logging.getLogger("mockai")
TOO_MANY = "too_many_connections"
_LINGER_S = 1.0
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# A limit of billions is no wish to have as many connections. A Mac says that there is no limit,
# and grants no more than its OPEN_MAX.
_MOST_DESCRIPTORS = (65_536, 10_240)
_FEW_DESCRIPTORS = 512
_RESERVED = 32  # descriptors for everything that is no connection


class Crowd:
    """Counts the connections of a server; `refused` hears of each that is turned away."""

    def __init__(self, most: int, refused: Callable[[], None] = lambda: None) -> None:
        self.most = most
        self.inside = 0
        self._refused = refused
        self._said = False

    def enter(self) -> bool:
        """Let one more in, if there is room. Says once when there is none."""
        if self.inside < self.most:
            self.inside += 1
            return True
        self._refused()
        if not self._said:
            self._said = True
            _log.warning(
                "%d connections are open: more are answered with 503; see --max-connections",
                self.most,
            )
        return False

    def leave(self) -> None:
        """Note that one has gone."""
        self.inside -= 1


def descriptors() -> int:
    """Return how many descriptors we may have, after asking for as many as are of use."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return _FEW_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    endless = resource.RLIM_INFINITY
    for most in _MOST_DESCRIPTORS:
        wanted = most if hard == endless else min(most, hard)
        if soft == endless or soft >= wanted:
            return most if soft == endless else min(soft, most)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return soft


def room_for(descriptors: int) -> int:
    """Return how many connections a limit of descriptors allows.

    A quarter is kept: a stream whose client does not read needs a second one.
    """
    return max(1, descriptors - descriptors // 4 - _RESERVED)


class Faults:
    """What a loop does with errors that are nobody's: it logs them, and one of them only once."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log an error. The lack of descriptors is repeated by the loop every second."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTED:
            loop.default_exception_handler(context)
        elif not self._said:
            self._said = True
            _log.error(
                "no connection can be accepted: %s; those that are open go on. "
                "Raise `ulimit -n`, or lower --max-connections",
                error.strerror,
            )


class TurnedAway(asyncio.Protocol):
    """A connection for which there is no room: it is told so and closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer at once; closing waits for the client, whose unread words would reset it."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"not a stream: {transport!r}")
        transport.write(_ANSWER)
        with contextlib.suppress(OSError):  # the client is gone already
            transport.write_eof()
        loop = asyncio.get_running_loop()
        self._closing = loop.call_later(_LINGER_S, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        self._closing.cancel()


def _answer() -> bytes:
    message = "The server has no room for another connection: see its option --max-connections."
    error = {
        "message": message,
        "type": "server_error",
        "param": None,
        "code": TOO_MANY,
    }
    body = json.dumps({"error": error}).encode()
    head = [
        "HTTP/1.1 503 Service Unavailable",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "retry-after: 1",
        "connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


_ANSWER = _answer()
