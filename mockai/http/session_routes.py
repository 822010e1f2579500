"""Sessions over HTTP: make one, look at it, begin anew, end it."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from mockai.core.leaving import HalfClose
from mockai.core.model import Model
from mockai.core.policy import PolicyChoice
from mockai.core.units import Duration, Speed
from mockai.engine.session import Session, Settings
from mockai.http.control_calls import (
    ROOT,
    SESSION,
    WAIT,
    Call,
    Query,
    name_in_path,
    read_body,
    session_of,
    state_of,
    wait_s,
)
from mockai.http.reporting import answer_with, judged_of, report_of

LONGEST_TTL_S = 366 * 24 * 3_600.0


class SessionSettings(Model):
    """What a session can be made with; what is left out is as the server was started."""

    speed: Speed | None = Field(default=None, description='how much faster; "inf": no waiting')
    seed: int | None = None
    strict_match: bool | None = None
    policy: PolicyChoice | None = None
    half_close: HalfClose | None = None
    ttl: Duration | None = Field(
        default=None,
        gt=0,
        le=LONGEST_TTL_S,
        description="ends by itself when it was not used for so long, at most a year",
    )


async def list_sessions(request: web.Request) -> web.Response:
    """List the live sessions."""
    sessions = [_shown(request, session) for session in state_of(request).sessions.all()]
    return web.json_response({"sessions": sessions})


async def create_session(request: web.Request) -> web.Response:
    """Make a session with an id of its own."""
    session = state_of(request).sessions.create(None, await _settings(request))
    return web.json_response(_shown(request, session), status=201)


async def put_session(request: web.Request) -> web.Response:
    """Make a session of a given id; one that lives is returned as it is."""
    name = name_in_path(request, "session")
    session = state_of(request).sessions.create(name, await _settings(request))
    return web.json_response(_shown(request, session))


async def get_session(request: web.Request) -> web.Response:
    """Show one session."""
    return web.json_response(_shown(request, session_of(request)))


async def delete_session(request: web.Request) -> web.Response:
    """End a session, and answer its final report."""
    session = session_of(request)
    await session.wait_until(session.is_idle, wait_s=wait_s(request))
    evidence = session.evidence()  # before it is cut: what is open then is left open
    state_of(request).sessions.delete(session.id)
    exchanges, judged = session.exchanges(), judged_of(session)
    return await report_of(session.id, session.generation, exchanges, evidence, judged)


async def reset_session(request: web.Request) -> web.Response:
    """Begin a new generation, and answer the report of the one that ended."""
    session = session_of(request)
    settings = await _settings(request) if await request.read() else None
    await session.wait_until(session.is_idle, wait_s=wait_s(request))
    evidence, judged = session.evidence(), judged_of(session)
    generation, exchanges = session.reset(settings)
    return await report_of(session.id, generation, exchanges, evidence, judged)


async def list_late(request: web.Request) -> web.Response:
    """List the requests that came after the end of their session."""
    return await answer_with(state_of(request).sessions.late())


async def _settings(request: web.Request) -> Settings:
    asked = await read_body(request, SessionSettings)
    options = state_of(request).options
    return Settings(
        speed=options.speed if asked.speed is None else asked.speed,
        seed=options.seed if asked.seed is None else asked.seed,
        strict_match=options.strict_match if asked.strict_match is None else asked.strict_match,
        policy=asked.policy or options.policy,
        prices=options.prices,
        half_close=asked.half_close or options.half_close,
        ttl_s=asked.ttl,
    )


def _shown(request: web.Request, session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "base_url": f"{request.scheme}://{request.host}/s/{session.id}/v1",
        "api_key": f"sk-mockai-{session.id}",
        "generation": session.generation,
        "requests": session.journal.received,
        "evicted": session.journal.evicted,
    }


IDLE = Query("wait", WAIT.schema, "for how long to wait first until nothing is open, at most 60 s")
CALLS = (
    Call(
        method="GET",
        path=f"{ROOT}/late",
        handler=list_late,
        about="List the requests that came after the end of their session (410).",
        answer="ExchangesShown",
    ),
    Call(
        method="GET",
        path=f"{ROOT}/sessions",
        handler=list_sessions,
        about="List the live sessions.",
        answer="SessionsShown",
    ),
    Call(
        method="POST",
        path=f"{ROOT}/sessions",
        handler=create_session,
        about="Make a session with an id of its own.",
        body=SessionSettings,
        answer="SessionShown",
        status=201,
        fails=(429,),
    ),
    Call(
        method="GET",
        path=SESSION,
        handler=get_session,
        about="Show one session.",
        answer="SessionShown",
    ),
    Call(
        method="PUT",
        path=SESSION,
        handler=put_session,
        about="Make a session of a given id; one that lives is returned as it is.",
        body=SessionSettings,
        answer="SessionShown",
        fails=(429,),
    ),
    Call(
        method="DELETE",
        path=SESSION,
        handler=delete_session,
        about="End a session: cut what is open, and answer its final report.",
        query=(IDLE,),
        answer="Report",
    ),
    Call(
        method="POST",
        path=f"{SESSION}/reset",
        handler=reset_session,
        about="Begin a new generation, and answer the report of the one that ended; settings, if "
        "given, are the new one's.",
        query=(IDLE,),
        body=SessionSettings,
        answer="Report",
    ),
)
