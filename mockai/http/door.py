"""The door: aiohttp's requests as the facts that `core.door` and `core.cors` decide on.

The route that will serve a request decides whether it is guarded, not the text of its path, so
that no spelling of a path goes around the door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web

from mockai.core.cors import Header, allowing, preflight
from mockai.core.door import Knock, is_guarded, is_write, refusal
from mockai.http.control_errors import ControlError, error_response, too_large
from mockai.http.state import STATE, State

_V1 = ("/v1", "/s/{session}/v1")


def is_watched(request: web.Request, path: str) -> bool:
    """Say whether the door has anything to say of a request; `path` is that of its route."""
    return is_guarded(path) or request.method == "OPTIONS"


async def at_the_door(request: web.Request, path: str) -> web.StreamResponse | None:
    """Return the answer of the door itself; `None` lets the request in.

    A guarded write has been read whole when it comes in.
    """
    state = request.app[STATE]
    if is_guarded(path):
        refused = refusal(state.door, _knock(request, path))
        if refused is not None:
            return _refuse(state, ControlError(refused.status, refused.message, code=refused.code))
        if is_write(request.method):
            await _read(request, state)
    elif request.method == "OPTIONS" and path.startswith(_V1):
        allowed = _preflight(request, state)
        if allowed:
            return web.Response(status=204, headers=dict(allowed))
    return None


def cors_of(headers: Mapping[str, str], state: State) -> tuple[Header, ...]:
    """Return what an answer of `/v1` tells the browser that asked."""
    origins = state.options.cors_origins
    return allowing(origins, headers.get("Origin")) if origins else ()


async def add_cors(request: web.Request, response: web.StreamResponse) -> None:
    """Add it to the answers that aiohttp writes; a stream's are part of its own head."""
    if route_of(request).startswith(_V1):
        response.headers.update(cors_of(request.headers, request.app[STATE]))


def _refuse(state: State, error: ControlError) -> web.Response:
    state.metrics.refused(error.code)
    answer = error_response(error)
    if error.status == web.HTTPUnauthorized.status_code:
        answer.headers["www-authenticate"] = 'Bearer realm="mockai control API"'
    answer.force_close()  # what is left of the body is not waited for
    return answer


async def _read(request: web.Request, state: State) -> None:
    """Have the body in memory, in time: a handler must not wait for a slow sender."""
    limit_s = state.options.limits.idle_s
    try:
        async with asyncio.timeout(limit_s):
            await request.read()
    except TimeoutError:
        raise ControlError(
            408, f"the body did not come within {limit_s:g} s", code="request_timeout"
        ) from None
    except web.HTTPRequestEntityTooLarge:
        raise too_large(state.options.limits.body) from None


def _preflight(request: web.Request, state: State) -> tuple[Header, ...]:
    headers = request.headers
    if "Access-Control-Request-Method" not in headers:
        return ()
    return preflight(
        state.options.cors_origins,
        headers.get("Origin"),
        headers.get("Access-Control-Request-Headers"),
    )


def _knock(request: web.Request, path: str) -> Knock:
    headers = request.headers
    return Knock(
        method=request.method,
        path=path,
        host=headers.get("Host"),
        origin=headers.get("Origin"),
        authorization=headers.get("Authorization"),
        content_type=headers.get("Content-Type"),
        has_body=request.body_exists,
    )


def route_of(request: web.Request) -> str:
    """Return the pattern of the route that serves a request; empty when none does."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""
