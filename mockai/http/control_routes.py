"""The control API: sessions, scenarios, exchanges, gates, marks and checks over HTTP.

Thin: it reads a request, calls the engine, and writes JSON. Errors have the shape of the OpenAI
surface: `{"error": {"message", "type", "param", "code"}}`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, get_args

from aiohttp import web
from pydantic import Field

from mockai.core.checks import CheckEntry, check_of
from mockai.core.errors import ConflictError, FullError, MockaiError, NotFoundError, ScenarioError
from mockai.core.exchange import Exchange, Outcome
from mockai.core.leaving import HalfClose
from mockai.core.loading import parse_scenarios, validate_model
from mockai.core.model import Model, Name
from mockai.core.policy import PolicyChoice
from mockai.core.timeline import draw, events_json
from mockai.core.units import Duration, parse_duration
from mockai.engine.sessions import Session, Settings
from mockai.http.state import STATE, State

Handler = Callable[[web.Request], Awaitable[web.Response]]
Body = TypeVar("Body", bound=Model)
_ROOT = "/_mockai"
_SESSION = _ROOT + "/sessions/{session}"
MAX_WAIT_S = 60.0
DEFAULT_WAIT_S = 5.0


def routes() -> list[web.RouteDef]:
    """Return the routes of the control API."""
    return [
        web.get(f"{_ROOT}/health", health),
        web.get(f"{_ROOT}/sessions", list_sessions),
        web.post(f"{_ROOT}/sessions", create_session),
        web.get(_SESSION, get_session),
        web.put(_SESSION, put_session),
        web.delete(_SESSION, delete_session),
        web.post(f"{_SESSION}/reset", reset_session),
        web.get(f"{_SESSION}/scenarios", list_scenarios),
        web.put(f"{_SESSION}/scenarios", put_scenarios),
        web.get(f"{_SESSION}/scenarios/{{name}}", get_scenario),
        web.put(f"{_SESSION}/scenarios/{{name}}", put_scenarios),
        web.delete(f"{_SESSION}/scenarios/{{name}}", delete_scenario),
        web.get(f"{_SESSION}/exchanges", list_exchanges),
        web.get(f"{_SESSION}/exchanges/{{id}}", get_exchange),
        web.get(f"{_SESSION}/gates", list_gates),
        web.get(f"{_SESSION}/gates/{{gate}}", get_gate),
        web.post(f"{_SESSION}/gates/{{gate}}/release", release_gate),
        web.post(f"{_SESSION}/marks", set_mark),
        web.post(f"{_SESSION}/checks", run_checks),
        web.route("*", f"{_ROOT}{{tail:.*}}", unknown),
    ]


# ── errors ───────────────────────────────────────────────────────────────────────────────────


class ControlError(MockaiError):
    """A control call that cannot be done as asked."""

    def __init__(self, status: int, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


_STATUS: tuple[tuple[type[MockaiError], int, str], ...] = (
    (ScenarioError, 400, "invalid_scenario"),
    (NotFoundError, 404, "not_found"),
    (ConflictError, 409, "conflict"),
    (FullError, 429, "too_many_sessions"),
)


def error_response(error: MockaiError) -> web.Response:
    """Return the answer for an error of the control API."""
    if isinstance(error, ControlError):
        return _error(error.status, str(error), error.code, error.param)
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return _error(status, str(error), code)
    return _error(400, str(error), "invalid_request")


def _error(status: int, message: str, code: str, param: str | None = None) -> web.Response:
    fault = (
        "mockai_error"
        if status >= web.HTTPInternalServerError.status_code
        else "invalid_request_error"
    )
    body = {"error": {"message": message, "type": fault, "param": param, "code": code}}
    return web.json_response(body, status=status)


def _invalid(param: str, message: str) -> ControlError:
    return ControlError(400, message, code="invalid_value", param=param)


async def unknown(request: web.Request) -> web.Response:
    """Answer a path or a method that the control API does not have."""
    raise ControlError(
        404, f"the control API has no {request.method} {request.path}", code="unknown_call"
    )


# ── sessions ─────────────────────────────────────────────────────────────────────────────────


class SessionSettings(Model):
    """What a session can be made with; what is left out is as the server was started."""

    speed: float | None = Field(default=None, gt=0)
    seed: int | None = None
    strict_match: bool | None = None
    policy: PolicyChoice | None = None
    half_close: HalfClose | None = None


async def health(request: web.Request) -> web.Response:
    """Say that the server is up."""
    return web.json_response({"status": "ok", "sessions": len(_state(request).sessions.all())})


async def list_sessions(request: web.Request) -> web.Response:
    """List the live sessions."""
    sessions = [_shown(request, session) for session in _state(request).sessions.all()]
    return web.json_response({"sessions": sessions})


async def create_session(request: web.Request) -> web.Response:
    """Make a session with an id of its own."""
    session = _state(request).sessions.create(None, await _settings(request))
    return web.json_response(_shown(request, session), status=201)


async def put_session(request: web.Request) -> web.Response:
    """Make a session of a given id; one that lives is returned as it is."""
    name = _name(request, "session")
    session = _state(request).sessions.create(name, await _settings(request))
    return web.json_response(_shown(request, session))


async def get_session(request: web.Request) -> web.Response:
    """Show one session."""
    return web.json_response(_shown(request, _session(request)))


async def delete_session(request: web.Request) -> web.Response:
    """End a session, and answer its final report."""
    session = _state(request).sessions.delete(request.match_info["session"])
    return web.json_response(_report(session))


async def reset_session(request: web.Request) -> web.Response:
    """Begin a new generation, and answer the report of the one that ended."""
    session = _session(request)
    report = session.reset()
    return web.json_response(_report_of(session.id, *report))


# ── scenarios ────────────────────────────────────────────────────────────────────────────────


async def list_scenarios(request: web.Request) -> web.Response:
    """List the session's own scenarios, then those loaded at start."""
    session = _session(request)
    entries = [*session.scripts.own.values(), *session.scripts.loaded]
    return web.json_response({"scenarios": [_entry(entry) for entry in entries]})


