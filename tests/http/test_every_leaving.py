"""The table: every way of leaving, at every point, while idle, writing, held or stalled.

A cell states the outcome, the phase, the token and the way; in every cell the figures of delivery
add up and nothing is left open.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mockai.http.server import ServerThread
from tests.support.control import Control, send
from tests.support.raw import CHAT, RawClient, head_of, question

Connect = Callable[..., RawClient]
TOKENS, MIDDLE = 20, 5
LARGE = 40_000  # tokens, 12 MB: more than the kernel takes for one who does not read
SMALL = 4_096  # bytes that may lie unread in a stalled client's socket
SILENCE = "60s"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerThread]:
    """A server that nobody else calls: its connections are counted."""
    running = ServerThread().start()
    yield running
    running.stop()


@dataclass(frozen=True)
class Point:
    """Where a client leaves: what is scripted, and what the record must say then.

    `token` is `None` where it is a matter of luck; `reads` are the tokens that a client can have
    read there: `None` means that not even a head has been sent.
    """

    name: str
    scenario: dict[str, Any]
    phase: str
    token: int | None = 0
    reads: int | None = None
    stream: bool = True
    state: str = "idle"
    outcome: str = "cancelled"

    @property
    def is_held(self) -> bool:
        """True when the stream stands at a gate."""
        return self.state == "held"


def scripted(*reply: Any, **more: Any) -> dict[str, Any]:
    """Return a scenario."""
    return {"reply": list(reply), **more}


def held(**at: Any) -> dict[str, Any]:
    """Return a scenario that holds at a place."""
    return scripted({"faker": TOKENS}, {"hold": at})


MIDDLE_PAUSE = scripted({"faker": MIDDLE}, {"pause": SILENCE}, {"faker": TOKENS - MIDDLE})
LATE_START = scripted({"faker": TOKENS}, pace={"ttft": SILENCE})
LATE_END = scripted({"faker": TOKENS}, {"pause": SILENCE})
FLOW = scripted({"faker": 4_000}, pace={"tokens_per_second": 1_000})
FLOOD = scripted({"faker": LARGE})
WHOLE = scripted({"faker": TOKENS})

POINTS = [
    Point("held-headers", held(at="headers"), "before_headers", state="held"),
    Point("held-first", held(at="first_token"), "before_first_token", reads=0, state="held"),
    Point("held-middle", held(at_token=MIDDLE), "streaming", MIDDLE, MIDDLE, state="held"),
    Point("held-end", held(at="done"), "after_last_token", TOKENS, TOKENS, state="held"),
    Point("idle-first", LATE_START, "before_first_token", reads=0),
    Point("idle-middle", MIDDLE_PAUSE, "streaming", MIDDLE, MIDDLE),
    Point("idle-end", LATE_END, "after_last_token", TOKENS, TOKENS),
    Point("writing", FLOW, "streaming", None, MIDDLE, state="writing"),
    Point("stalled", FLOOD, "streaming", None, state="stalled"),
    Point("done", WHOLE, "done", TOKENS, TOKENS, outcome="completed"),
    Point("whole-held", held(at_token=MIDDLE), "before_headers", stream=False, state="held"),
    Point("whole-idle", MIDDLE_PAUSE, "before_headers", stream=False),
    Point("whole-stalled", FLOOD, "before_first_token", stream=False, state="stalled"),
    Point("whole-done", WHOLE, "done", TOKENS, TOKENS, stream=False, outcome="completed"),
]


@dataclass(frozen=True)
class Way:
    """How a client leaves, after it has read all there was, or nothing."""

    name: str
    leave: Callable[[RawClient], None]
    is_read: bool
    seen_as: str
    """How it is seen where something was sent."""
    seen_early_as: str = field(default="")
    """How it is seen before anything was sent."""

    def at(self, point: Point) -> set[str]:
        """Return the ways that the record may name."""
        early = self.seen_early_as or self.seen_as
        nothing_sent = point.reads is None and point.state != "stalled"
        told = early if nothing_sent else self.seen_as
        # Who closes in the flow leaves the next event unread, or not: that is a race.
        return {told, "reset"} if point.state == "writing" and self.name == "close" else {told}


WAYS = [
    Way("close", RawClient.close, is_read=True, seen_as="fin"),
    Way("close-unread", RawClient.close, is_read=False, seen_as="reset", seen_early_as="fin"),
    Way("half-close", RawClient.half_close, is_read=False, seen_as="fin"),
    Way("reset", RawClient.reset, is_read=False, seen_as="reset"),
]


def cells() -> Iterator[Any]:
    """Yield every cell that can be: who does not read cannot have read all."""
    for point in POINTS:
        for way in WAYS:
            if not (point.state == "stalled" and way.is_read):
                yield pytest.param(point, way, id=f"{point.name}-{way.name}")


@pytest.mark.parametrize("point, way", list(cells()))
def test_the_record_says_how_a_client_left(
    control: Control, connect: Connect, point: Point, way: Way
) -> None:
    """What it had been sent, where it was, and how it went: in this cell as in all others."""
    control.call("PUT", "scenarios/cell", point.scenario)
    client = connect(receive_buffer=SMALL) if point.state == "stalled" else connect()
    client.chat(control.path, stream=point.stream)
    arrive(control, point)
    if way.is_read:
        read_all(client, point)
    way.leave(client)
    found = control.ended(point.outcome)
    assert (found["outcome"], found["phase"]) == (point.outcome, point.phase)
    if point.outcome == "cancelled":
        assert found["disconnect"]["how"] in way.at(point)
        assert found["disconnect"]["token"] == found["tokens"]["written"]
        assert found["disconnect"]["while_held"] == ("hold-1" if point.is_held else None)
    check_figures(found, point, way)
    check_nothing_is_open(control)


def arrive(control: Control, point: Point) -> None:
    """Wait until the answer is where the cell wants it."""
    if point.is_held:
        control.wait_held()
    elif point.outcome == "completed":
        control.wait_for(outcome="completed")
    else:
        control.wait_for(scenario="cell")
        while not has_come(control.exchanges()[0], point):
            pass  # each call is a turn of the server's loop


def has_come(found: dict[str, Any], point: Point) -> bool:
    """Say whether what the cell waits for is in the record."""
    if point.state == "stalled":
        stalled: bool = found["delivery"]["stalled_s"] > 0
        return stalled
    if not point.stream:
        return bool(found["tokens"]["generated"] == MIDDLE)
    if point.state == "writing":
        return bool(found["tokens"]["written"] >= MIDDLE)
    return bool(found["tokens"]["written"] == point.token and found["phase"] == point.phase)


def read_all(client: RawClient, point: Point) -> None:
    """Read what has been sent."""
    if point.outcome == "completed":
        client.response()
    elif point.state == "writing":
        client.read_some(MIDDLE)
    elif point.reads is not None and point.stream:
        client.read_head()
        client.read_tokens(point.reads)


def check_figures(found: dict[str, Any], point: Point, way: Way) -> None:
    """Compare what was written and delivered with what the cell allows."""
    tokens, delivery = found["tokens"], found["delivery"]
    if point.token is not None:
        assert tokens["written"] == point.token
    elif point.stream:
        assert MIDDLE <= tokens["written"] < tokens["planned"]
    assert tokens["written"] <= tokens["generated"] <= tokens["planned"]
    assert (delivery["stalled_s"] > 0) == (point.state == "stalled")
    if point.is_held or delivery["written_bytes"] == 0:
        assert tokens["exact"]
    if point.state == "stalled":
        assert not tokens["exact"]
    if sys.platform == "linux":
        told = delivery["acked_bytes"] + delivery["unsent_bytes"]
        assert (told, delivery["note"]) == (delivery["written_bytes"], None)
        if way.seen_as == "fin" and point.state == "idle" and point.outcome == "cancelled":
            assert tokens["exact"]  # a FIN confirms all that came before it


def check_nothing_is_open(control: Control) -> None:
    """Compare the server's own counts: only the connection that asks is left."""
    lines = send(control.url, "GET", "/metrics").raw.decode().splitlines()
    assert "mockai_connections 1" in lines
    assert "mockai_streams_open 0" in lines
    assert not any(gate["held"] for gate in control.call("GET", "gates")["gates"])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_the_record_says_who_left_during_the_upload(
    control: Control, connect: Connect, way: Way
) -> None:
    """Half a request is an exchange already; nothing was written, and that is exact."""
    client = connect()
    body = question()
    client.send(head_of("POST", control.path + CHAT, f"Content-Length: {len(body)}") + body[:9])
    control.wait_for(outcome="open")
    way.leave(client)
    left = control.ended("cancelled")
    wanted = way.seen_early_as or way.seen_as
    assert (left["phase"], left["status"]) == ("receiving", None)
    assert (left["disconnect"]["how"], left["disconnect"]["token"]) == (wanted, 0)
    assert left["tokens"]["exact"]
    assert left["delivery"] == {
        "written_bytes": 0,
        "acked_bytes": 0,
        "unsent_bytes": 0,
        "stalled_s": 0.0,
        "note": None,
    }
    check_nothing_is_open(control)
