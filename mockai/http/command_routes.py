"""The command under test, as its server knows it: when it was heard of, and that it has ended.

`mockai run` says so by `POST …/exit`. From then on a cancel that nothing but the exit may have made
is inconclusive: see `core.sign_of_life`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from mockai.engine.session import Session
from mockai.http.control_calls import SESSION, Call
from mockai.http.facts import process_of
from mockai.http.internals import connection_of, is_there
from mockai.http.state import STATE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_EXIT = f"{SESSION}/exit"


async def note_exit(request: web.Request) -> web.Response:
    """Note that the command which used this session has ended, just now."""
    session = request.app[STATE].sessions.get(request.match_info["session"])
    session.hearing.end()
    return web.json_response({"session": session.id, "ended": True})


def session_heard(request: web.Request, path: str) -> Session | None:
    """Return the session whose command is heard of by a control call; `path` is the route's."""
    if not path.startswith(SESSION) or path == _EXIT:
        return None
    return request.app[STATE].sessions.find(request.match_info["session"])


async def hear(session: Session, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note a control call of a session, and its answer if somebody is there to take it."""
    at_ns = session.now_ns()
    session.hearing.request()
    answer = await handler(request)
    # Looked for afterwards: a mark must be stamped when it comes.
    connection = connection_of(request)
    session.hearing.asked(process_of(connection, request.app[STATE]), at_ns)
    if is_there(connection):
        session.hearing.answer()
    return answer


CALLS = (
    Call(
        method="POST",
        path=_EXIT,
        handler=note_exit,
        about="Say that the command which used this session has ended: `mockai run` does.",
        answer="Ended",
    ),
)
