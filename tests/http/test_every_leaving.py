"""The table: every way of leaving, at every point, while idle, writing, held or stalled.

A cell states the outcome, the phase, the token and the way; in every cell the figures of delivery
add up and nothing is left open.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mockai.core.journal_file import exchanges_of, read_journal
from mockai.http.server import ServerThread
from mockai.http.state import ServerOptions
from tests.support.cells import (
    MIDDLE,
    POINTS,
    UPLOADS,
    WAYS,
    Connect,
    Point,
    Way,
    begin,
)
from tests.support.control import Control, send
from tests.support.raw import RawClient


@pytest.fixture(scope="module")
def server() -> Iterator[ServerThread]:
    """A server that nobody else calls: its connections are counted."""
    running = ServerThread().start()
    yield running
    running.stop()


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
    client = begin(control, connect, point)
    if way.is_read:
        read_all(client, point)
    way.leave(client)
    found = control.ended(point.outcome)
    assert (found["outcome"], found["phase"]) == (point.outcome, point.phase)
    assert found["connection"]["nth_request"] == point.nth
    if point.outcome == "cancelled":
        assert found["disconnect"]["how"] in way.at(point)
        assert found["disconnect"]["token"] == found["tokens"]["written"]
        assert found["disconnect"]["while_held"] == ("hold-1" if point.is_held else None)
    check_figures(found, point, way)
    check_nothing_is_open(control)


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


@pytest.mark.parametrize("upload", UPLOADS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_the_record_says_who_left_during_the_upload(
    control: Control, connect: Connect, way: Way, upload: str
) -> None:
    """Half a request is an exchange already; nothing was written, and that is exact."""
    client = connect()
    client.send(UPLOADS[upload].replace(b"{}", control.path.encode()))
    control.wait_for(outcome="open")
    if upload == "asks-first" and way.is_read:
        assert client.read_head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    way.leave(client)
    left = control.ended("cancelled")
    early = upload != "asks-first" and way.seen_early_as
    assert (left["phase"], left["status"]) == ("receiving", None)
    assert (left["disconnect"]["how"], left["disconnect"]["token"]) == (early or way.seen_as, 0)
    assert left["tokens"]["exact"]
    assert left["delivery"] == {
        "written_bytes": 0,
        "acked_bytes": 0,
        "unsent_bytes": 0,
        "stalled_s": 0.0,
        "note": None,
    }
    check_nothing_is_open(control)


UNFINISHED = [point for point in POINTS if point.outcome == "cancelled"]
AT = pytest.mark.parametrize("point", UNFINISHED, ids=lambda point: point.name)


@AT
def test_served_on_a_half_close_ends_nothing_anywhere(
    server: ServerThread, connect: Connect, point: Point
) -> None:
    """`half_close: continue`: in each cell the FIN is an event; a reset after it is the end.

    Linux calls a reset that follows a FIN EPIPE: the way is still the one that came first.
    """
    name = f"patient-{point.name}"
    send(server.url, "PUT", f"/_mockai/sessions/{name}", {"half_close": "continue"})
    control = Control(server.url, name)
    control.call("PUT", "scenarios/cell", point.scenario)
    client = begin(control, connect, point)
    client.half_close()
    while control.exchanges()[0]["half_closed_s"] is None:
        pass  # each call is a turn of the server's loop
    assert control.exchanges()[0]["outcome"] == "open"
    client.reset()
    found = control.ended("cancelled")
    assert (found["phase"], found["disconnect"]["how"]) == (point.phase, "fin")
    assert 0 < found["half_closed_s"] <= found["disconnect"]["at_s"]
    assert "client half-closed" in found["timeline"]
    if point.token is not None:
        assert (found["disconnect"]["token"], found["tokens"]["written"]) == (point.token,) * 2
    check_nothing_is_open(control)


def test_a_shutdown_of_ours_is_no_leaving_anywhere(connect: Connect, tmp_path: Path) -> None:
    """In each cell it is `failed/shutdown`, with the phase and the tokens, and without a way."""
    path = tmp_path / "journal"
    running = ServerThread(ServerOptions(journal=path)).start()
    uploading = RawClient(running.url)
    uploading.send(UPLOADS["length"].replace(b"{}", b"/v1"))
    clients, points = [uploading], {}
    for point in UNFINISHED:
        control = Control(running.url, point.name)
        control.call("PUT", "scenarios/cell", point.scenario)
        clients.append(begin(control, partial(RawClient, running.url), point))
        points[point.name] = point
    Control(running.url, "default").wait_for(outcome="open")
    running.stop()
    ended = {item["session"]: item for item in exchanges_of(read_journal(path.read_text("ascii")))}
    for name, found in ended.items():
        if name in points or name == "default":
            phase = points[name].phase if name in points else "receiving"
            assert (found["cause"], found["phase"]) == ("shutdown", phase), name
            assert found["disconnect"] is None
    assert ended.keys() >= {*points, "default"}
    for client in clients:
        assert client.read_to_end() is not None  # it ends
        client.close()
