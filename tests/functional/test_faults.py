"""Each fault meets the official clients over real sockets: what they then do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mockai.core.mangling import MANGLES
from mockai.core.scripted_errors import ERRORS
from mockai.http.server import ServerThread
from tests.support.client_faults import (
    FAULTS,
    Fault,
    Seen,
    in_async_python,
    in_node,
    in_python,
    words,
)
from tests.support.control import Control

ROOT = Path(__file__).parents[2]
Cells = dict[str, str]
Client = Callable[[Sequence[Fault], Sequence[Control]], list[Seen]]


def cells(server: ServerThread, client: Client) -> Cells:
    """Let a client meet every fault, each in a session of its own, side by side."""
    sessions = [Control(server.url) for _ in FAULTS]
    for fault, session in zip(FAULTS, sessions, strict=True):
        session.call("PUT", "scenarios/story", {"reply": fault.reply})
    found: Cells = {}
    for fault, session, seen in zip(FAULTS, sessions, client(FAULTS, sessions), strict=True):
        exchanges = session.exchanges()
        assert not any(item["cause"] in {"internal", "refused"} for item in exchanges), exchanges
        seen.requests = len(exchanges)
        found[fault.what] = words(fault, seen)
        session.call("DELETE", "")
    return found


@pytest.fixture(scope="session")
def python_cells(server: ServerThread) -> Cells:
    """What the Python client does."""
    return cells(server, in_python)


@pytest.fixture(scope="session")
def async_cells(server: ServerThread) -> Cells:
    """What the asynchronous Python client does."""
    return cells(server, in_async_python)


@pytest.fixture(scope="session")
def node_cells(server: ServerThread) -> Cells:
    """What the Node client does."""
    return cells(server, in_node)


every_fault = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)


@every_fault
def test_what_the_python_client_does(fault: Fault, python_cells: Cells) -> None:
    """Which error it raises, after how much of the answer, and how often it asks."""
    assert python_cells[fault.what] == fault.python


@every_fault
def test_the_asynchronous_one_does_the_same(fault: Fault, async_cells: Cells) -> None:
    """In every case."""
    assert async_cells[fault.what] == fault.python


@every_fault
def test_what_the_node_client_does(fault: Fault, node_cells: Cells) -> None:
    """Its errors have other names; it waits for a silence in the stream for ever."""
    assert node_cells[fault.what] == fault.node


def test_every_way_to_mangle_meets_the_clients() -> None:
    """A new one needs its row."""
    assert {how for how in MANGLES if not any(how in fault.script for fault in FAULTS)} == set()


def test_every_status_meets_the_clients() -> None:
    """Of those errors that differ in their text only, one will do."""
    met = {facts.status for code, facts in ERRORS.items() if any(code in f.script for f in FAULTS)}
    assert met == {facts.status for facts in ERRORS.values()}


def test_the_readme_has_the_table() -> None:
    """What is tested here is what people read there."""
    script = ROOT / "scripts" / "client_faults.py"
    done = subprocess.run([sys.executable, script, "check"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode() or "python scripts/client_faults.py write"
