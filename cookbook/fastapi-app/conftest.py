"""The app, running under uvicorn on a thread for the whole run."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn


@pytest.fixture(scope="session")
def app_url() -> Iterator[str]:
    """Return where the app listens."""
    from chat import app  # its OpenAI client is built here, long before the first test's script

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