async def get_scenario(request: web.Request) -> web.Response:
    """Show one scenario of the session's own."""
    session, name = _session(request), request.match_info["name"]
    if name not in session.scripts.own:
        raise NotFoundError(f"session '{session.id}' has no scenario '{name}' of its own")
    return web.json_response(_entry(session.scripts.own[name]))


async def put_scenarios(request: web.Request) -> web.Response:
    """Register one scenario under the URL's name, or several; all are validated first."""
    session, name = _session(request), request.match_info.get("name")
    text = await _text(request)
    scenarios = parse_scenarios(text, source="body", name=name)
    session.scripts.register(scenarios)
    names = [scenario.name for scenario in scenarios]
    return web.json_response({"name": name} if name else {"names": names})


async def delete_scenario(request: web.Request) -> web.Response:
    """Drop one of the session's own scenarios."""
    _session(request).scripts.unregister(request.match_info["name"])
    return web.json_response({"deleted": request.match_info["name"]})


# ── exchanges ────────────────────────────────────────────────────────────────────────────────


async def list_exchanges(request: web.Request) -> web.Response:
    """List exchanges, oldest first; with `wait`, as soon as `count` match."""
    session, wanted = _session(request), _filters(request)
    after, count = _whole(request, "after", 0), _whole(request, "count", 1)

    def chosen() -> list[Exchange]:
        return [
            item
            for item in session.exchanges()
            if item.seq > after and all(_FILTERS[key](item) == wanted[key] for key in wanted)
        ]

    await session.wait_until(lambda: len(chosen()) >= count, wait_s=_wait_s(request, 0.0))
    return web.json_response({"exchanges": [_exchange(item) for item in chosen()]})


