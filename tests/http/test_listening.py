"""Where a server listens, and what is said when it cannot."""

from __future__ import annotations

import socket

import pytest

from mockai.core.errors import MockaiError
from mockai.http.server import Server
from mockai.http.state import ServerOptions


async def refusal(host: str, port: int = 0) -> str:
    """Return what a server says that cannot listen there."""
    with pytest.raises(MockaiError) as raised:
        await Server(ServerOptions(host=host, port=port)).__aenter__()
    return str(raised.value)


@pytest.mark.asyncio
async def test_a_port_in_use_asks_for_another_port() -> None:
    """The host is good: only the port has to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await refusal("127.0.0.1", port)
    assert said.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use; choose")
    assert said.endswith("choose another --port, or 0 for a free one")


@pytest.mark.asyncio
async def test_an_address_of_another_machine_asks_for_another_host() -> None:
    """No port would help; the address is one that documents are written with."""
    said = await refusal("192.0.2.1")
    assert said.startswith("cannot listen on 192.0.2.1:0: ")
    assert said.endswith("--host must be an address of this machine, such as 127.0.0.1")
