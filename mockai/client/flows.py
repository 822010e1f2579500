"""What each word of the client does, as flows of calls. No socket, no thread, no event loop.

An expectation that is not met is an `AssertionError`; everything else that goes wrong is a
`MockaiError`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from textwrap import indent
from typing import Any

from mockai.client import terms
from mockai.client.calls import Call, Flow, path, sessions
from mockai.client.tracebacks import hidden
from mockai.client.views import Exchange, Exchanges, Gate, Mark, build
from mockai.core.checks.base import Verdict
from mockai.core.checks.evaluate import NONE_REACHED
from mockai.core.errors import ConflictError, MockaiError
from mockai.core.findings import Finding
from mockai.core.units import counted, parse_duration, patience_in

__tracebackhide__ = hidden

MAX_WAIT_S = 60.0
_THERE = 200


def waiting(timeout: float) -> float:
    """Return the seconds to wait: `timeout` times MOCKAI_PATIENCE, at most a minute.

    Raises `MockaiError` for a time-out above that, which the control API would cut short, or
    below 0.
    """
    if not 0 <= timeout <= MAX_WAIT_S:
        raise MockaiError(f"timeout must be 0 to {MAX_WAIT_S:g} seconds (got {timeout:g})")
    return min(timeout * patience(), MAX_WAIT_S)


def patience() -> float:
    """Return the factor by which every time limit is stretched. Raises `MockaiError`."""
    return patience_in(os.environ)


# ── sessions ─────────────────────────────────────────────────────────────────────────────────


def open_session(
    name: str | None, settings: Mapping[str, Any]
) -> Flow[tuple[dict[str, str], bool]]:
    """Make a session; return its id and addresses, and whether it was made just now."""
    if name is None:
        made = yield Call("POST", sessions(), _as_json(settings))
        return made.json(), True
    before = yield Call("GET", path(name))
    if before.status == _THERE:
        return before.json(), False
    here = yield Call("PUT", path(name), _as_json(settings))
    return here.json(), True


def _as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with infinity as text: JSON has none."""
    return {key: "inf" if value == math.inf else value for key, value in settings.items()}


def end_session(session: str, *, wait: float = 0.0) -> Flow[dict[str, Any]]:
    """End a session, wait so many seconds for what is open, then cut it; return its report."""
    call = Call("DELETE", path(session, wait=wait or None), wait=wait)
    report: dict[str, Any] = (yield call).json()
    return report


def reset(
    session: str, settings: Mapping[str, Any] | None = None, *, wait: float = 0.0
) -> Flow[dict[str, Any]]:
    """Begin anew, likewise, with other settings if given; return the report of what ended."""
    body = None if settings is None else _as_json(settings)
    call = Call("POST", path(session, "reset", wait=wait or None), body, wait)
    report: dict[str, Any] = (yield call).json()
    return report


def late_exchanges() -> Flow[Exchanges]:
    """Return the requests that came after the end of their session."""
    return _exchanges((yield Call("GET", "/_mockai/late")).json())


# ── scripts, exchanges and marks ─────────────────────────────────────────────────────────────


def put_scenario(session: str, scenario: Mapping[str, Any]) -> Flow[None]:
    """Register a scenario, in place of one of the same name. Raises `ScenarioError`."""
    (yield Call("PUT", path(session, "scenarios", scenario["name"]), scenario)).json()


def put_scenarios(session: str, scenarios: Sequence[Mapping[str, Any]]) -> Flow[None]:
    """Register several; none is kept unless all are valid. Raises `ScenarioError`."""
    (yield Call("PUT", path(session, "scenarios"), list(scenarios))).json()


def exchanges(session: str, filters: Mapping[str, Any]) -> Flow[Exchanges]:
    """Return the exchanges that fit, oldest first. Raises `TypeError` for an unknown filter."""
    terms.only("exchanges", filters, terms.FilterTerms)
    answer = yield Call("GET", path(session, "exchanges", **filters))
    return _exchanges(answer.json())


def wait_for_exchanges(
    session: str, filters: Mapping[str, Any], *, count: int, timeout: float
) -> Flow[Exchanges]:
    """Return the exchanges that fit, as soon as there are `count`."""
    terms.only("wait_for_exchanges", filters, terms.FilterTerms)
    wait = waiting(timeout)
    query = {**filters, "wait": wait, "count": count}
    answer = yield Call("GET", path(session, "exchanges", **query), wait=wait)
    found = _exchanges(answer.json())
    if len(found) >= count:
        return found
    which = ", ".join(f"{key} {value!r}" for key, value in filters.items())
    seen = yield from exchanges(session, {})
    raise AssertionError(
        f"expected {counted(count, 'exchange')}{which and f' with {which}'} within {wait:g} s; "
        f"{len(found)} came.\n{_reached(seen)}"
    )


def wait_for(session: str, filters: Mapping[str, Any], *, timeout: float) -> Flow[Exchange]:
    """Return the newest exchange that fits, as soon as there is one."""
    found = yield from wait_for_exchanges(session, filters, count=1, timeout=timeout)
    return found[-1]


def wait_idle(session: str, *, timeout: float) -> Flow[None]:
    """Return as soon as no exchange is open; at once when none ever came."""
    known = (yield Call("GET", path(session))).json()
    if known["requests"]:
        yield from demand(session, "open", {"within": timeout}, timeout=timeout)


def mark(session: str, name: str) -> Flow[Mark]:
    """Set a mark."""
    return build(Mark, (yield Call("POST", path(session, "marks"), {"name": name})).json())


