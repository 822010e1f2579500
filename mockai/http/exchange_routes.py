"""A session's exchanges over HTTP: those that fit, as soon as there are enough, or one."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from aiohttp import web

from mockai.core.errors import NotFoundError
from mockai.core.exchange import Exchange, Outcome
from mockai.core.timeline import events_json
from mockai.http.control_calls import (
    COUNT,
    SESSION,
    WAIT,
    Call,
    Query,
    session_of,
    wait_s,
    whole,
    whole_query,
)
from mockai.http.control_errors import invalid
from mockai.http.reporting import answer_with, exchange_json

_FILTERS: dict[str, Callable[[Exchange], str | None]] = {
    "outcome": lambda item: item.outcome,
    "scenario": lambda item: item.scenario,
    "model": lambda item: item.request.model,
    "tag": lambda item: item.request.tag,
    "request_id": lambda item: item.request_id,
    "trace_id": lambda item: item.request.trace_id,
}
_PAGING = {"after", "wait", "count"}


async def list_exchanges(request: web.Request) -> web.Response:
    """List exchanges, oldest first; with `wait`, as soon as `count` match."""
    session, wanted = session_of(request), _filters(request)
    after, count = whole(request, "after", 0), whole(request, "count", 1)

    def chosen() -> list[Exchange]:
        return [
            item
            for item in session.exchanges()
            if item.seq > after and all(_FILTERS[key](item) == wanted[key] for key in wanted)
        ]

    await session.wait_until(lambda: len(chosen()) >= count, wait_s=wait_s(request))
    return await answer_with(chosen())


async def get_exchange(request: web.Request) -> web.Response:
    """Show one exchange."""
    session, wanted = session_of(request), request.match_info["id"]
    for item in session.exchanges():
        if item.id == wanted:
            return web.json_response({**exchange_json(item), "events": events_json(item)})
    raise NotFoundError(f"session '{session.id}' has no exchange '{wanted}'")


def _filters(request: web.Request) -> dict[str, str]:
    """Return what is asked of the exchanges. A typing error must not read as "there are none"."""
    query = request.query
    unknown = sorted(query.keys() - _FILTERS.keys() - _PAGING)
    if unknown:
        known = ", ".join([*_FILTERS, *sorted(_PAGING)])
        raise invalid(unknown[0], f"unknown filter '{unknown[0]}'; there are {known}")
    outcome = query.get("outcome")
    if outcome is not None and outcome not in get_args(Outcome):
        raise invalid("outcome", f"'outcome' must be one of {', '.join(get_args(Outcome))}")
    return {key: query[key] for key in _FILTERS if key in query}


_TEXT = {"type": "string"}
CALLS = (
    Call(
        method="GET",
        path=f"{SESSION}/exchanges",
        handler=list_exchanges,
        about="List exchanges, oldest first; with `wait`, as soon as `count` match.",
        query=(
            Query("outcome", {"type": "string", "enum": list(get_args(Outcome))}, "how it ended"),
            Query("scenario", _TEXT, "the scenario that answered"),
            Query("model", _TEXT, "the model that was asked for"),
            Query("tag", _TEXT, "the value of X-Mockai-Tag"),
            Query("request_id", _TEXT, "the x-request-id of the answer"),
            Query("trace_id", _TEXT, "the trace that the request's traceparent names"),
            whole_query("after", "only those with a greater seq"),
            WAIT,
            COUNT,
        ),
        answer="ExchangesShown",
    ),
    Call(
        method="GET",
        path=f"{SESSION}/exchanges/{{id}}",
        handler=get_exchange,
        about="Show one exchange, with its timeline.",
        answer="ExchangeWhole",
    ),
)
