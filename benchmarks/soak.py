"""A soak: clients come and leave in every way for minutes, and the server must stay as it was.

    python -m benchmarks.soak                # 60 s
    python -m benchmarks.soak --minutes 10

It prints the server's memory, descriptors and tasks, and how many exchanges there were. The first
10,000 fill the journal: what memory does afterwards is what matters. Ends with 1 if descriptors
or tasks are left over once all clients have gone.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.measure import usage
from benchmarks.servers import RECORDING, Answer, Server, compiled, running

CLIENTS = 40
EVERY_S = 10.0
TOKENS, RATE = 20, 200.0
LEFT_S = 2.0  # by then a server has noticed who left
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Way = Callable[[Pair], Awaitable[None]]


async def to_the_end(pair: Pair) -> None:
    """Read all, and ask again on the same connection."""
    await pair[0].readuntil(b"0\r\n\r\n")
    pair[1].write(_request(stream=False))
    await pair[0].readuntil(b"\r\n\r\n")


async def by_fin(pair: Pair) -> None:
    """Close in the middle."""
    await pair[0].readuntil(b"data:")


async def by_reset(pair: Pair) -> None:
    """Close in the middle, with a reset."""
    await pair[0].readuntil(b"data:")
    sock = pair[1].get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def by_half_close(pair: Pair) -> None:
    """Send a FIN and read on."""
    await pair[0].readuntil(b"data:")
    pair[1].write_eof()
    await pair[0].read()


async def before_the_head(_pair: Pair) -> None:
    """Leave at once."""


async def without_reading(_pair: Pair) -> None:
    """Let the answer come, look at none of it, and leave."""
    await asyncio.sleep(TOKENS / RATE / 2)


WAYS: tuple[Way, ...] = (
    to_the_end,
    by_fin,
    by_reset,
    by_half_close,
    before_the_head,
    without_reading,
)


async def soak(server: Server, seconds: float) -> bool:
    """Let clients come and go; return whether the server is as it was when they have gone."""
    begun = time.monotonic()
    _say(f"{'seconds':>8} {'exchanges':>10} {'MB':>8} {'descriptors':>12} {'tasks':>6}")
    first = _sample(server, 0.0, 0)
    counter = itertools.count(1)
    clients = [
        asyncio.create_task(_churn(server.port, counter, offset, begun + seconds))
        for offset in range(CLIENTS)
    ]
    while time.monotonic() < begun + seconds:
        await asyncio.sleep(min(EVERY_S, begun + seconds - time.monotonic()))
        _sample(server, time.monotonic() - begun, _asked(counter))
    await asyncio.gather(*clients)
    await asyncio.sleep(LEFT_S)
    last = _sample(server, time.monotonic() - begun, _asked(counter))
    _say(f"left over: {last[0] - first[0]} descriptors, {last[1] - first[1]} tasks")
    return last <= first


async def _churn(port: int, counter: itertools.count[int], offset: int, until: float) -> None:
    """Be one client after the other, each with its way to leave."""
    for way in itertools.islice(itertools.cycle(WAYS), offset, None):
        if time.monotonic() > until:
            return
        next(counter)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(_request(stream=True))
            await way((reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            _say(f"{way.__name__}: {error!r}")
        finally:
            writer.close()


def _request(*, stream: bool) -> bytes:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]}
    raw = json.dumps({**body, "stream": stream}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(raw)}\r\n\r\n"
    return head.encode() + raw


def _sample(server: Server, seconds: float, asked: int) -> tuple[int, int]:
    tasks = server.ask("tasks")["tasks"]
    descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    megabytes = usage(server.pid).rss_kb / 1024
    _say(f"{seconds:8.0f} {asked:10} {megabytes:8.1f} {descriptors:12} {tasks:6}")
    return descriptors, tasks


def _asked(counter: itertools.count[int]) -> int:
    """Return how far a counter is, without counting."""
    return int(repr(counter)[6:-1]) - 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Soak as long as told."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    asked = parser.parse_args()
    with compiled() as tools, running(RECORDING, Answer(TOKENS, RATE, 0.05), tools) as server:
        return 0 if asyncio.run(soak(server, asked.minutes * 60)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