# ── money ────────────────────────────────────────────────────────────────────────────────────


def advance(session: str, by: float | str) -> Flow[float]:
    """Move the settlement clock on; return by how many seconds it was moved in all."""
    answer = yield Call("POST", path(session, "clock"), {"advance": by})
    return float(answer.json()["advanced_s"])


def ledger(session: str) -> Flow[dict[str, Any]]:
    """Return the ledger: sums by model, policy and key, and an entry for each exchange."""
    found: dict[str, Any] = (yield Call("GET", path(session, "ledger"))).json()
    return found


# ── gates ────────────────────────────────────────────────────────────────────────────────────


def gate(session: str, name: str) -> Flow[Gate]:
    """Return a gate as it is now."""
    return build(Gate, (yield Call("GET", path(session, "gates", name))).json())


def wait_held(
    session: str, name: str, *, scenario: str | None, count: int, timeout: float
) -> Flow[Gate]:
    """Return a gate as soon as `count` streams (of one scenario, if given) stand at it."""
    wait = waiting(timeout)
    query = {"wait": wait, "count": count, "scenario": scenario}
    answer = yield Call("GET", path(session, "gates", name, **query), wait=wait)
    whose = f" of '{scenario}'" if scenario else ""
    expected = f"expected {counted(count, 'stream')}{whose} to be held at gate '{name}'"
    if answer.error.get("code") == "gate_missed":
        raise AssertionError(f"{expected}; {answer.error['message']}")
    found = build(Gate, answer.json())
    if len(found.held) >= count:
        return found
    seen = yield from exchanges(session, {})
    state = "the gate is open" if found.open else f"{len(found.held)} held"
    raise AssertionError(f"{expected} within {wait:g} s; {state}.\n{_reached(seen)}")


def release(session: str, name: str, **how: Any) -> Flow[int]:
    """Let go those that stand at a gate; return how many. Raises `ConflictError` for none."""
    body = {key: value for key, value in how.items() if value is not None}
    answer = yield Call("POST", path(session, "gates", name, "release"), body)
    return int(answer.json()["released"])


def release_script(
    session: str, scenario: str, gates: Sequence[str], *, tokens: int | None, everything: bool
) -> Flow[int]:
    """Let go the streams of one scenario, at whichever of `gates` they stand."""
    released = 0
    if everything:
        for name in gates:
            released += yield from release(session, name, all=True)
        return released
    for exchange in (yield from exchanges(session, {"scenario": scenario, "outcome": "open"})):
        if exchange.standing_at in gates:
            at = str(exchange.standing_at)
            released += yield from release(session, at, exchange=exchange.id, tokens=tokens)
    if not released:
        named = " or ".join(f"'{name}'" for name in gates)
        raise ConflictError(f"no stream of '{scenario}' is held at {named}: wait_held() first")
    return released


# ── checks ───────────────────────────────────────────────────────────────────────────────────


def check(
    session: str, checks: Sequence[Mapping[str, Any]], *, timeout: float
) -> Flow[list[Verdict]]:
    """Return one verdict for each check, as soon as all are settled."""
    if not all(isinstance(one, Mapping) for one in checks):
        raise TypeError('check() takes checks one by one: check({"cancelled": {}}, {"open": {}})')
    wait, wanted = waiting(timeout), list(checks)
    body = {"checks": wanted, "wait": wait}
    answer = yield Call("POST", path(session, "checks"), body, wait + _watching(wanted))
    return [build(Verdict, result) for result in answer.json()["results"]]


def _watching(checks: Iterable[Mapping[str, Any]]) -> float:
    """Return for how many seconds absences are watched at most, if more than usual."""
    said = [check.get("quiet", 0) for entry in checks for check in entry.values()]
    known = [parse_duration(quiet) for quiet in said if _is_duration(quiet)]
    return max(known, default=0.0) * patience()


def _is_duration(value: Any) -> bool:
    """Say whether it is one; what is not is refused by the server, in its own words."""
    try:
        parse_duration(value)
    except ValueError:
        return False
    return True


def findings(session: str) -> Flow[list[Finding]]:
    """Return what can be said of the exchanges unasked: likely causes, with their cures."""
    answer = yield Call("GET", path(session, "findings"))
    return [build(Finding, item) for item in answer.json()["findings"]]


def demand(session: str, kind: str, said: Mapping[str, Any], *, timeout: float) -> Flow[None]:
    """Raise `AssertionError` with the verdict's report unless the check passes."""
    wanted = terms.check(kind, said)
    (verdict,) = yield from check(session, [wanted], timeout=timeout)
    if not verdict.passed:
        raise AssertionError(verdict.report or verdict.message)


# ── text ─────────────────────────────────────────────────────────────────────────────────────


def evidence(found: Iterable[Exchange]) -> str:
    """Return every exchange as two lines: what became of it, and its timeline."""
    blocks = [
        "\n".join(
            [repr(item), *(indent(text, "  ") for text in (item.timeline, item.error) if text)]
        )
        for item in found
    ]
    return "\n".join(blocks) or NONE_REACHED


def _reached(seen: Sequence[Exchange]) -> str:
    return f"What reached mockai:\n{indent(evidence(seen), '  ')}" if seen else NONE_REACHED


def _exchanges(data: Mapping[str, Any]) -> Exchanges:
    return Exchanges(Exchange.from_json(item) for item in data["exchanges"])