def _filters(request: web.Request) -> dict[str, str]:
    """Return what is asked of the exchanges. A typing error must not read as "there are none"."""
    query = request.query
    unknown = sorted(query.keys() - _FILTERS.keys() - _PAGING)
    if unknown:
        known = ", ".join([*_FILTERS, *sorted(_PAGING)])
        raise _invalid(unknown[0], f"unknown filter '{unknown[0]}'; there are {known}")
    outcome = query.get("outcome")
    if outcome is not None and outcome not in get_args(Outcome):
        raise _invalid("outcome", f"'outcome' must be one of {', '.join(get_args(Outcome))}")
    return {key: query[key] for key in _FILTERS if key in query}


_PAGING = {"after", "wait", "count"}
_FILTERS: dict[str, Callable[[Exchange], str | None]] = {
    "outcome": lambda item: item.outcome,
    "scenario": lambda item: item.scenario,
    "model": lambda item: item.request.model,
    "tag": lambda item: item.request.tag,
    "request_id": lambda item: item.request_id,
    "trace_id": lambda item: item.request.trace_id,
}


async def get_exchange(request: web.Request) -> web.Response:
    """Show one exchange."""
    session, wanted = _session(request), request.match_info["id"]
    for item in session.exchanges():
        if item.id == wanted:
            return web.json_response({**_exchange(item), "events": events_json(item)})
    raise NotFoundError(f"session '{session.id}' has no exchange '{wanted}'")


# ── gates and marks ──────────────────────────────────────────────────────────────────────────


async def list_gates(request: web.Request) -> web.Response:
    """List the gates that were reached or opened."""
    session, now_ns = _session(request), _state(request).pacer.now_ns()
    return web.json_response({"gates": [gate.to_json(now_ns) for gate in session.gates.all()]})


async def get_gate(request: web.Request) -> web.Response:
    """Show a gate; with `wait`, as soon as `count` streams are held there.

    With `scenario`, only its streams count, and the answer is 409 at once when they are over
    without having been held there.
    """
    session, name = _session(request), request.match_info["gate"]
    scenario, count = request.query.get("scenario"), _whole(request, "count", 1)

    def held() -> bool:
        return len(session.gates.get(name).of(scenario).held) >= count

    def missed() -> Exchange | None:
        return None if scenario is None or held() else session.missed(scenario, name)

    await session.wait_until(lambda: held() or missed() is not None, wait_s=_wait_s(request, 0.0))
    over = missed()
    if over is not None:
        raise ControlError(409, _missed_text(over, name), code="gate_missed")
    gate = session.gates.get(name).of(scenario)
    return web.json_response(gate.to_json(_state(request).pacer.now_ns()))


def _missed_text(exchange: Exchange, gate: str) -> str:
    tokens, outcome = exchange.tokens, exchange.outcome
    was = "left" if outcome == "cancelled" else f"ended ({outcome})"
    return (
        f"'{exchange.scenario}' {was} at token {tokens.written} of {tokens.planned}: "
        f"no stream is held at gate '{gate}'"
    )


class Release(Model):
    """Who goes on, and how far."""

    tokens: int | None = Field(default=None, ge=1)
    all: bool = False
    exchange: str | None = None
    scenario: str | None = None


async def release_gate(request: web.Request) -> web.Response:
    """Let go those held at a gate."""
    asked = validate_model(Release, await _json(request), source="body")
    session, name = _session(request), _name(request, "gate")
    try:
        released = session.gates.release(
            name,
            everything=asked.all,
            tokens=asked.tokens,
            exchange=asked.exchange,
            scenario=asked.scenario,
        )
    except ConflictError as error:
        raise ControlError(409, str(error), code="gate_not_held") from error
    return web.json_response({"released": released})


class Named(Model):
    """A name."""

    name: Name


