"""A session's scenarios over HTTP: as JSON or YAML, all validated before any is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from mockai.core.errors import NotFoundError
from mockai.core.loading import dump_scenario, parse_scenarios
from mockai.engine.scripts import Entry, Scripts
from mockai.http.control_calls import SESSION, Call, read_text, session_of


async def list_scenarios(request: web.Request) -> web.Response:
    """List the session's own scenarios, then those loaded at start."""
    session = session_of(request)
    entries = [*session.scripts.own.values(), *session.scripts.loaded]
    return web.json_response({"scenarios": [_entry(entry) for entry in entries]})


async def get_scenario(request: web.Request) -> web.Response:
    """Show one scenario of the session's own."""
    session, name = session_of(request), request.match_info["name"]
    if name not in session.scripts.own:
        raise NotFoundError(f"session '{session.id}' has no scenario '{name}' of its own")
    return web.json_response(_entry(session.scripts.own[name]))


async def put_scenarios(request: web.Request) -> web.Response:
    """Register one scenario under the URL's name, or several; all are validated first."""
    session, name = session_of(request), request.match_info.get("name")
    text = await read_text(request)
    # To compile a long reply takes tenths of a second, in which no client could be seen to leave.
    entries = await asyncio.to_thread(_compiled, session.scripts, text, name)
    session.scripts.keep(entries)
    names = [entry.scenario.name for entry in entries]
    return web.json_response({"name": name} if name else {"names": names})


def _compiled(scripts: Scripts, text: str, name: str | None) -> list[Entry]:
    return scripts.compiled(parse_scenarios(text, source="body", name=name, playable=True))


async def delete_scenario(request: web.Request) -> web.Response:
    """Drop one of the session's own scenarios."""
    session_of(request).scripts.unregister(request.match_info["name"])
    return web.json_response({"deleted": request.match_info["name"]})


def _entry(entry: Any) -> dict[str, Any]:
    return {**dump_scenario(entry.scenario), "played": entry.played}


_SCENARIO = f"{SESSION}/scenarios/{{name}}"
CALLS = (
    Call(
        method="GET",
        path=f"{SESSION}/scenarios",
        handler=list_scenarios,
        about="List the session's own scenarios, then those loaded at start.",
        answer="ScenariosShown",
    ),
    Call(
        method="PUT",
        path=f"{SESSION}/scenarios",
        handler=put_scenarios,
        about="Register scenarios: one, an array, or YAML documents; all or none.",
        body={"application/json": "Scenarios", "application/yaml": "Scenarios"},
        answer="Registered",
    ),
    Call(
        method="GET",
        path=_SCENARIO,
        handler=get_scenario,
        about="Show one scenario of the session's own.",
        answer="ScenarioShown",
    ),
    Call(
        method="PUT",
        path=_SCENARIO,
        handler=put_scenarios,
        about="Register one scenario; the URL's name wins, another inside is refused.",
        body={"application/json": "NamedByUrl", "application/yaml": "NamedByUrl"},
        answer="Registered",
    ),
    Call(
        method="DELETE",
        path=_SCENARIO,
        handler=delete_scenario,
        about="Drop one of the session's own scenarios.",
        answer="Deleted",
    ),
)
