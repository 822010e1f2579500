"""The application: both surfaces, and what they answer when something goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from mockai.core import openai_errors
from mockai.core.errors import MockaiError, OpenAIError
from mockai.http import billing_routes, control_routes, metrics_routes, openai_routes
from mockai.http.control_routes import error_response as control_error
from mockai.http.door import add_cors, door
from mockai.http.openai_routes import error_response as openai_error
from mockai.http.state import STATE, State

_log = logging.getLogger("mockai")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(state: State) -> web.Application:
    """Return the application of one server."""
    app = web.Application(client_max_size=state.options.limits.body, middlewares=[_errors, door])
    app[STATE] = state
    if state.options.cors_origins:
        app.on_response_prepare.append(add_cors)
    app.add_routes([*billing_routes.routes(), *metrics_routes.routes()])
    # These answer whatever else stands below their roots, so they come last.
    app.add_routes([*control_routes.routes(), *openai_routes.routes()])
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a handler raises into the error body of its surface; never a traceback."""
    try:
        return await handler(request)
    except OpenAIError as error:
        return openai_error(error)
    except MockaiError as error:
        return control_error(error)
    except web.HTTPNotFound:
        return openai_error(openai_errors.invalid_url(request.method, request.path))
    except web.HTTPRequestEntityTooLarge:
        return openai_error(openai_errors.body_too_large(request.app[STATE].options.limits.body))
    except web.HTTPException:
        raise
    except ConnectionError:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer
        _log.exception("%s %s failed", request.method, request.path)
        return openai_error(openai_errors.server_error())