async def set_mark(request: web.Request) -> web.Response:
    """Stamp a mark."""
    asked = validate_model(Named, await _json(request), source="body")
    stamp = _session(request).mark(asked.name)
    return web.json_response({"name": stamp.name, "seq": stamp.seq}, status=201)


# ── checks ───────────────────────────────────────────────────────────────────────────────────


class Checks(Model):
    """What must be true, and how long the call may wait for it to become so."""

    checks: tuple[CheckEntry, ...] = Field(min_length=1)
    wait: Duration = DEFAULT_WAIT_S


async def run_checks(request: web.Request) -> web.Response:
    """Judge checks; a failed verdict is an answer, not an error."""
    asked = validate_model(Checks, await _json(request), source="body")
    verdicts = await _session(request).check(
        [check_of(entry) for entry in asked.checks],
        wait_s=min(asked.wait, MAX_WAIT_S),
        patience=_state(request).options.patience,
    )
    results = [
        {
            "check": verdict.check,
            "passed": verdict.passed,
            "message": verdict.message,
            "report": verdict.report,
            "measured_from": verdict.measured_from,
            "inconclusive": verdict.inconclusive,
        }
        for verdict in verdicts
    ]
    return web.json_response({"passed": all(v.passed for v in verdicts), "results": results})


# ── reading and showing ──────────────────────────────────────────────────────────────────────


def _state(request: web.Request) -> State:
    return request.app[STATE]


def _session(request: web.Request) -> Session:
    return _state(request).sessions.get(request.match_info["session"])


async def _settings(request: web.Request) -> Settings:
    asked = validate_model(SessionSettings, await _json(request), source="body")
    options = _state(request).options
    return Settings(
        speed=options.speed if asked.speed is None else asked.speed,
        seed=options.seed if asked.seed is None else asked.seed,
        strict_match=options.strict_match if asked.strict_match is None else asked.strict_match,
        policy=asked.policy or options.policy,
        prices=options.prices,
        half_close=asked.half_close or options.half_close,
    )


async def read_body(request: web.Request, model: type[Body]) -> Body:
    """Return the JSON body as a model. Raises what the control API answers for a bad one."""
    asked: Body = validate_model(model, await _json(request), source="body")
    return asked


async def _text(request: web.Request) -> str:
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


def _name(request: web.Request, part: str) -> str:
    """Return a name from the path under which something is going to be kept."""
    return validate_model(Named, {"name": request.match_info[part]}, source=part).name


def _whole(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - fits an int
        raise _invalid(name, f"'{name}' must be a whole number (got {text!r})")
    return int(text)


def _wait_s(request: web.Request, default: float) -> float:
    text = request.query.get("wait")
    if text is None:
        return default
    try:
        return min(parse_duration(text), MAX_WAIT_S)
    except ValueError as error:
        raise _invalid("wait", f"'wait': {error}") from None


def _shown(request: web.Request, session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "base_url": f"{request.scheme}://{request.host}/s/{session.id}/v1",
        "api_key": f"sk-mockai-{session.id}",
        "generation": session.generation,
        "requests": session.journal.received,
        "evicted": session.journal.evicted,
    }


def _entry(entry: Any) -> dict[str, Any]:
    return {**entry.scenario.model_dump(mode="json", exclude_defaults=True), "played": entry.played}


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {**exchange.to_json(), "timeline": draw(exchange)}


def _report(session: Session) -> dict[str, Any]:
    return _report_of(session.id, session.generation, session.exchanges())


def _report_of(id: str, generation: int, exchanges: tuple[Exchange, ...]) -> dict[str, Any]:
    outcomes: dict[str, int] = {}
    for item in exchanges:
        outcomes[item.outcome] = outcomes.get(item.outcome, 0) + 1
    return {
        "session": id,
        "generation": generation,
        "outcomes": outcomes,
        "exchanges": [_exchange(item) for item in exchanges],
    }
