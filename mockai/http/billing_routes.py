"""What things cost, over HTTP: a session's ledger, the settlement clock, the provider's pages.

Thin: the ledger adds up, `usage_query` reads, `usage_pages` draws.
"""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from mockai.core import openai_errors
from mockai.core.ledger_text import draw_ledger
from mockai.core.model import Model
from mockai.core.units import Duration
from mockai.core.usage_pages import newest, usage_page
from mockai.core.usage_query import PageKind, read_query
from mockai.engine.session import Session, wall_clock
from mockai.http.control_calls import SESSION, Call, Query, read_body
from mockai.http.control_errors import invalid
from mockai.http.facts import session_of
from mockai.http.state import STATE

LONGEST_S = 366 * 24 * 3_600.0
"""A year at once is enough for any settlement."""
_FORMATS = ("json", "text")
_PAGES: dict[str, PageKind] = {
    "/organization/usage/completions": "completions",
    "/organization/costs": "costs",
}


def routes() -> list[web.RouteDef]:
    """Return the routes of the provider's pages, with and without a session's prefix."""
    return [
        web.get(f"{prefix}/v1{path}", provider_page)
        for prefix in ("", "/s/{session}")
        for path in _PAGES
    ]


class Advance(Model):
    """How far the settlement clock moves on."""

    advance: Annotated[Duration, Field(le=LONGEST_S)]


async def get_ledger(request: web.Request) -> web.Response:
    """Show what a session's exchanges cost: the sums, and each that the journal still has."""
    session, wanted = _session(request), request.query.get("format", "json")
    if wanted not in _FORMATS:
        raise invalid("format", f"'format' must be one of {', '.join(_FORMATS)} (got {wanted!r})")
    ledger = {
        "session": session.id,
        "generation": session.generation,
        **session.ledger.to_json(session.exchanges()),
    }
    if wanted == "text":
        return web.Response(text=draw_ledger(ledger) + "\n")
    return web.json_response(ledger)


async def advance_clock(request: web.Request) -> web.Response:
    """Move the settlement clock on: what settles by then is on the provider's pages."""
    asked = await read_body(request, Advance)
    session = _session(request)
    session.advance(asked.advance)
    return web.json_response({"advanced_s": session.advanced_s})


async def provider_page(request: web.Request) -> web.Response:
    """Show a usage or costs page, as the provider does; any admin key will do."""
    if "Authorization" not in request.headers:
        raise openai_errors.missing_api_key()
    session = session_of(request, request.app[STATE])
    if session.ended_at_ns is not None:
        raise openai_errors.session_ended(session.id)
    kind = _PAGES[request.path.rpartition("/v1")[2]]
    return web.json_response(_page(request, kind, session))


def _page(request: web.Request, kind: PageKind, session: Session) -> dict[str, Any]:
    ledger = session.ledger
    end = max(int(wall_clock()) + 1, newest(ledger.lines))
    query = read_query(kind, request.query.items(), end=end)
    return usage_page(
        kind, ledger.lines.items(), query, clock_s=session.clock_s, prices=ledger.prices
    )


def _session(request: web.Request) -> Session:
    return request.app[STATE].sessions.get(request.match_info["session"])


CALLS = (
    Call(
        method="GET",
        path=f"{SESSION}/ledger",
        handler=get_ledger,
        about="What everything cost: sums by model, policy and key, and each exchange.",
        query=(Query("format", {"type": "string", "enum": list(_FORMATS)}, "text: for people"),),
        answer={"application/json": "Ledger", "text/plain": {"type": "string"}},
    ),
    Call(
        method="POST",
        path=f"{SESSION}/clock",
        handler=advance_clock,
        about="Move the settlement clock on: what settles by then is on the provider's pages.",
        body=Advance,
        answer="Advanced",
    ),
)
