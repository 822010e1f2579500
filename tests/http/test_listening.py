"""What a server says when it starts: that it cannot listen, or what can never answer."""

from __future__ import annotations

import socket

import pytest

from mockai.core.errors import MockaiError
from mockai.http.server import Server
from mockai.http.state import ServerOptions
from tests.support.facts import scenario_of


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


@pytest.mark.asyncio
async def test_a_scenario_that_can_never_answer_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A folder of examples is loaded by name: the first without a match takes every request."""
    scenarios = (scenario_of(1, name="first"), scenario_of(1, name="second"))
    async with Server(ServerOptions(scenarios=scenarios)):
        (said,) = caplog.messages
    assert said.startswith("'first' answers every request, so these never will: 'second'; give")
