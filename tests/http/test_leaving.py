"""Whenever and however a client leaves, the record says so, with the tokens it had been sent."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.control import Control
from tests.support.raw import CHAT, Connect, RawClient, head_of, question

TOKENS, MIDDLE = 20, 5

# where it is held, and then for a stream: the phase, tokens written
STREAMED = [
    pytest.param({"at": "headers"}, "before_headers", 0, id="before-the-headers"),
    pytest.param({"at": "first_token"}, "before_first_token", 0, id="before-the-first-token"),
    pytest.param({"at_token": MIDDLE}, "streaming", MIDDLE, id="in-the-middle"),
    pytest.param({"at": "done"}, "after_last_token", TOKENS, id="before-the-end"),
]
# … and for an answer in one body: tokens generated
WHOLE = [
    pytest.param({"at": "headers"}, 0, id="before-the-headers"),
    pytest.param({"at": "first_token"}, 0, id="before-the-first-token"),
    pytest.param({"at_token": MIDDLE}, MIDDLE, id="in-the-middle"),
    pytest.param({"at": "done"}, TOKENS, id="before-the-end"),
]


def read_all_and_close(client: RawClient) -> None:
    """Leave nothing unread."""
    client.read_tokens(MIDDLE)
    client.close()


WAYS = [
    pytest.param(read_all_and_close, "fin", id="close"),
    pytest.param(RawClient.half_close, "fin", id="half-close"),
    pytest.param(RawClient.close, "reset", id="close-with-bytes-unread"),
    pytest.param(RawClient.reset, "reset", id="reset"),
]


@pytest.mark.parametrize("hold, phase, written", STREAMED)
def test_leaving_a_held_stream_is_a_cancel_at_the_token_of_the_hold(
    control: Control, connect: Connect, hold: dict[str, Any], phase: str, written: int
) -> None:
    """Held, the figures are exact: generated, written and billed are the hold's token."""
    control.script(tokens=TOKENS, hold=hold)
    client = connect()
    client.chat(control.path, stream=True)
    (held,) = control.wait_held()
    client.half_close()
    left = control.ended("cancelled")
    assert (held["token"], left["phase"], left["disconnect"]["token"]) == (written, phase, written)
    assert left["disconnect"]["while_held"] == "hold-1"
    wanted = {"planned": TOKENS, "generated": written, "written": written, "exact": True}
    assert left["tokens"] == {"prompt": left["tokens"]["prompt"], **wanted}
    assert left["bill"]["completion_tokens"] == written
    assert control.call("GET", "gates/hold-1")["held"] == []


@pytest.mark.parametrize("hold, generated", WHOLE)
def test_leaving_while_one_body_is_awaited_is_a_cancel_before_the_headers(
    control: Control, connect: Connect, hold: dict[str, Any], generated: int
) -> None:
    """Nothing was written, but what the timeline had reached was generated and is billed."""
    control.script(tokens=TOKENS, hold=hold)
    client = connect()
    client.chat(control.path)
    control.wait_held()
    client.half_close()
    left = control.ended("cancelled")
    assert (left["phase"], left["disconnect"]["token"]) == ("before_headers", 0)
    assert (left["tokens"]["generated"], left["tokens"]["written"]) == (generated, 0)
    assert left["bill"]["completion_tokens"] == generated
    assert left["delivery"]["written_bytes"] == 0


@pytest.mark.parametrize("leave, how", WAYS)
def test_a_fin_and_a_reset_are_told_apart(
    control: Control, connect: Connect, leave: Callable[[RawClient], None], how: str
) -> None:
    """A close with nothing unread is a FIN, one with bytes unread a RST; both are a cancel."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    leave(client)
    left = control.ended("cancelled")
    assert left["disconnect"]["how"] == how
    assert (left["phase"], left["tokens"]["written"]) == ("streaming", MIDDLE)


def test_leaving_during_the_upload_is_a_cancel_while_receiving(
    control: Control, connect: Connect
) -> None:
    """A request of which half has come is an exchange already, and costs nothing."""
    client = connect()
    body = question()
    client.send(head_of("POST", control.path + CHAT, f"Content-Length: {len(body)}") + body[:9])
    control.wait_for(outcome="open")
    client.close()
    left = control.ended("cancelled")
    assert (left["phase"], left["status"], left["disconnect"]["how"]) == ("receiving", None, "fin")
    assert left["bill"]["prompt_tokens"] == left["bill"]["completion_tokens"] == 0


def test_a_mark_before_the_leaving_gives_its_latency(control: Control, connect: Connect) -> None:
    """The cancel counts from the newest mark, and the check passes for an exact hold."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    control.mark("stop")
    client.half_close()
    verdict = control.check("cancelled", max_tokens=MIDDLE, max_tokens_after=0)
    assert (verdict["passed"], verdict["measured_from"]) == (True, "mark 'stop'"), verdict["report"]
    left = control.ended("cancelled")
    assert left["marks"][0]["token"] == MIDDLE
    assert 0 < left["disconnect"]["since_mark_s"]["stop"] < left["disconnect"]["at_s"]


@pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset, RawClient.half_close])
@pytest.mark.parametrize("stream", [True, False])
def test_leaving_after_the_last_frame_is_no_cancel(
    control: Control, connect: Connect, leave: Callable[[RawClient], None], *, stream: bool
) -> None:
    """Once the kernel has the last frame the answer is completed, whatever the socket does."""
    control.script(tokens=TOKENS)
    client = connect()
    client.chat(control.path, stream=stream)
    control.ended("completed")
    leave(client)
    with RawClient(control.url) as another:  # a round trip through the loop that saw it leave
        another.chat(control.path)
        assert another.response().status == 200
    first = control.exchanges()[0]
    assert (first["outcome"], first["phase"], first["disconnect"]) == ("completed", "done", None)
    wanted = {"planned": TOKENS, "generated": TOKENS, "written": TOKENS}
    assert first["tokens"].items() >= wanted.items()
    assert first["bill"]["completion_tokens"] == TOKENS


@pytest.mark.parametrize("round_", range(10))
@pytest.mark.parametrize("leave", [RawClient.half_close, RawClient.reset])
def test_leaving_in_the_instant_of_the_last_token_is_one_or_the_other(
    control: Control, connect: Connect, leave: Callable[[RawClient], None], round_: int
) -> None:
    """Either the end was written and it is completed, or it was not and it is cancelled."""
    control.script(tokens=TOKENS, hold={"at": "done"})
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    releasing = threading.Thread(target=control.release)
    releasing.start()
    leave(client)
    releasing.join()
    found = control.ended()
    ends = {
        "completed": ("done", False),
        "cancelled": ("after_last_token", True),
    }
    assert (found["phase"], found["disconnect"] is not None) == ends[found["outcome"]]
    assert found["tokens"]["written"] == found["tokens"]["generated"] == TOKENS
