"""The OpenAI surface: `/v1/...`, and the same under `/s/SESSION/v1/...`.

What is asked of a model is served by `served_request`; the rest is answered here, and what is not
served as the API would.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from mockai.core import openai_errors
from mockai.core.dialects.models import model_card, model_list
from mockai.core.errors import OpenAIError
from mockai.http.facts import session_of
from mockai.http.served_request import refuse, serve
from mockai.http.state import STATE

_PREFIXES = ("", "/s/{session}")


def routes() -> list[web.RouteDef]:
    """Return the routes; a path or method that is not served is answered as the API would."""
    found: list[web.RouteDef] = []
    for prefix in _PREFIXES:
        found += [
            web.post(f"{prefix}/v1/chat/completions", chat_completions),
            web.get(f"{prefix}/v1/models", list_models),
            web.get(f"{prefix}/v1/models/{{model:.+}}", get_model),
            web.route("*", f"{prefix}/v1{{tail:.*}}", unknown),
        ]
    return found


async def list_models(request: web.Request) -> web.Response:
    """`GET /v1/models`."""
    _require_live_session(request)
    return web.json_response(model_list())


async def get_model(request: web.Request) -> web.Response:
    """`GET /v1/models/ID`: every model exists."""
    _require_live_session(request)
    return web.json_response(model_card(request.match_info["model"]))


async def unknown(request: web.Request) -> web.StreamResponse:
    """Answer a path or a method that is not served, and record it."""
    return refuse(request, _not_served(request))


async def chat_completions(request: web.Request) -> web.StreamResponse:
    """`POST /v1/chat/completions`."""
    return await serve(request)


def _require_live_session(request: web.Request) -> None:
    session = session_of(request, request.app[STATE])
    if session.ended_at_ns is not None:
        raise openai_errors.session_ended(session.id)


_SERVED: Mapping[str, tuple[str, ...]] = {
    "/chat/completions": ("POST",),
    "/models": ("GET",),
    "/organization/costs": ("GET",),
    "/organization/usage/completions": ("GET",),
}


def _not_served(request: web.Request) -> OpenAIError:
    tail = request.match_info["tail"]
    allowed = _SERVED.get(tail, ("GET",) if tail.startswith("/models/") else ())
    if allowed:
        return openai_errors.method_not_allowed(request.method, f"/v1{tail}", allowed)
    return invalid_url(request.method, f"/v1{tail}")


def invalid_url(method: str, path: str) -> OpenAIError:
    """Return the answer for what nothing serves: other paths of the real API, or no `/v1`."""
    return openai_errors.invalid_url(method, path, [f"/v1{tail}" for tail in _SERVED])
