"""A client far away, on a bad line, or gone without a packet: the record is as right as nearby."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mockai.http.server import ServerThread
from mockai.http.state import Limits, ServerOptions
from tests.support.control import Control
from tests.support.raw import CHAT, RawClient, head_of, question
from tests.support.wire import Wire

TOKENS, MIDDLE = 20, 5
DELAY_S = 0.2
PATIENCE_S = 2.0


@contextmanager
def serving(wire: Wire, *, write_s: float | None = None) -> Iterator[Control]:
    """Serve on the near end; the control API is asked nearby."""
    limits = Limits(peer_s=PATIENCE_S, write_s=write_s)
    running = ServerThread(ServerOptions(host=wire.here, is_open=True, limits=limits)).start()
    try:
        yield Control(running.url)
    finally:
        running.stop()


def test_a_cancel_from_far_away_comes_one_way_later() -> None:
    """The latency is the line's too: what is measured is when the server could know."""
    with Wire(delay_s=DELAY_S) as wire, serving(wire) as control:
        control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
        client = wire.connect(control.url)
        client.chat(control.path, stream=True)
        client.read_tokens(MIDDLE)
        control.mark("stop")
        client.close()
        left = control.ended("cancelled")
    assert left["disconnect"]["since_mark_s"]["stop"] >= DELAY_S
    assert (left["disconnect"]["how"], left["disconnect"]["token"]) == ("fin", MIDDLE)
    assert left["delivery"]["acked_bytes"] == left["delivery"]["written_bytes"]


def test_what_is_under_way_on_a_long_line_is_written_but_not_delivered() -> None:
    """The kernel's queue tells that some of it cannot have arrived: the tokens are not exact."""
    with Wire(delay_s=DELAY_S) as wire, serving(wire) as control:
        control.script(tokens=4_000, pace={"tokens_per_second": 200})
        client = wire.connect(control.url)
        client.chat(control.path, stream=True)
        client.read_head()
        client.reset()
        left = control.ended("cancelled")
    delivery, tokens = left["delivery"], left["tokens"]
    assert (left["disconnect"]["how"], left["phase"]) == ("reset", "streaming")
    assert delivery["unsent_bytes"] > 0
    assert delivery["acked_bytes"] + delivery["unsent_bytes"] == delivery["written_bytes"]
    assert (tokens["exact"], delivery["stalled_s"]) == (False, 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_line_that_loses_packets_loses_no_fact(seed: int) -> None:
    """Whatever is lost is sent again: the client has what was written, and its FIN arrives."""
    with Wire(loss=0.2, seed=seed) as wire, serving(wire) as control:
        control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
        client = wire.connect(control.url)
        client.chat(control.path, stream=True)
        client.read_tokens(MIDDLE)
        client.half_close()
        left = control.ended("cancelled")
        client.close()
    assert (left["disconnect"]["how"], left["tokens"]["written"]) == ("fin", MIDDLE)


def upload(client: RawClient, path: str) -> None:
    """Send a request without its end."""
    body = question()
    client.send(head_of("POST", path + CHAT, f"Content-Length: {len(body)}") + body[:9])


def ask(client: RawClient, path: str) -> None:
    """Ask for one body."""
    client.chat(path)


def stream(client: RawClient, path: str) -> None:
    """Ask for a stream."""
    client.chat(path, stream=True)


# how it asks, where it is held, and then: the phase, tokens written
VANISHING: list[tuple[Callable[[RawClient, str], None], dict[str, object] | None, str, int]] = [
    (upload, None, "receiving", 0),
    (stream, {"at": "headers"}, "before_headers", 0),
    (stream, {"at": "first_token"}, "before_first_token", 0),
    (stream, {"at_token": MIDDLE}, "streaming", MIDDLE),
    (stream, {"at": "done"}, "after_last_token", TOKENS),
    (ask, {"at_token": MIDDLE}, "before_headers", 0),
]


def test_a_machine_that_vanishes_without_a_packet_is_a_timeout() -> None:
    """Probes that nobody answers end what was silent, in every phase, and nothing stays open."""
    with Wire() as wire, serving(wire) as control:
        clients = []
        for number, (begin, hold, _, _) in enumerate(VANISHING):
            if hold is not None:
                gate = {"name": f"gate-{number}", **hold}
                control.script(f"cell-{number}", tokens=TOKENS, hold=gate, times=1)
            clients.append(wire.connect(control.url))
            begin(clients[-1], control.path)
            if hold is None:
                control.wait_for(outcome="open")
            else:
                control.wait_held(f"gate-{number}")
        wire.cut()
        found = control.wait_for(len(VANISHING), outcome="cancelled")
    cells = [(left["phase"], left["tokens"]["written"]) for left in found]
    assert cells == [(phase, token) for _, _, phase, token in VANISHING]
    assert {left["disconnect"]["how"] for left in found} == {"timeout"}
    assert all(left["disconnect"]["at_s"] >= PATIENCE_S / 2 for left in found)
    for client in clients:
        client.close()


def test_a_machine_that_vanishes_in_the_flow_is_a_timeout_too() -> None:
    """Written bytes that nobody confirms are given up after the time that was allowed for them."""
    with Wire() as wire, serving(wire, write_s=1.0) as control:
        control.script(tokens=4_000, pace={"tokens_per_second": 100})
        client = wire.connect(control.url)
        client.chat(control.path, stream=True)
        client.read_tokens(MIDDLE)
        wire.cut()
        left = control.ended("cancelled")
        client.close()
    assert (left["disconnect"]["how"], left["phase"]) == ("timeout", "streaming")
    assert left["delivery"]["unsent_bytes"] > 0
    assert not left["tokens"]["exact"]
