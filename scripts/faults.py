"""Do to a server what goes wrong on shared machines, and print what came of it as a table.

`python -m scripts.faults`, from a checkout; Linux, some 20,000 descriptors, about two minutes.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import contextlib
import random
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from mockai.core.journal_file import exchanges_of, read_journal
from tests.support.control import Control, send
from tests.support.process import ServeProcess
from tests.support.raw import CHAT, RawClient, head_of, post, question

IDLE = 10_000
SLOW = 1_000
SESSIONS = 1_000
KILLS = 50
GARBAGE = 20_000
STREAM = {"reply": [{"faker": 200}], "pace": {"tokens_per_second": 100}}


def idle() -> tuple[str, str]:
    """Open many connections that say nothing, and play a stream among them."""
    with ServeProcess() as running, contextlib.ExitStack() as many:
        began = time.monotonic()
        for _ in range(IDLE):
            many.enter_context(connection(running.url))
        opened_s = time.monotonic() - began
        drift = stream_among(running.url)
        memory = resident_mb(running.pid)
    return (
        f"{IDLE:,} idle connections",
        f"opened in {opened_s:.1f} s, {memory:.0f} MB resident; a stream among them: {drift}",
    )


def slow() -> tuple[str, str]:
    """Open connections that send one byte of a head at a time."""
    with ServeProcess("--idle-timeout", "2s") as running, contextlib.ExitStack() as many:
        opened = [many.enter_context(connection(running.url)) for _ in range(SLOW)]
        for byte in head_of("POST", "/v1/chat/completions")[:8]:
            for one in opened:
                one.send(bytes([byte]))
        drift = stream_among(running.url)
        closed = sum(one.recv(1) == b"" for one in opened)
    return (
        f"slow-loris: {SLOW:,} connections, a byte at a time, --idle-timeout 2s",
        f"{closed:,} closed after 2 s; a stream among them: {drift}",
    )


def descriptors() -> tuple[str, str]:
    """Take more connections than there are descriptors."""
    options = ("--max-connections", "1000")
    with ServeProcess(*options, limits={"files": 64}) as running:
        with contextlib.ExitStack() as many:
            early = many.enter_context(RawClient(running.url))
            Control(running.url, "default").script(tokens=20)
            for _ in range(100):
                many.enter_context(connection(running.url))
            running.said()
            early.chat("/v1")
            status = early.response().status
        after = send(running.url, "GET", "/_mockai/health").status
    return (
        "64 descriptors, 100 connections",
        f"said once; the connection that was open is served ({status}); after they left: {after}",
    )


def full_disk() -> tuple[str, str]:
    """Write the journal to a full disk."""
    with ServeProcess("--journal", "/dev/full") as running:
        control = Control(running.url)
        control.script(tokens=5)
        answered = sum(
            send(running.url, "POST", control.path + CHAT, question()).status == 200  # noqa: PLR2004
            for _ in range(200)
        )
        running.signal()
        code, said = running.wait()
    lines = len(said.splitlines())
    return (
        "journal on a full disk",
        f"{answered} of 200 answered; {lines} lines said; exit {code}",
    )


def churn() -> tuple[str, str]:
    """Make and end sessions, each with a script and an answer, one after another."""
    with ServeProcess() as running:
        Control(running.url)  # the first request pays for imports
        before, began = resident_mb(running.pid), time.monotonic()
        for number in range(SESSIONS):
            control = Control(running.url, f"churn-{number}")
            control.script(tokens=5)
            send(running.url, "POST", control.path + CHAT, question())
            control.call("DELETE", "")
        rate = SESSIONS / (time.monotonic() - began)
        grown = resident_mb(running.pid) - before
        left = len(send(running.url, "GET", "/_mockai/sessions").body["sessions"])
    return (
        f"{SESSIONS:,} sessions made, used and ended",
        f"{rate:.0f} per second; {left} left; {grown:.0f} MB more resident",
    )


def kills() -> tuple[str, str]:
    """Kill a server under load at a random moment, again and again, with one journal."""
    draw, seen, torn = random.Random(7), set[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal"
        for _ in range(KILLS):
            with ServeProcess("--journal", str(path)) as running:
                seen |= used_until_killed(running, draw)
            torn += not path.read_bytes().endswith(b"\n")
        found = exchanges_of(read_journal(path.read_text("ascii")))
    lost = seen - {item["id"] for item in found if item["outcome"] != "open"}
    return (
        f"kill -9 under load, {KILLS} times",
        f"{len(seen):,} ends had been seen: {len(lost)} lost; {torn} torn last lines",
    )


def used_until_killed(running: ServeProcess, draw: random.Random) -> set[str]:
    """Return the exchanges whose end was seen before the kill."""
    control = Control(running.url)
    control.script(tokens=3)
    with RawClient(running.url) as client:
        body = question(user="x" * draw.randrange(60_000))
        for _ in range(draw.randrange(1, 30)):
            client.send(post(control.path + CHAT, body))
            client.response()
        seen = {item["id"] for item in control.exchanges(outcome="completed")}
        client.send(post(control.path + CHAT, body) * draw.randrange(30))
        running.signal(signal.SIGKILL)
        running.wait()
    return seen


def garbage() -> tuple[str, str]:
    """Send bytes that are nearly requests; afterwards a stream plays as ever."""
    draw, statuses = random.Random(7), dict[str, int]()
    with ServeProcess() as running:
        seeds = [
            post("/v1/chat/completions", question()),
            post("/_mockai/sessions", b"{}", "Content-Type: application/json"),
            head_of("GET", "/_mockai/sessions/default/exchanges?wait=0&count=1"),
        ]
        for _ in range(GARBAGE):
            with RawClient(running.url) as client:
                client.send(mutated(draw.choice(seeds), draw))
                client.half_close()
                status = client.read_to_end()[9:12].decode("latin-1") or "closed"
                statuses[status] = statuses.get(status, 0) + 1
        drift = stream_among(running.url)
        running.signal()
        code, said = running.wait()
    answers = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items()))
    return (
        f"{GARBAGE:,} mutated requests",
        f"{answers}; {len(said.splitlines())} lines said; then a stream: {drift}; exit {code}",
    )


def mutated(seed: bytes, draw: random.Random) -> bytes:
    """Return a request with some bytes changed, left out or doubled."""
    data = bytearray(seed)
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(len(data))
        edit = draw.randrange(3)
        if edit == 0:
            data[place] = draw.randrange(256)
        elif edit == 1:
            del data[place : place + draw.randrange(1, 12)]
        else:
            data[place:place] = data[place : place + draw.randrange(1, 40)]
        if not data:
            break
    return bytes(data)


# ── what they share ──────────────────────────────────────────────────────────────────────────


def stream_among(url: str) -> str:
    """Play a paced stream in a session of its own; return how late it was."""
    control = Control(url)
    control.call("PUT", "scenarios/story", STREAM)
    with RawClient(url) as client:
        client.chat(control.path, stream=True)
        client.response()
    (found,) = control.wait_for(outcome="completed")
    late = found["timing"]["pace_error_ms"]
    return f"{late['p50']:.1f} ms late at p50, {late['p99']:.1f} at p99"


@contextlib.contextmanager
def connection(url: str) -> Iterator[socket.socket]:
    """Open a connection, and close it at the end."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=60) as made:
        yield made


def resident_mb(pid: int) -> float:
    """Return the memory that a process has, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    (found,) = [line for line in lines if line.startswith("VmRSS")]
    return int(found.split()[1]) / 1024


TRIED: tuple[Callable[[], tuple[str, str]], ...] = (
    idle,
    slow,
    descriptors,
    full_disk,
    churn,
    kills,
    garbage,
)

if __name__ == "__main__":
    print("| tried | came of it |\n| --- | --- |")  # noqa: T201
    for attempt in TRIED:
        print("| {} | {} |".format(*attempt()), flush=True)  # noqa: T201
