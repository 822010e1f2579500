"""A client that does not read costs little memory, is noticed when it leaves, and can go on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mockai.engine.sink import AHEAD
from mockai.http.server import ServerThread
from mockai.http.state import Limits, ServerOptions
from tests.support.control import Control
from tests.support.raw import Connect, RawClient

TOKENS = 40_000  # frames of 12 MB: more than the kernel takes for one who does not read
LITTLE = 1 << 18  # the kernel counts in whole buffers, and what is under way besides
SMALL, LARGE = 4_096, 1 << 20  # bytes that may lie unread in the client's socket


def stall(
    control: Control,
    connect: Connect,
    *,
    stream: bool = True,
    receive_buffer: int | None = SMALL,
) -> RawClient:
    """Ask, read nothing, and wait until the server can write no more."""
    client = connect(receive_buffer=receive_buffer)
    client.chat(control.path, stream=stream)
    written = [-1, 0]
    while written[-1] != written[-2] or not written[-1]:
        # Each call is a turn of the server's loop, and an unpaced stream writes in every turn.
        (found,) = control.exchanges() or [{"delivery": {"written_bytes": 0}}]
        written.append(found["delivery"]["written_bytes"])
    return client


@pytest.mark.parametrize(
    "leave, how", [(RawClient.close, "reset"), (RawClient.half_close, "fin")], ids=["close", "fin"]
)
def test_a_stalled_client_that_leaves_is_noticed(
    control: Control, connect: Connect, leave: Callable[[RawClient], None], how: str
) -> None:
    """Backpressure hides nobody: the cancel is recorded, with what the kernel took only."""
    control.script(tokens=TOKENS)
    client = stall(control, connect)
    leave(client)
    left = control.ended("cancelled")
    assert (left["phase"], left["disconnect"]["how"]) == ("streaming", how)
    assert 0 < left["tokens"]["written"] < TOKENS
    assert 0 < left["delivery"]["written_bytes"] < TOKENS * 200
    assert not left["tokens"]["exact"]


def test_a_stalled_client_costs_one_write_of_memory(control: Control, connect: Connect) -> None:
    """Nothing is made far ahead of the kernel: 16 KB and a frame wait, however much is to come."""
    control.script(tokens=TOKENS)
    stall(control, connect)
    (stalled,) = control.exchanges()
    frame = stalled["delivery"]["written_bytes"] / stalled["tokens"]["written"]
    waiting = stalled["tokens"]["generated"] - stalled["tokens"]["written"]
    assert 0 < waiting * frame < AHEAD + 2 * frame
    assert stalled["tokens"]["generated"] < TOKENS


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds what waits in the kernel")
@pytest.mark.parametrize("receive_buffer", [SMALL, None], ids=["small", "usual"])
def test_the_kernel_runs_ahead_of_a_stalled_client_by_little(
    control: Control, connect: Connect, receive_buffer: int | None
) -> None:
    """Beyond what the client's own kernel holds some 16 KB wait, and not the usual 4 MB."""
    control.script(tokens=TOKENS)
    client = stall(control, connect, receive_buffer=receive_buffer)
    client.close()
    delivery = control.ended("cancelled")["delivery"]
    assert 0 < delivery["unsent_bytes"] < LITTLE
    assert delivery["written_bytes"] < 2 * LITTLE


def test_the_time_of_a_stall_is_counted(control: Control, connect: Connect) -> None:
    """It grows while nothing is read; whoever reads on keeps the sum."""
    control.script(tokens=TOKENS)
    client = stall(control, connect)
    earlier = control.exchanges()[0]["delivery"]["stalled_s"]
    later = control.exchanges()[0]["delivery"]["stalled_s"]
    assert 0 < earlier < later
    client.take_up(LARGE)
    assert client.response().status == 200
    done = control.ended("completed")
    assert later < done["delivery"]["stalled_s"] < done["timing"]["ended_s"]


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
def test_a_limit_for_unconfirmed_writes_also_ends_a_stalled_client() -> None:
    """Linux cannot tell a window that stays shut from a machine that is gone: no default."""
    running = ServerThread(ServerOptions(limits=Limits(write_s=0.3))).start()
    control = Control(running.url)
    control.script(tokens=TOKENS)
    with RawClient(running.url, receive_buffer=SMALL) as client:
        client.chat(control.path, stream=True)
        left = control.ended("cancelled")
    running.stop()
    assert (left["disconnect"]["how"], left["phase"]) == ("timeout", "streaming")
    assert left["delivery"]["stalled_s"] > 0


def test_a_stalled_client_that_reads_on_gets_everything(control: Control, connect: Connect) -> None:
    """Nothing is lost or sent twice at the seams, and the answer is completed."""
    control.script(tokens=TOKENS)
    client = stall(control, connect)
    client.take_up(LARGE)
    chunks = client.response().raw.decode().removesuffix("\n\n").split("\n\n")
    done = control.ended("completed")
    assert chunks.pop() == "data: [DONE]"
    assert (done["tokens"]["written"], done["tokens"]["generated"]) == (TOKENS, TOKENS)
    assert len(chunks) == 1 + TOKENS + 1
    assert text_of(chunks) == whole_text(control)


def text_of(chunks: list[str]) -> str:
    """Return the text that the chunks carry."""
    read: list[dict[str, Any]] = [json.loads(chunk.removeprefix("data: ")) for chunk in chunks]
    return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in read)


def whole_text(control: Control) -> str:
    """Return the same reply as one body."""
    with RawClient(control.url) as client:
        client.chat(control.path)
        text: str = client.response().body["choices"][0]["message"]["content"]
        return text


def test_a_stalled_client_holds_up_nobody_else(control: Control, connect: Connect) -> None:
    """Other streams of the same server are played to their ends meanwhile."""
    control.script("large", tokens=TOKENS, times=1)
    control.script("small", tokens=20)
    stall(control, connect)
    other = connect()
    other.chat(control.path, stream=True)
    assert other.response().raw.endswith(b"data: [DONE]\n\n")
    assert control.exchanges(scenario="large")[0]["outcome"] == "open"


def test_the_last_write_of_a_stalled_client_completes_it(
    control: Control, connect: Connect
) -> None:
    """An answer whose end the kernel refused at first is sent once, and then completed."""
    wide = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * 800_000  # 6 bytes each in JSON, few tokens
    control.call("PUT", "scenarios/wide", {"reply": [{"text": wide}]})
    client = stall(control, connect, stream=False)
    assert control.exchanges()[0]["tokens"]["written"] == 0
    client.take_up(LARGE)
    assert client.response().body["choices"][0]["message"]["content"] == wide
    done = control.ended("completed")
    assert done["tokens"]["written"] == done["tokens"]["planned"]
    client.chat(control.path, stream=True)  # nothing was sent twice: the next answer comes next
    assert client.read_head().startswith(b"HTTP/1.1 200 OK\r\n")
