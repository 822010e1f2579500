"""What `script()` and `load()` say, as scenarios; and which gates those have.

Must not know who calls it, or the way to a server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mockai.client.terms import DEFAULT_TOKENS, HoldAt, ScriptTerms, given, only
from mockai.client.tracebacks import hidden
from mockai.core.errors import MockaiError

__tracebackhide__ = hidden

Source = str | Path | Mapping[str, Any]
"""A scenario file, a folder of them, or a scenario as a mapping."""


def scenario(name: str, terms: ScriptTerms) -> dict[str, Any]:
    """Return the scenario that a script is made of. Raises `TypeError` for unusable words."""
    only("script", terms, ScriptTerms)
    own = {key: terms.get(key) for key in ("model", "stream")}
    own["last_user"] = _last_user(terms.get("last_user"))
    pace = given({key: terms.get(key) for key in ("ttft", "tokens_per_second")})
    whole = {
        "name": name,
        "match": {**(terms.get("match") or {}), **given(own)},
        **_reply(terms),
        "pace": {**(terms.get("pace") or {}), **pace},
        **{key: terms.get(key) for key in _AS_IN_A_FILE},
    }
    return {key: value for key, value in whole.items() if value not in (None, {})}


_AS_IN_A_FILE = ("policy", "seed", "times", "rate_limit", "obey_limits", "expect")


def scenarios(sources: Sequence[Source], folder: Path) -> list[Mapping[str, Any]]:
    """Return the scenarios that are named; paths are below `folder`. Raises `ScenarioError`."""
    from mockai.core.loading import dump_scenario, read_scenarios  # it brings all models along

    found: list[Mapping[str, Any]] = []
    for source in sources:
        if isinstance(source, Mapping):
            found.append(source)
        else:
            found += map(dump_scenario, read_scenarios([folder / source]))
    return found


def gates_of(scenario: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the gates of all replies of a scenario."""
    replies = scenario.get("turns") or [scenario.get("reply") or ()]
    return tuple(dict.fromkeys(name for steps in replies for name in gates(steps)))


def gates(steps: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of the gates of a reply; the nth hold without a name is `hold-n`."""
    holds = [step["hold"] for step in steps if "hold" in step]
    named = [hold.get("name") if isinstance(hold, Mapping) else hold for hold in holds]
    return tuple(name or f"hold-{place}" for place, name in enumerate(named, 1))


def only_gate(script: str, gates: Sequence[str], wanted: str | None) -> str:
    """Return the gate that is meant. Raises `MockaiError` where the script does not tell."""
    meant = own_gates(script, gates, wanted)
    if len(meant) != 1:
        known = ", ".join(gates)
        raise MockaiError(f"which gate? The script '{script}' has the gates {known}: say gate=…")
    return meant[0]


def own_gates(script: str, gates: Sequence[str], wanted: str | None) -> tuple[str, ...]:
    """Return the gates of a script, or the wanted one. Raises `MockaiError` for none of its own."""
    if not gates:
        raise MockaiError(f"the script '{script}' has no hold: give it one, as hold_at=12")
    if wanted is None:
        return tuple(gates)
    if wanted not in gates:
        raise MockaiError(f"no gate '{wanted}': the script '{script}' has {', '.join(gates)}")
    return (wanted,)


def _reply(terms: ScriptTerms) -> dict[str, Any]:
    """Holds come first: they name their own positions, and `finish` must be the last."""
    said = [key for key in _REPLIES if terms.get(key) is not None]
    if len(said) > 1:
        allowed = f"{', '.join(_REPLIES[:-1])} and {_REPLIES[-1]}"
        raise TypeError(f"script() takes one of {allowed} (got {' and '.join(said)})")
    finish, holds = terms.get("finish"), _holds(terms.get("hold_at"))
    if said == ["turns"]:
        if finish is not None or holds:
            raise TypeError("hold_at and finish are for one reply: say them in the turns")
        return {"turns": terms.get("turns")}
    ending = [] if finish is None else [{"finish": finish}]
    return {"reply": [*map(_hold, holds), *_content(terms), *ending]}


_REPLIES = ("text", "tokens", "reply", "turns")


def _content(terms: ScriptTerms) -> Sequence[Mapping[str, Any]]:
    reply, text, tokens = terms.get("reply"), terms.get("text"), terms.get("tokens")
    if reply is not None:
        return reply
    if text is not None:
        return [{"text": text}]
    return [{"faker": DEFAULT_TOKENS if tokens is None else tokens}]


def _holds(hold_at: HoldAt | Sequence[HoldAt] | None) -> Sequence[HoldAt]:
    if hold_at is None:
        return ()
    return (hold_at,) if isinstance(hold_at, int | str) else hold_at


def _hold(position: HoldAt) -> dict[str, Any]:
    return {"hold": {"at" if isinstance(position, str) else "at_token": position}}


def _last_user(wanted: str | Mapping[str, str] | None) -> Mapping[str, str] | None:
    return {"contains": wanted} if isinstance(wanted, str) else wanted
