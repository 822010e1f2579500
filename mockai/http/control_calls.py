"""What a call of the control API is, and how handlers read what it was called with.

A call is one row of a table: from it come its route and its part of the API's description.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel

from mockai.core.loading import validate_model
from mockai.core.model import Model, Name
from mockai.core.units import parse_duration
from mockai.engine.session import Session
from mockai.http.control_errors import ControlError, invalid
from mockai.http.state import STATE, State

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Body = TypeVar("Body", bound=Model)
Content = type[BaseModel] | str | Mapping[str, Any] | None
ROOT = "/_mockai"
SESSION = ROOT + "/sessions/{session}"
MAX_WAIT_S = 60.0
DURATION = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h)?\s*$"


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of a call: its name, the JSON schema of its text, and what it does."""

    name: str
    schema: Mapping[str, Any]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: `body` is what it takes, `answer` what it gives with `status`.

    Both are models, or media types with models or JSON schemas; the name of a model is that of one
    in `control_models`, which only the description loads. `fails` are the statuses of errors that
    are not common to all calls.
    """

    method: str
    path: str
    handler: Handler
    about: str
    body: Content = None
    answer: Content = None
    status: int = 200
    query: tuple[Query, ...] = ()
    fails: tuple[int, ...] = field(default=())

    def route(self) -> web.RouteDef:
        """Return the route that serves it; what does not stream has a HEAD, too."""
        if self.method == "GET":
            return web.get(self.path, self.handler, allow_head=not self.is_stream)
        return web.route(self.method, self.path, self.handler)

    @property
    def is_stream(self) -> bool:
        """True when it answers as long as somebody listens."""
        return isinstance(self.answer, Mapping) and "text/event-stream" in self.answer


def whole_query(name: str, about: str) -> Query:
    """Return a parameter that is a whole number."""
    return Query(name, {"type": "string", "pattern": "^[0-9]{1,9}$"}, about)


WAIT = Query(
    "wait",
    {"type": "string", "pattern": DURATION},
    "for how long to wait for it, at most 60 s: seconds, or text such as 500ms",
)
COUNT = whole_query("count", "how many are waited for; 1 if not said")


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def state_of(request: web.Request) -> State:
    """Return what the server's routes share."""
    return request.app[STATE]


def session_of(request: web.Request) -> Session:
    """Return the session that the path names. Raises `NotFoundError`."""
    return state_of(request).sessions.get(request.match_info["session"])


async def read_body(request: web.Request, model: type[Body]) -> Body:
    """Return the JSON body as a model. Raises what the control API answers for a bad one."""
    asked: Body = validate_model(model, await _json(request), source="body")
    return asked


async def read_text(request: web.Request) -> str:
    """Return the body as text: JSON and YAML are UTF-8, whatever is declared."""
    try:
        return (await request.read()).decode()
    except UnicodeDecodeError as error:
        raise ControlError(400, f"the body is not UTF-8: {error}", code="invalid_text") from None


async def _json(request: web.Request) -> Any:
    """Return the JSON body; an empty one is an empty object."""
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ControlError(400, f"the body is not JSON: {error}", code="invalid_json") from None


class Named(Model):
    """A name."""

    name: Name


def name_in_path(request: web.Request, part: str) -> str:
    """Return a name from the path under which something is going to be kept."""
    return validate_model(Named, {"name": request.match_info[part]}, source=part).name


def whole(request: web.Request, name: str, default: int) -> int:
    """Return a whole number from the query. Raises `ControlError`."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - fits an int
        raise invalid(name, f"'{name}' must be a whole number (got {text!r})")
    return int(text)


def wait_s(request: web.Request) -> float:
    """Return for how long the call may wait, in seconds. Raises `ControlError`."""
    text = request.query.get("wait")
    if text is None:
        return 0.0
    try:
        return min(parse_duration(text), MAX_WAIT_S)
    except ValueError as error:
        raise invalid("wait", f"'wait': {error}") from None
