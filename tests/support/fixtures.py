"""A server for all tests of a folder, and a session of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mockai.http.server import ServerThread
from mockai.http.state import ServerOptions
from tests.support.control import Control
from tests.support.raw import Connect, RawClient


@pytest.fixture(scope="session")
def server() -> Iterator[ServerThread]:
    """A running server."""
    running = ServerThread(ServerOptions()).start()
    yield running
    running.stop()


@pytest.fixture
def control(server: ServerThread) -> Iterator[Control]:
    """A session; in the end nothing of it may have failed by a bug of the server's own."""
    made = Control(server.url)
    yield made
    broken = [item for item in made.exchanges() if item["cause"] == "internal"]
    made.call("DELETE", "")
    assert not broken


@pytest.fixture
def connect(server: ServerThread) -> Iterator[Connect]:
    """Open raw connections; they are closed at the end."""
    opened: list[RawClient] = []

    def connect(**options: int | None) -> RawClient:
        opened.append(RawClient(server.url, **options))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()
