"""What mockai says of clients that leave anyhow, and of clients that never read.

Both sides keep their own account here; only what they agree on is reported as a latency.
"""

from __future__ import annotations

import http.client
import json
import math
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.leavers import disagreement
from benchmarks.measure import SETTLE_S, Case, usage
from benchmarks.servers import HERE, RECORDING, Server, Tools, running

SESSION = "/_mockai/sessions/default"
QUESTION = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "?"}]}
FILLS_S = 1.0  # by then no kernel takes more for a client that does not read
LEAVES_S = 1.0  # they leave one after the other


def leave_at_random(case: Case, tools: Tools, *, seed: int) -> dict[str, float]:
    """Let clients leave; return how often the accounts differ, and how late leaving was noticed."""
    with running(RECORDING, case.answer, tools) as server:
        text = _whole(server)
        before, begun = usage(server.pid), time.monotonic()
        logs = _logs(server, case.streams, seed)
        waited_s = usage(server.pid).waited_s - before.waited_s
        waited_share = waited_s / (time.monotonic() - begun)
        time.sleep(SETTLE_S)
        records = {item["request"]["tag"]: item for item in _exchanges(server)}
        noticed = server.ask()
    differ = sum(1 for log in logs if disagreement(log, records[log["tag"]], text))
    left = {log["tag"]: log["left_ns"] for log in logs}
    late = [(noticed[tag] - ns) / 1e6 for tag, ns in left.items() if tag in noticed]
    return {
        "streams": len(logs),
        "disagreements": differ,
        "cancels": len(late),
        **lateness(late),
        "waited_share": waited_share,
    }


def never_read(case: Case, tools: Tools) -> dict[str, float]:
    """Let clients ask and read nothing, then leave; return what they have cost meanwhile."""
    with running(RECORDING, case.answer, tools) as server:
        _whole(server)
        before, begun = usage(server.pid), time.monotonic()
        clients = [_deaf(server, f"deaf-{number}") for number in range(case.streams)]
        time.sleep(FILLS_S)
        after = usage(server.pid)
        waited_share = (after.waited_s - before.waited_s) / (time.monotonic() - begun)
        left = {}
        for number, client in enumerate(clients):
            left[f"deaf-{number}"] = time.monotonic_ns()
            client.close()
            time.sleep(LEAVES_S / case.streams)
        time.sleep(SETTLE_S)
        records = [item for item in _exchanges(server) if item["request"]["tag"] in left]
        noticed = server.ask()
    written = sorted(item["tokens"]["written"] for item in records)
    sent = sorted(item["delivery"]["written_bytes"] for item in records)
    return {
        "rss_kb_per_stream": (after.rss_kb - before.rss_kb) / case.streams,
        "tokens_written": written[len(written) // 2],
        "written_kb": sent[len(sent) // 2] / 1024,
        "stalled_s": min(item["delivery"]["stalled_s"] for item in records),
        **lateness([(noticed[tag] - ns) / 1e6 for tag, ns in left.items()]),
        "waited_share": waited_share,
    }


def lateness(late_ms: list[float]) -> dict[str, float]:
    """Return the figures of how late leaving was noticed."""
    late_ms.sort()
    return {
        "detect_ms_p50": late_ms[(len(late_ms) - 1) // 2],
        "detect_ms_p99": late_ms[math.ceil(0.99 * len(late_ms)) - 1],
        "detect_ms_max": late_ms[-1],
    }


def _logs(server: Server, streams: int, seed: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.leavers", f"http://127.0.0.1:{server.port}", "/v1"]
    asked = ["--streams", str(streams), "--seed", str(seed)]
    said = subprocess.run([*command, *asked], check=True, stdout=subprocess.PIPE, cwd=HERE.parent)
    return [json.loads(line) for line in said.stdout.splitlines()]


def _deaf(server: Server, tag: str) -> socket.socket:
    body = json.dumps({**QUESTION, "stream": True})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Mockai-Tag: {tag}\r\n"
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    return sock


def _whole(server: Server) -> str:
    answer = _call(server, "POST", "/v1/chat/completions", QUESTION)
    text: str = answer["choices"][0]["message"]["content"]
    return text


def _exchanges(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _call(server, "GET", f"{SESSION}/exchanges")["exchanges"]
    return found


def _call(server: Server, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    data = json.dumps(body) if body is not None else None
    connection.request(method, path, data, {"Content-Type": "application/json"})
    answer = json.load(connection.getresponse())
    connection.close()
    return answer
