"""Gates and marks over HTTP: who is held where, who goes on, and when the user pressed Stop."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from mockai.core.errors import ConflictError
from mockai.core.exchange import Exchange
from mockai.core.model import Model
from mockai.http.control_calls import (
    COUNT,
    SESSION,
    WAIT,
    Call,
    Named,
    Query,
    name_in_path,
    read_body,
    session_of,
    state_of,
    wait_s,
    whole,
)
from mockai.http.control_errors import ControlError


async def list_gates(request: web.Request) -> web.Response:
    """List the gates that were reached or opened."""
    session, now_ns = session_of(request), state_of(request).pacer.now_ns()
    return web.json_response({"gates": [gate.to_json(now_ns) for gate in session.gates.all()]})


async def get_gate(request: web.Request) -> web.Response:
    """Show a gate; with `wait`, as soon as `count` streams are held there.

    With `scenario`, only its streams count, and the answer is 409 at once when they are over
    without having been held there.
    """
    session, name = session_of(request), request.match_info["gate"]
    scenario, count = request.query.get("scenario"), whole(request, "count", 1)

    def held() -> bool:
        return len(session.gates.get(name).of(scenario).held) >= count

    def missed() -> Exchange | None:
        return None if scenario is None or held() else session.missed(scenario, name)

    await session.wait_until(lambda: held() or missed() is not None, wait_s=wait_s(request))
    over = missed()
    if over is not None:
        raise ControlError(409, _missed_text(over, name), code="gate_missed")
    gate = session.gates.get(name).of(scenario)
    return web.json_response(gate.to_json(state_of(request).pacer.now_ns()))


def _missed_text(exchange: Exchange, gate: str) -> str:
    tokens, outcome = exchange.tokens, exchange.outcome
    was = "left" if outcome == "cancelled" else f"ended ({outcome})"
    return (
        f"'{exchange.scenario}' {was} at token {tokens.written} of {tokens.planned}: "
        f"no stream is held at gate '{gate}'"
    )


class Release(Model):
    """Who goes on, and how far."""

    tokens: int | None = Field(default=None, ge=1, description="go on for so many, then hold again")
    all: bool = Field(default=False, description="open the gate for good")
    exchange: str | None = Field(default=None, description="only this one")
    scenario: str | None = Field(default=None, description="only streams of this one")


async def release_gate(request: web.Request) -> web.Response:
    """Let go those held at a gate."""
    asked = await read_body(request, Release)
    session, name = session_of(request), name_in_path(request, "gate")
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


async def set_mark(request: web.Request) -> web.Response:
    """Stamp a mark."""
    asked = await read_body(request, Named)
    stamp = session_of(request).mark(asked.name)
    return web.json_response({"name": stamp.name, "seq": stamp.seq}, status=201)


CALLS = (
    Call(
        method="GET",
        path=f"{SESSION}/gates",
        handler=list_gates,
        about="List the gates that were reached or opened.",
        answer="GatesShown",
    ),
    Call(
        method="GET",
        path=f"{SESSION}/gates/{{gate}}",
        handler=get_gate,
        about="Show a gate; with `wait`, as soon as `count` streams are held there.",
        query=(
            WAIT,
            COUNT,
            Query(
                "scenario",
                {"type": "string"},
                "only its streams; 409 at once when they are over and were never held there",
            ),
        ),
        answer="GateShown",
        fails=(409,),
    ),
    Call(
        method="POST",
        path=f"{SESSION}/gates/{{gate}}/release",
        handler=release_gate,
        about="Let go those held at a gate.",
        body=Release,
        answer="Released",
        fails=(409,),
    ),
    Call(
        method="POST",
        path=f"{SESSION}/marks",
        handler=set_mark,
        about="Stamp a mark: the user presses Stop now.",
        body=Named,
        answer="MarkShown",
        status=201,
    ),
)
