"""Five hundred sessions on one server at once, each with a script and a fate of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import struct
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockai import AsyncMockAI
from mockai.client.calls import Call, Flow, path
from mockai.client.flows import late_exchanges
from mockai.client.servers import Running, start_server
from mockai.core.errors import MockaiError
from tests.support.raw import CHAT, post, question

SESSIONS = 500
HELD = 6
WORKING = 40
"""So many talk to the control API at the same time; the streams are all open together."""
LINGER_OFF = struct.pack("ii", 1, 0)  # closing resets


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A server in a process of its own: ours has the other end of each connection."""
    running = start_server(process=True)
    yield running
    running.stop()


@dataclass
class World:
    """One session, its client, and what must be seen of it in the end."""

    number: int
    mockai: AsyncMockAI
    outcomes: list[str] = field(default_factory=list)
    generation: int = 1
    late: int = 0

    @property
    def text(self) -> str:
        """What this session answers, and no other."""
        return f"number {self.number} of five hundred tells its own story and that of no other"

    async def ask(self) -> Asked:
        """Send a request for a stream."""
        address = urlsplit(self.mockai.base_url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(post(address.path + CHAT, question(stream=True)))
        return Asked(reader, writer)


@dataclass
class Asked:
    """A request that has been sent."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def close(self) -> None:
        """Leave politely."""
        self.writer.close()

    def reset(self) -> None:
        """Leave with a reset."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
        self.writer.transport.abort()

    async def text(self) -> str:
        """Read to the end, or to where it was cut; return the text."""
        raw = b""
        with contextlib.suppress(ConnectionError):
            while b"[DONE]" not in raw and (more := await self.reader.read(1 << 16)):
                raw += more
        self.close()
        events = [line[6:] for line in raw.split(b"\n") if line.startswith(b"data: {")]
        deltas = [choice["delta"] for event in events for choice in json.loads(event)["choices"]]
        return "".join(delta.get("content") or "" for delta in deltas)


# ── fates ────────────────────────────────────────────────────────────────────────────────────


async def is_read(world: World, asked: Asked) -> None:
    """The gate opens, and the answer is read to its end."""
    await world.mockai.release("hold-1", all=True)
    assert await asked.text() == world.text
    world.outcomes = ["completed"]


async def is_closed(world: World, asked: Asked) -> None:
    """The client leaves at the gate."""
    asked.close()
    await world.mockai.assert_cancelled(max_tokens=HELD, within=60, timeout=60)
    world.outcomes = ["cancelled"]


async def is_reset_by_its_client(world: World, asked: Asked) -> None:
    """The client leaves at the gate with a reset."""
    asked.reset()
    await world.mockai.assert_cancelled(max_tokens=HELD, how="reset", within=60, timeout=60)
    world.outcomes = ["cancelled"]


async def begins_anew(world: World, asked: Asked) -> None:
    """The session begins anew in the instant in which the client leaves: its end comes late."""
    asked.reset()
    await world.mockai.reset()
    await world.mockai.script(text=world.text)
    assert await (await world.ask()).text() == world.text
    world.outcomes, world.generation = ["completed"], 2


async def is_cut(world: World, asked: Asked) -> None:
    """The session begins anew while the client reads: the stream is cut, and told of nowhere."""
    await world.mockai.reset()
    assert world.text.startswith(await asked.text())
    world.outcomes, world.generation = [], 2


async def is_asked_too_late(world: World, asked: Asked) -> None:
    """The session ends while the client reads, and is asked again: 410, in nobody's session."""
    await world.mockai.close()
    assert world.text.startswith(await asked.text())
    again = await world.ask()
    assert b" 410 " in await again.reader.readline()
    again.close()
    world.late = 1


Fate = Callable[[World, Asked], Coroutine[Any, Any, None]]
FATES: tuple[Fate, ...] = (
    is_read,
    is_closed,
    is_reset_by_its_client,
    begins_anew,
    is_cut,
    is_asked_too_late,
)


# ── the test ─────────────────────────────────────────────────────────────────────────────────


def events_of(session: str) -> Flow[Any]:
    """Return every exchange of a session with its own events."""
    listed = (yield Call("GET", path(session, "exchanges"))).json()["exchanges"]
    whole = []
    for item in listed:
        answer = yield Call("GET", path(session, "exchanges", item["id"]))
        whole.append(answer.json())
    return whole


async def seen_by_a_follower(world: World) -> list[tuple[str, str]]:
    """Follow a session from its first event to its end, which is now; return what befell whom."""
    address = urlsplit(world.mockai.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    target = path(world.mockai.session, "events", after=0)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
    await reader.readuntil(b": events of session")  # it is listened to
    await world.mockai.close()
    raw = b""
    while not raw.endswith(b"0\r\n\r\n") and (more := await reader.read(1 << 16)):
        raw += more
    writer.close()
    told = re.findall(rb"event: (\S+)\ndata: (.*)\n", raw)
    return [(name.decode(), json.loads(data)["exchange"]) for name, data in told]


async def check(world: World) -> None:
    """Check that a session has seen what concerns it, all of that, and nothing else."""
    session, ids = world.mockai.session, []
    for seq, item in enumerate(await world.mockai.drive(events_of(session)), 1):
        assert (item["session"], item["generation"], item["seq"]) == (
            session,
            world.generation,
            seq,
        )
        assert item["request"]["path"] == f"/s/{session}/v1{CHAT}"
        ids.append((item["id"], item["outcome"]))
    assert [outcome for _, outcome in ids] == world.outcomes
    told = await seen_by_a_follower(world)
    assert {one for _, one in told} == {one for one, _ in ids}
    assert [one for name, one in told if name == "exchange.ended"] == [one for one, _ in ids]


def test_five_hundred_sessions_keep_to_themselves(server: Running) -> None:
    """No event lands in a wrong session; a late one of an ended generation lands nowhere."""
    worlds = [World(number, AsyncMockAI(server.url)) for number in range(SESSIONS)]
    at_work = asyncio.Semaphore(WORKING)

    async def live(world: World, fate: Fate, all_held: asyncio.Barrier) -> None:
        async with at_work:
            story = await world.mockai.script(text=world.text, hold_at=HELD)
            asked = await world.ask()
            await story.wait_held(timeout=60)
        await all_held.wait()
        async with at_work:
            await fate(world, asked)

    async def end(world: World) -> None:
        async with at_work:
            await check(world)

    async def program() -> None:
        fates = [FATES[world.number % len(FATES)] for world in worlds]
        barrier = asyncio.Barrier(SESSIONS)
        await asyncio.gather(*map(live, worlds, fates, [barrier] * SESSIONS))
        living = [world for world in worlds if not world.late]
        late = await worlds[0].mockai.drive(late_exchanges())
        ended = [world.mockai.session for world in worlds if world.late]
        assert sorted(item.session for item in late) == sorted(ended)
        await asyncio.gather(*map(end, living))
        with pytest.raises(MockaiError, match="has ended"):
            await worlds[0].mockai.exchanges()

    asyncio.run(program())
