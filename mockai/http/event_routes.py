"""A session's events over HTTP, as server-sent events: what was kept, then what happens."""

from __future__ import annotations

import json

from aiohttp import web

from mockai.engine.events import NAMES, EventLog, SessionEvent
from mockai.engine.session import Session
from mockai.http.control_calls import SESSION, Call, session_of, state_of, whole, whole_query
from mockai.http.control_errors import invalid
from mockai.http.internals import connection_of
from mockai.http.state import State

HEARTBEAT_S = 15.0
"""A comment is sent so often, for proxies that close what is silent."""
_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache"}


async def follow_events(request: web.Request) -> web.StreamResponse:
    """Send the events that are kept, and those that come, until either side ends.

    `Last-Event-ID` (or `after`) goes on behind an event that was seen.
    """
    session, state, seen = session_of(request), state_of(request), _seen(request)
    if seen > session.events.newest:
        seen = 0  # a number of another session that had this name
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    await response.write(b": events of session " + session.id.encode() + b"\n\n")
    follower = _Follower(session, state)
    connection = connection_of(request)
    connection.served = follower
    try:
        while not follower.is_over():
            seen = await _send(response, session.events, seen)
            await session.events.wait(seen, follower.is_over, wait_s=HEARTBEAT_S)
            if session.events.newest == seen:
                await response.write(b": still here\n\n")
        if not follower.has_left:
            await _send(response, session.events, seen)
    finally:
        connection.served = None
    return response


class _Follower:
    """Somebody who follows, as the connection sees it: told when its client leaves."""

    def __init__(self, session: Session, state: State) -> None:
        self._session, self._state = session, state
        self.has_left = False

    def is_over(self) -> bool:
        """Say whether there is nobody, or nothing, left to follow."""
        ended = self._session.ended_at_ns is not None
        return self.has_left or ended or self._state.closing.is_set()

    def is_served_on(self) -> bool:
        """Who sends no more has left."""
        return False

    def lost(self, errno: int | None) -> None:
        """The connection is gone."""
        self.has_left = True
        self._session.events.wake()


async def _send(response: web.StreamResponse, log: EventLog, seen: int) -> int:
    """Send what came after `seen`; return the newest number, whether it is still kept or not."""
    newest, events = log.newest, log.after(seen)
    if not events:
        return newest
    if log.lost > seen:
        await response.write(_frame(log.lost, "missed", {"seq": log.lost, "after": seen}))
    await response.write(b"".join(_event(log, event) for event in events))
    return newest


def _event(log: EventLog, event: SessionEvent) -> bytes:
    return _frame(event.seq, event.name, log.to_json(event))


def _frame(seq: int, name: str, data: object) -> bytes:
    return f"id: {seq}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _seen(request: web.Request) -> int:
    """Return the number of the newest event that the client has seen."""
    text = request.headers.get("Last-Event-ID")
    if text is None:
        return whole(request, "after", 0)
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - fits an int
        raise invalid("Last-Event-ID", f"'Last-Event-ID' must be a whole number (got {text!r})")
    return int(text)


CALLS = (
    Call(
        method="GET",
        path=f"{SESSION}/events",
        handler=follow_events,
        about=f"Follow what happens, as server-sent events: {', '.join(NAMES)}.",
        query=(whole_query("after", "only those with a greater seq; as the header Last-Event-ID"),),
        answer={"text/event-stream": {"type": "string"}},
    ),
)
