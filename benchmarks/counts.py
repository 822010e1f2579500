"""What one event, one request and one exchange cost in calls and bytes: counts, never seconds.

A count is the same on a busy machine, so it can be a gate: `python -m benchmarks --counts` compares
with `counts.json` and fails when something has grown by more than a tenth. Calls are those that
Python's profiler sees on the server's thread. They depend on the version of Python and of aiohttp.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import os
import socket
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp

from mockai.core.dialects.chat import plan_chat
from mockai.core.dialects.chat_request import parse_chat_request
from mockai.core.exchange import Connection, RequestFacts
from mockai.core.matching import Incoming
from mockai.core.metrics import Metrics
from mockai.core.scenario import Scenario
from mockai.core.tokens import get_encoding
from mockai.engine.pacer import VirtualPacer
from mockai.engine.session import Session, Settings
from mockai.engine.stream import Stream
from mockai.http import internals
from mockai.http.h1_sink import H1Sink
from mockai.http.server import Server
from mockai.http.state import ServerOptions

COMMITTED = Path(__file__).with_name("counts.json")
TOLERANCE = 0.10
TOKENS, STREAMS, REQUESTS = 200, 20, 100
# Not `poll`: how often the loop waits depends on when the client asks again.
_SYSTEM = {"write", "writev", "send", "recv", "recv_into", "getsockopt", "setsockopt", "ioctl"}
_BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Tell me a story."}]}
Counts = dict[str, float]


def versions() -> str:
    """Return what the counts hold for."""
    python = ".".join(map(str, sys.version_info[:2]))
    return f"Python {python}, aiohttp {aiohttp.__version__.rpartition('.')[0]}"


def measure() -> Counts:
    """Count everything once."""
    return {
        **_per("paced event", STREAMS * TOKENS, _paced()),
        **_per("plain request", REQUESTS, asyncio.run(_plain())),
        **_memory(),
    }


def grown(found: Counts, committed: Counts) -> list[str]:
    """Return a line for each count that has grown by more than a tenth."""
    return [
        f"{name}: {committed[name]:g} before, {found[name]:g} now"
        for name in committed
        if found[name] > committed[name] * (1 + TOLERANCE)
    ]


def main(*, update: bool) -> int:
    """Show the counts beside the committed ones; 1 when something has grown."""
    found = measure()
    if update:
        COMMITTED.write_text(json.dumps({"for": versions(), "counts": found}, indent=2) + "\n")
    committed = json.loads(COMMITTED.read_text())
    for name, value in found.items():
        sys.stdout.write(f"{name:<40} {value:>8g}   committed {committed['counts'][name]:g}\n")
    worse = grown(found, committed["counts"])
    sys.stdout.write(f"counted with {versions()}; committed with {committed['for']}\n")
    sys.stdout.writelines(f"grown: {line}\n" for line in worse)
    return 1 if worse else 0


# ── counting ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _counted() -> Iterator[Counter[str]]:
    """Count the calls of this thread: of Python, of C, and those that ask the system."""
    seen: Counter[str] = Counter()

    def note(_frame: object, event: str, called: Any) -> None:
        if event == "call":
            seen["Python calls"] += 1
        elif event == "c_call":
            seen["C calls"] += 1
            seen["system calls"] += called.__name__ in _SYSTEM

    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def _per(unit: str, count: int, seen: Counter[str]) -> Counts:
    return {f"{what} per {unit}": round(seen[what] / count, 2) for what in sorted(seen)}


def _paced() -> Counter[str]:
    """Play streams in virtual time, each frame when it is due, through the real sink."""
    house = _House()
    for _ in range(STREAMS):
        house.open()
    house.pacer.advance(0.5)  # the heads and first tokens are out
    before = house.events
    with _counted() as seen:
        house.pacer.run()
    events = house.events - before
    return Counter({what: round(n * STREAMS * TOKENS / events) for what, n in seen.items()})


async def _plain() -> Counter[str]:
    """Answer requests one by one, over one connection of a client on another thread."""
    scenario = Scenario.model_validate({"name": "plain", "reply": [{"faker": TOKENS}]})
    async with Server(ServerOptions(scenarios=(scenario,))) as server:
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            await asyncio.to_thread(_ask, client, 10)
            with _counted() as seen:
                await asyncio.to_thread(_ask, client, REQUESTS)
    return seen


def _ask(client: socket.socket, times: int) -> None:
    """Ask, each time in one packet: else how often the server reads is a matter of luck."""
    body = json.dumps(_BODY).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(times):
        client.sendall(head.encode() + body)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        answer.read()


def _memory() -> Counts:
    """Weigh open streams, and what is left of them in the journal."""
    house = _House()
    for _ in range(STREAMS):  # what is allocated once
        house.open()
    house.finish()
    with _traced():
        empty = _bytes()
        for _ in range(10 * STREAMS):
            house.open()
        full = _bytes()
        house.finish()
        left = _bytes()
    return {
        "bytes per open stream": round((full - empty) / (10 * STREAMS)),
        "bytes per finished exchange": round((left - empty) / (10 * STREAMS)),
    }


@contextmanager
def _traced() -> Iterator[None]:
    tracemalloc.start(1)
    try:
        yield
    finally:
        tracemalloc.stop()


def _bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


# ── a server's insides, without its outside ──────────────────────────────────────────────────


class _Nowhere:
    """A connection whose client takes everything: connection, transport and socket in one."""

    is_lost = is_half_closed = False
    served: object = None

    def __init__(self) -> None:
        self.transport = self.socket = self
        self._fd = os.open(os.devnull, os.O_WRONLY)

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, _name: str) -> _Nowhere:
        return self

    def fileno(self) -> int:
        return self._fd

    def getsockopt(self, *_: object) -> bytes:
        raise OSError


class _House:
    """A session in virtual time whose streams go nowhere."""

    def __init__(self) -> None:
        self.pacer = VirtualPacer()
        pace = {"ttft": "0.1s", "tokens_per_second": 50}
        scenario = {"name": "paced", "reply": [{"faker": TOKENS}], "pace": pace}
        loaded = [Scenario.model_validate(scenario)]
        self._session = Session("count", self.pacer, loaded, Settings(), (Metrics(),))
        self._nowhere = _Nowhere()
        self._streams: list[Stream] = []

    @property
    def events(self) -> int:
        """Frames that were taken so far."""
        return sum(stream.recorder.progress.frames for stream in self._streams)

    def open(self) -> None:
        """Begin a stream as a request would."""
        session, number = self._session, len(self._streams)
        raw = json.dumps({**_BODY, "stream": True}).encode()
        facts = RequestFacts(path="/v1/chat/completions", peer=f"127.0.0.1:{number}", body=raw)
        connection = Connection(f"c{number}")
        recorder = session.receive(facts, connection, wall_s=1.7e9)
        gate = cast("internals.Connection", self._nowhere)
        sink = H1Sink(gate, chunked=True, keep_alive=True)
        stream = Stream(recorder, sink, self.pacer, session)
        chat, encoding = parse_chat_request(raw), get_encoding("o200k_base")
        chosen = session.scripts.match(Incoming(chat))
        staged = session.scripts.stage(chosen, chat, encoding)
        plan = plan_chat(
            chat, staged, seed=number, created=1_700_000_000, prompt_tokens=8, encoding=encoding
        )
        stream.play(plan, (("x-request-id", f"req_{number}"),))
        self._streams.append(stream)

    def finish(self) -> None:
        """Let all end, and keep of them what the journal keeps."""
        self.pacer.run()
        self._streams.clear()
        self._session.events.clear()  # a log of so many events, whatever there was before
        self._nowhere.served = None
