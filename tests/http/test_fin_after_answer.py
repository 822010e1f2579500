"""A FIN in the one turn of the loop between the end of an answer and the wait for the next."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from mockai.http.h1_sink import H1Sink
from mockai.http.internals import Taken, connection_of, listen
from tests.support.raw import RawClient, head_of


async def closed_after_fin() -> bool:
    """Let a FIN and the end of an answer be dealt with in one turn; return whether we close."""
    loop = asyncio.get_running_loop()

    async def handle(request: web.Request) -> web.StreamResponse:
        sink = H1Sink(connection_of(request), chunked=True, keep_alive=True)
        sink.start(200, [])
        sink.finish([b"all"])
        both = asyncio.Event()

        def leave_and_end() -> None:
            client.half_close()
            both.set()  # this handler goes on in the next turn, before the FIN is read in it

        loop.call_soon(leave_and_end)
        await both.wait()
        sink.release()
        return Taken(keep_alive=True)

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    door = socket.create_server(("127.0.0.1", 0))
    listener = await listen(runner, door, backlog=1)
    client = RawClient(f"http://127.0.0.1:{door.getsockname()[1]}")
    client.send(head_of("GET", "/"))
    assert (await asyncio.to_thread(client.response)).status == 200
    is_closed = await asyncio.to_thread(client.is_closed)
    client.close()
    listener.close()
    await runner.cleanup()
    return is_closed


def test_a_fin_right_behind_an_answer_closes_the_connection() -> None:
    """It was taken for a request to come: descriptors piled up until the idle time-out."""
    assert asyncio.run(closed_after_fin())
