"""Who is at the other end of a connection: found among the processes below, told when it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from mockai.http.processes import Processes

pytestmark = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="only Linux tells processes apart"
)
CLIENT = """
import socket, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sys.stdin.read()
"""


def test_a_process_is_found_by_its_socket_and_told_when_it_ends() -> None:
    """Below a shell too; each is told of once, however often it was asked for."""

    async def main() -> None:
        told: asyncio.Queue[int] = asyncio.Queue()
        processes = Processes(told.put_nowait)
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            command = ["sh", "-c", '"$0" -c "$1" $2; true', sys.executable, CLIENT, str(port)]
            shell = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE)
            connection, (_, client_port) = await asyncio.to_thread(door.accept)
            found = processes.asking(client_port, port)
            assert found is not None
            assert found != shell.pid
            assert processes.asking(client_port, port) == found
            assert processes.asking(client_port, port + 1) is None
            await shell.communicate(b"")
            assert await told.get() == found
            connection.close()
        processes.close()
        assert told.empty()

    asyncio.run(main())


def test_who_is_not_below_is_not_known() -> None:
    """A client in this very process has no parent here."""

    async def main() -> None:
        processes = Processes(lambda _: None)
        with socket.create_server(("127.0.0.1", 0)) as door:
            port = door.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as client:
                assert processes.asking(client.getsockname()[1], port) is None

    asyncio.run(main())
