"""mockai in a process that tells, on request, when it noticed each client leave.

The control API shows instants only relative to the receipt of the request; here they are stamps
of CLOCK_MONOTONIC, as the load generator's are, so the two can be subtracted. Each line on stdin
is answered with one JSON line: `{tag or port of the client: nanoseconds}`, `tasks` with how many
tasks of asyncio there are.
"""

from __future__ import annotations

import asyncio
import json
import sys

from mockai.engine.sessions import DEFAULT
from mockai.http.server import Server
from mockai.http.state import ServerOptions


async def serve() -> None:
    """Serve on a free port until stdin ends."""
    async with Server(ServerOptions()) as server:
        _say(f"mockai ready {server.url}/v1")
        while asked := await asyncio.to_thread(sys.stdin.readline):
            is_count = asked.strip() == "tasks"
            shown = {"tasks": len(asyncio.all_tasks())} if is_count else noticed(server)
            _say(json.dumps(shown))


def noticed(server: Server) -> dict[str, int]:
    """Return when each client that left was noticed, by its tag, or by its port if it has none."""
    state = server._state  # noqa: SLF001 - nothing public has the raw stamps
    exchanges = state.sessions.get(DEFAULT).exchanges() if state else ()
    return {
        item.request.tag or str(item.request.peer).rpartition(":")[2]: item.received_ns
        + round(left.at_s * 1e9)
        for item in exchanges
        if (left := item.disconnect) is not None
    }


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve())
