"""Many clients at once, with every fate there is: each has its record, and none is left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import pytest

from tests.support.control import Control
from tests.support.raw import Connect, RawClient

CLIENTS, TOKENS, HELD_AT = 200, 40, 12


def nothing(client: RawClient) -> None:
    """Stay, and be answered."""


@dataclass(frozen=True)
class Fate:
    """What a client asks for, how it leaves, and what the record must say."""

    asks: dict[str, Any]
    leaves: Callable[[RawClient], None]
    outcome: str
    phase: str
    how: str | None
    generated: int
    written: int
    answer: int | None = None


def left(how: str, leaves: Callable[[RawClient], None], phase: str, *tokens: int) -> Fate:
    """Return the fate of a client that leaves; its scenario holds where the phase says."""
    stream = phase != "whole"
    shown = phase if stream else "before_headers"
    asks = {"model": phase, "stream": stream}
    return Fate(asks, leaves, "cancelled", shown, how, *tokens)


HOLDS = {
    "before_headers": {"at": "headers"},
    "before_first_token": {"at": "first_token"},
    "streaming": {"at_token": HELD_AT},
    "after_last_token": {"at": "done"},
    "whole": {"at_token": HELD_AT},
}
LEAVING = {
    f"{phase}-{how}": left(how, leaves, phase, generated, written)
    for how, leaves in (("fin", RawClient.half_close), ("reset", RawClient.reset))
    for phase, generated, written in (
        ("before_headers", 0, 0),
        ("before_first_token", 0, 0),
        ("streaming", HELD_AT, HELD_AT),
        ("after_last_token", TOKENS, TOKENS),
        ("whole", HELD_AT, 0),
    )
}
STAYING = {
    f"stays-{name}": Fate(asks, nothing, "completed", "done", None, TOKENS, TOKENS, 200)
    for name, asks in (
        ("held", {"model": "streaming", "stream": True}),
        ("paced", {"model": "paced", "stream": True}),
        ("whole", {"model": "whole"}),
        ("paced-whole", {"model": "paced"}),
    )
}
REFUSED = {
    "bad": Fate({"n": 0}, nothing, "failed", "receiving", None, 0, 0, 400),
    "unscripted": Fate({"model": "other"}, nothing, "failed", "receiving", None, 0, 0, 404),
}
FATES = LEAVING | STAYING | REFUSED


def crowd() -> Iterator[tuple[str, Fate]]:
    """Return the fate of each client, by turns."""
    return islice(cycle(FATES.items()), CLIENTS)


def of(item: dict[str, Any]) -> tuple[object, ...]:
    """Return what of an exchange a fate foretells."""
    how = item["disconnect"] and item["disconnect"]["how"]
    tokens = item["tokens"]
    return item["outcome"], item["phase"], how, tokens["generated"], tokens["written"]


@pytest.mark.parametrize("order", [1, -1], ids=["in-order", "reversed"])
def test_of_two_hundred_clients_each_gets_the_record_of_its_own_fate(
    control: Control, connect: Connect, order: int
) -> None:
    """Whoever leaves, stays or is refused beside it: no exchange is lost, mixed up or left open."""
    for phase, hold in HOLDS.items():
        control.script(phase, tokens=TOKENS, hold={"name": phase, **hold}, match={"model": phase})
    pace = {"ttft": "20ms", "tokens_per_second": 1000}
    control.script("paced", tokens=TOKENS, pace=pace, match={"model": "paced"})
    clients = [(fate, connect()) for _, fate in crowd()]
    for (name, fate), (_, client) in zip(crowd(), clients, strict=True):
        client.chat(control.path, f"X-Mockai-Tag: {name}", **fate.asks)
    standing = Counter(fate.asks.get("model") for fate, _ in clients)
    for phase in HOLDS:
        control.wait_held(phase, count=standing[phase])
    for fate, client in clients[::order]:
        fate.leaves(client)
    outcomes = Counter(fate.outcome for fate, _ in clients)
    control.wait_for(outcomes["cancelled"], outcome="cancelled")
    for phase in HOLDS:
        control.release(phase)
    control.wait_for(outcomes["completed"], outcome="completed")

    found = control.exchanges()
    assert len(found) == CLIENTS
    assert sorted(item["seq"] for item in found) == list(range(1, CLIENTS + 1))
    wanted = Counter(name for name, _ in crowd())
    assert Counter(item["request"]["tag"] for item in found) == wanted
    for item in found:
        fate = FATES[item["request"]["tag"]]
        assert of(item) == (fate.outcome, fate.phase, fate.how, fate.generated, fate.written)
    assert sum(item["bill"]["completion_tokens"] for item in found) == sum(
        fate.generated for fate, _ in clients
    )
    assert all(not gate["held"] for gate in control.call("GET", "gates")["gates"])
    for fate, client in clients:
        assert fate.answer is None or client.response().status == fate.answer
