"""The control API: all its calls in one table.

Thin: a handler reads a request, calls the engine, and writes JSON. From the table come the routes
and the API's own description, so that neither knows a call that the other does not.
"""

from __future__ import annotations

import asyncio
import re
from functools import cache

from aiohttp import web

from mockai.http import (
    billing_routes,
    check_routes,
    command_routes,
    event_routes,
    exchange_routes,
    gate_routes,
    scenario_routes,
    session_routes,
)
from mockai.http.control_calls import ROOT, Call, state_of
from mockai.http.control_errors import ControlError


async def health(request: web.Request) -> web.Response:
    """Say that the server is up."""
    return web.json_response({"status": "ok", "sessions": len(state_of(request).sessions.all())})


async def description(_: web.Request) -> web.Response:
    """Describe the control API; made once, and not between two ticks of a stream."""
    document = await asyncio.to_thread(_description)
    return web.Response(body=document, content_type="application/json")


async def unknown(request: web.Request) -> web.Response:
    """Answer a path or a method that the control API does not have."""
    allowed = sorted({call.method for call in CALLS if _fits(call.path, request.path)})
    if allowed:
        raise ControlError(
            405,
            f"not allowed to {request.method} {request.path}; allowed is {', '.join(allowed)}",
            code="method_not_allowed",
            headers={"allow": ", ".join(allowed)},
        )
    raise ControlError(
        404, f"the control API has no {request.method} {request.path}", code="unknown_call"
    )


def _fits(path: str, asked: str) -> bool:
    """Say whether a path is one of those that a call is made for."""
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), asked) is not None


CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path=f"{ROOT}/health",
        handler=health,
        about="Say that the server is up; open to all.",
        answer="Health",
    ),
    Call(
        method="GET",
        path=f"{ROOT}/openapi.json",
        handler=description,
        about="This document; open to all.",
        answer={"application/json": {"type": "object"}},
    ),
    *session_routes.CALLS,
    *scenario_routes.CALLS,
    *exchange_routes.CALLS,
    *event_routes.CALLS,
    *gate_routes.CALLS,
    *check_routes.CALLS,
    *billing_routes.CALLS,
    *command_routes.CALLS,
)


def routes() -> list[web.RouteDef]:
    """Return the routes of the control API; the last answers whatever else stands below it."""
    return [*(call.route() for call in CALLS), web.route("*", f"{ROOT}{{tail:.*}}", unknown)]


@cache
def _description() -> bytes:
    from mockai.http.openapi import describe  # noqa: PLC0415 - its models are of no other use

    return describe(CALLS)
