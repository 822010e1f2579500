"""The lines of a journal file: one JSON object at receipt of an exchange, and one at its end.

Both have the form `{"event": "received" | "ended", "exchange": {…}}`; the later one of an id has
the last word. Lines are ASCII, so that a line break is one byte and stands nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from mockai.core.exchange import Exchange

Event = Literal["received", "ended"]


def line(event: Event, exchange: Exchange) -> bytes:
    """Return one whole line."""
    shown = {"event": event, "exchange": exchange.to_json()}
    return json.dumps(shown, separators=(",", ":")).encode("ascii") + b"\n"


def read_journal(text: str) -> list[dict[str, Any]]:
    """Return the entries of a journal, in order; what was torn by a sudden end is left out."""
    return [entry for entry in map(_entry, text.split("\n")) if entry is not None]


def exchanges_of(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each exchange as it was known last, in order of receipt."""
    latest: dict[str, dict[str, Any]] = {}
    for entry in entries:
        latest[entry["exchange"]["id"]] = entry["exchange"]
    return list(latest.values())


def _entry(text: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entry if _is_entry(entry) else None


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.get("event") not in ("received", "ended"):
        return False
    exchange = entry.get("exchange")
    return isinstance(exchange, dict) and isinstance(exchange.get("id"), str)
