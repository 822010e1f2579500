"""`GET /metrics`: what Prometheus scrapes. Open to all; it names no session and no text."""

from __future__ import annotations

from importlib import metadata

from aiohttp import web

from mockai.core.metrics import CONTENT_TYPE, render
from mockai.http.state import STATE


def routes() -> list[web.RouteDef]:
    """Return the routes."""
    return [web.get("/metrics", metrics)]


async def metrics(request: web.Request) -> web.Response:
    """Show the counters, and what is measured only when asked for."""
    state = request.app[STATE]
    lost = state.journal.lost if state.journal is not None else 0
    gauges = {
        "sessions": (len(state.sessions.all()), "Live sessions."),
        "connections": (state.crowd.inside, "Open connections."),
        "connections_limit": (state.crowd.most, "Connections that there is room for."),
        "journal_lost_lines_total": (lost, "Lines that the journal's disk did not take."),
    }
    text = render(state.metrics, version=_version(), gauges=gauges)
    return web.Response(text=text, headers={"content-type": CONTENT_TYPE})


def _version() -> str:
    try:
        return metadata.version("mockai-server")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "unknown"
