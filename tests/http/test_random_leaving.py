"""1,000 clients leave at random instants in random ways: the record contradicts none of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.leavers import WAYS, disagreement
from tests.support.control import Control
from tests.support.raw import RawClient

STREAMS, TOKENS = 1_000, 60
PACE = {"ttft": "10ms", "tokens_per_second": 1_000}


def leave(control: Control, *, streams: int, seed: int) -> list[dict[str, Any]]:
    """Let clients in a process of their own leave; return what each has logged."""
    command = [sys.executable, "-m", "benchmarks.leavers", control.url, control.path]
    ended = subprocess.run(
        [*command, "--streams", str(streams), "--seed", str(seed)],
        capture_output=True,
        check=False,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_what_clients_have_read_is_what_was_written(control: Control) -> None:
    """Read ≤ written, to the byte where a client reads on; the text is a prefix, in its order."""
    control.script(tokens=TOKENS, pace=PACE)
    logs = leave(control, streams=STREAMS, seed=83_380)
    while control.exchanges(outcome="open"):
        pass  # each call is a turn of the server's loop
    records = {item["request"]["tag"]: item for item in control.exchanges()}
    assert len(records) == len(logs) == STREAMS
    with RawClient(control.url) as client:
        client.chat(control.path)
        text = client.response().body["choices"][0]["message"]["content"]
    found = {log["tag"]: disagreement(log, records[log["tag"]], text) for log in logs}
    assert {tag: what for tag, what in found.items() if what} == {}
    check_spread(logs, records)


def check_spread(logs: list[dict[str, Any]], records: dict[str, Any]) -> None:
    """Check that the clients have left everywhere: else nothing is proven."""
    phases = Counter(record["phase"] for record in records.values())
    hows = Counter(
        record["disconnect"]["how"] for record in records.values() if record["disconnect"]
    )
    assert phases.keys() >= {
        "receiving",
        "before_headers",
        "before_first_token",
        "streaming",
        "done",
    }
    assert {log["way"] for log in logs} == set(WAYS)
    assert min(hows["fin"], hows["reset"], phases["streaming"]) > STREAMS / 20
