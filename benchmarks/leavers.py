"""Clients that leave at random instants in random ways, and keep a log of their own.

A process of its own, of nothing but sockets, so that what it says owes nothing to the server.
`python -m benchmarks.leavers URL PATH --streams N --seed S` prints one JSON line for each client:
its tag, its way, the tokens, the text and the bytes it has read, and the instant before it left
(nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import struct
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

WAYS = ("close", "reset", "half_close", "end", "upload", "deaf")
PATIENCE_S = 30.0
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Errand:
    """What one client is to do: leave `after_s` seconds after it asked; `bite` bytes a read."""

    tag: str
    way: str
    stream: bool
    after_s: float
    bite: int


@dataclass(frozen=True, slots=True)
class Log:
    """What one client has to say. It has left at `left_ns`, unless the server ended first."""

    tag: str
    way: str
    stream: bool
    tokens: int
    text: str
    bytes: int
    left_ns: int
    has_ended: bool


def errands(count: int, seed: int, longest_s: float) -> list[Errand]:
    """Return what each client does: the same for the same seed."""
    chance = random.Random(seed)
    return [
        Errand(
            tag=f"leaver-{number}",
            way=chance.choice(WAYS),
            stream=chance.random() < 0.75,  # noqa: PLR2004 - most
            after_s=chance.uniform(0, longest_s),
            bite=chance.choice((1, 100, 65_536)),
        )
        for number in range(count)
    ]


def run(errand: Errand, url: str, path: str) -> tuple[bytes, int]:
    """Ask, read for a while, leave; return what was read, and the instant before it left."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 80)) as sock:
        asked = _request(errand, path)
        end_s = time.monotonic() + errand.after_s
        sock.sendall(asked if errand.way != "upload" else asked[: len(asked) - 9])
        reads = errand.way not in {"upload", "deaf"}
        seen = _read(sock, errand, end_s if errand.way != "end" else None) if reads else b""
        if not reads:
            time.sleep(max(0.0, end_s - time.monotonic()))
        left_ns = time.monotonic_ns()
        if errand.way == "half_close":
            sock.shutdown(socket.SHUT_WR)
            seen += _read(sock, errand, None)
        elif errand.way == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return seen, left_ns


def log_of(errand: Errand, seen: bytes, left_ns: int) -> Log:
    """Return what a client has to say."""
    pieces, has_ended = _pieces(seen, stream=errand.stream)
    text = "".join(pieces)
    return Log(
        errand.tag, errand.way, errand.stream, len(pieces), text, len(seen), left_ns, has_ended
    )


def _request(errand: Errand, path: str) -> bytes:
    body = json.dumps(
        {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": errand.tag}],
            "stream": errand.stream,
        }
    ).encode()
    lines = [
        f"POST {path}/chat/completions HTTP/1.1",
        "Host: localhost",
        f"X-Mockai-Tag: {errand.tag}",
        "Connection: close",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _read(sock: socket.socket, errand: Errand, end_s: float | None) -> bytes:
    """Read until an instant, or to the end."""
    seen = bytearray()
    while True:
        rest_s = PATIENCE_S if end_s is None else end_s - time.monotonic()
        if rest_s <= 0:
            return bytes(seen)
        sock.settimeout(rest_s)
        try:
            data = sock.recv(errand.bite)
        except TimeoutError:
            continue
        if not data:
            return bytes(seen)
        seen += data


def _pieces(seen: bytes, *, stream: bool) -> tuple[list[str], bool]:
    """Return the texts of the tokens that have come whole, and whether the answer has."""
    _, _, body = seen.partition(b"\r\n\r\n")
    if not stream:
        try:
            content = json.loads(body)["choices"][0]["message"]["content"]
        except ValueError:
            return [], False
        return pieces_of(content), True
    *events, _ = _unchunked(body).split(b"\n\n")
    texts = [
        json.loads(event.removeprefix(b"data: "))["choices"][0]["delta"].get("content", "")
        for event in events
        if not event.endswith(b"[DONE]")
    ]
    return [text for text in texts if text], body.endswith(b"\r\n0\r\n\r\n")


def pieces_of(text: str) -> list[str]:
    """Return the tokens of a text of words."""
    return re.findall(r" ?\S+", text)


def disagreement(log: Mapping[str, Any], exchange: Mapping[str, Any], text: str) -> str | None:
    """Say where a client's log and mockai's record contradict each other; `text` is all of it."""
    tokens, sent = exchange["tokens"], exchange["delivery"]["written_bytes"]
    reads_on = log["way"] in {"half_close", "end"}
    said = {
        "more tokens read than written": log["tokens"] > tokens["written"],
        "more bytes read than written": log["bytes"] > sent,
        "fewer bytes arrived than were written": reads_on and log["bytes"] < sent,
        "read what was not written": log["text"] != "".join(pieces_of(text)[: log["tokens"]]),
        "written before it was generated": tokens["written"] > tokens["generated"],
        "not completed, but read to its end": log["has_ended"]
        != (exchange["outcome"] == "completed")
        and (log["has_ended"] or reads_on),
        "still open": exchange["outcome"] == "open",
        "failed": exchange["outcome"] == "failed",
    }
    found = [what for what, is_so in said.items() if is_so]
    return ", ".join(found) or None


def _unchunked(body: bytes) -> bytes:
    parts = []
    while (end := body.find(b"\r\n")) > 0:
        size = int(body[:end], 16)
        parts.append(body[end + 2 : end + 2 + size])
        body = body[end + 2 + size + 2 :]
    return b"".join(parts)


def main() -> None:
    """Run all errands, some at once, and print what each client has to say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("path")
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=0.1, help="seconds that a client stays")
    asked = parser.parse_args()
    todo = errands(asked.streams, asked.seed, asked.longest)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        done = list(threads.map(lambda errand: run(errand, asked.url, asked.path), todo))
    for errand, (seen, left_ns) in zip(todo, done, strict=True):  # no thread waits for this
        sys.stdout.write(json.dumps(asdict(log_of(errand, seen, left_ns))) + "\n")


if __name__ == "__main__":
    main()
