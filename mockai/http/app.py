"""The application: both surfaces, and what they answer when something goes wrong."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from mockai.core import openai_errors
from mockai.core.errors import MockaiError, OpenAIError
from mockai.http import (
    billing_routes,
    control_routes,
    metrics_routes,
    openai_routes,
)
from mockai.http.clock import require_ticking
from mockai.http.command_routes import hear, session_heard
from mockai.http.control_errors import error_response as control_error
from mockai.http.door import add_cors, at_the_door, is_watched, route_of
from mockai.http.served_request import error_response as openai_error
from mockai.http.state import STATE, State

_log = logging.getLogger("mockai")
_SURFACE = re.compile(r"(/s/[^/]+)?/v1(/|$)")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(state: State) -> web.Application:
    """Return the application of one server."""
    app = web.Application(client_max_size=state.options.limits.body, middlewares=[_around])
    app[STATE] = state
    app.on_response_prepare.append(_name_request)
    if state.options.cors_origins:
        app.on_response_prepare.append(add_cors)
    app.add_routes([*billing_routes.routes(), *metrics_routes.routes()])
    # These answer whatever else stands below their roots, so they come last.
    app.add_routes([*control_routes.routes(), *openai_routes.routes()])
    return app


async def _name_request(request: web.Request, response: web.StreamResponse) -> None:
    """Give every answer of the OpenAI surface a request id, also one that no exchange records."""
    if _SURFACE.match(request.path):
        response.headers.setdefault("x-request-id", f"req_{secrets.token_hex(16)}")


@web.middleware
async def _around(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Look at the clock, the door and who is heard of, and turn errors into their surface's body.

    One for all, as each middleware is a part of what every request costs.
    """
    try:
        require_ticking(request.path)
        path = route_of(request)
        refused = await at_the_door(request, path) if is_watched(request, path) else None
        if refused is not None:
            return refused
        with_ear = session_heard(request, path)
        return await (handler(request) if with_ear is None else hear(with_ear, request, handler))
    except MockaiError as error:
        return control_error(error)
    except ConnectionError:
        raise
    except Exception as error:
        fault = _fault(error, request)
        if fault is None and isinstance(error, web.HTTPException):
            raise
        if fault is None:
            _log.exception("%s %s failed", request.method, request.path)
            fault = openai_errors.server_error()
        answer = openai_error(fault)
        if isinstance(error, web.RequestPayloadError):
            answer.force_close()  # where the next request would begin cannot be known
        return answer


def _fault(error: Exception, request: web.Request) -> OpenAIError | None:
    """Return what the API says of an error; `None` for one that it does not know."""
    match error:
        case OpenAIError():
            return error
        case web.HTTPNotFound():
            return openai_routes.invalid_url(request.method, request.path)
        case web.HTTPRequestEntityTooLarge():
            return openai_errors.body_too_large(request.app[STATE].options.limits.body)
        case web.RequestPayloadError():  # a chunk or a compression that cannot be read
            return openai_errors.invalid_json()
    return None
