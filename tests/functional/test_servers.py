"""A server on a thread and one in a process of its own are the same to their client."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from mockai import AsyncMockAI, MockAI
from mockai.client.servers import ServerProcess, start_server
from mockai.core.errors import MockaiError
from tests.support.raw import RawClient

SCENARIO = "name: story\nreply: [{text: Hi}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one scenario."""
    (tmp_path / "story.yaml").write_text(SCENARIO)
    return tmp_path


@pytest.mark.parametrize("where", ["thread", "process"])
def test_scenarios_and_a_journal_are_given_to_either(folder: Path, where: str) -> None:
    """It answers from the file, and writes what came to the journal."""
    journal = folder / "run.jsonl"
    server = start_server(process=where == "process", scenarios=[folder], journal=journal)
    try:
        with MockAI(server.url) as mockai, RawClient(server.url) as client:
            client.chat(f"/s/{mockai.session}/v1")
            assert b"Hi" in client.response().raw
            assert [item.scenario for item in mockai.exchanges()] == ["story"]
    finally:
        server.stop()
        server.stop()
    assert journal.read_bytes().count(b'"event":"ended"') == 1


def test_a_process_stands_by_a_test_that_freezes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words, while this process's clock stands still; on a thread that is told of."""
    with MockAI(process=True) as mockai, monkeypatch.context() as frozen:
        frozen.setattr(time, "monotonic_ns", lambda: 5)
        mockai.script(text="Hi")
        assert mockai.exchanges() == []
    with MockAI() as mockai, monkeypatch.context() as frozen:
        frozen.setattr(time, "monotonic_ns", lambda: 5)
        with pytest.raises(MockaiError, match="use process=True"):
            mockai.script(text="Hi")


def test_where_threads_are_patched_a_process_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A greenlet in place of the server's thread would wait for us, as we do for it."""
    patched = {"threading"}
    gevent = SimpleNamespace(is_module_patched=lambda name: name in patched)
    monkeypatch.setitem(sys.modules, "gevent.monkey", gevent)
    with pytest.raises(MockaiError, match=r"gevent has patched .* use process=True"):
        start_server()
    patched.clear()
    start_server().stop()


def test_the_child_ends_with_its_parent() -> None:
    """Also when that is killed: nobody else would stop it. It holds our stderr until it ends."""
    program = (
        "from mockai.client.servers import ServerProcess; import os\n"
        "print(ServerProcess().start().url, flush=True); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    address = urlsplit(killed.stdout.strip())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port))


def test_a_server_that_cannot_start_says_so(folder: Path) -> None:
    """The reason stands on stderr, where the child has written it."""
    with pytest.raises(MockaiError, match="the server's process ended with"):
        ServerProcess(scenarios=[folder / "gone.yaml"]).start()


def test_a_process_is_not_asked_for_where_a_server_is_named() -> None:
    """Either one that runs, or one that is started."""
    for face in (MockAI, AsyncMockAI):
        with pytest.raises(TypeError, match="there must be no url"):
            face("http://127.0.0.1:1", process=True)
