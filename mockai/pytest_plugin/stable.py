"""One URL for the whole run, known before the first module of tests is imported.

For apps and clients that are built before a test is: the port is taken when pytest is configured,
the server starts with the first test.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from mockai.pytest_plugin.environment import environment
from mockai.pytest_plugin.per_test import world_of

if TYPE_CHECKING:
    from mockai.client.servers import Running

SESSION = "pytest"


class StableUrl:
    """A plugin of its own, registered only where tests are isolated by `reset`."""

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.port: int = self._held.getsockname()[1]
        self._patch = pytest.MonkeyPatch()
        base_url = f"http://127.0.0.1:{self.port}/s/{SESSION}/v1"
        for name, value in environment(base_url, f"sk-mockai-{SESSION}").items():
            self._patch.setenv(name, value)

    def take_port(self) -> int:
        """Return the port for the server to listen on.

        On Linux it stays taken meanwhile: two sockets may be bound to it as long as one listens.
        """
        if sys.platform != "linux":
            self._held.close()
        return self.port

    def pytest_unconfigure(self) -> None:
        """Put the environment back."""
        self._patch.undo()
        self._held.close()

    @pytest.fixture(autouse=True)
    def _mockai_generation(
        self, mockai_server: Running, request: pytest.FixtureRequest
    ) -> Iterator[None]:
        """Give each test a generation of its own, also one that only uses the app."""
        with world_of(request):
            yield
