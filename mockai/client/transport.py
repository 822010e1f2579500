"""Carry calls over HTTP/1.1: one connection for each, blocking or in an event loop.

Stateless, so that any thread and any loop may call. It knows nothing of what a call means.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import os
import socket
from dataclasses import dataclass
from typing import TypeVar, cast
from urllib.parse import urlsplit

from mockai.client.calls import Answer, Call, Flow
from mockai.client.tracebacks import hidden
from mockai.core.errors import MockaiError

__tracebackhide__ = hidden

Returned = TypeVar("Returned")

ANSWER_S = 30.0
"""How long an answer may take beyond the wait that the call asked for."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int
    netloc: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Return the address of `http://HOST:PORT`. Raises `MockaiError` for anything else."""
        with contextlib.suppress(ValueError):  # a port or a bracket that makes no sense
            parts = urlsplit(url)
            if parts.scheme == "http" and parts.hostname:
                return cls(parts.hostname, parts.port or http.client.HTTP_PORT, parts.netloc)
        raise MockaiError(f"the server's address must be http://HOST:PORT (got {url!r})")


def run(url: str, flow: Flow[Returned]) -> Returned:
    """Drive a flow, blocking this thread. Raises what the flow raises."""
    address, answer = Address.of(url), None
    while True:
        try:
            call = next(flow) if answer is None else flow.send(answer)
        except StopIteration as stop:
            return cast("Returned", stop.value)
        answer = _ask(address, call)


async def run_async(url: str, flow: Flow[Returned]) -> Returned:
    """Drive a flow in the running event loop; cancelling it drops the connection."""
    address, answer = Address.of(url), None
    while True:
        try:
            call = next(flow) if answer is None else flow.send(answer)
        except StopIteration as stop:
            return cast("Returned", stop.value)
        answer = await _ask_async(address, call)


# ── blocking ─────────────────────────────────────────────────────────────────────────────────


def _ask(address: Address, call: Call) -> Answer:
    if call.wait:
        _refuse_to_block_a_loop()
    connection = http.client.HTTPConnection(
        address.host, address.port, timeout=call.wait + ANSWER_S
    )
    try:
        connection.request(call.method, call.path, call.payload(), _headers())
        response = connection.getresponse()
        return Answer.read(response.status, response.read())
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error
    finally:
        connection.close()


def _refuse_to_block_a_loop() -> None:
    """A wait on a loop's own thread would stop the very code that is waited for."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise MockaiError(
        "this wait would block the event loop that runs on this thread: "
        "use AsyncMockAI (in pytest: the fixture mockai_async) and await it"
    )


# ── in an event loop ─────────────────────────────────────────────────────────────────────────


async def _ask_async(address: Address, call: Call) -> Answer:
    _refuse_other_loops()
    try:
        async with asyncio.timeout(call.wait + ANSWER_S):
            raw = await _round_trip(address, _rendered(address, call))
        return _parsed(raw)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error


def _refuse_other_loops() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise MockaiError(
            "AsyncMockAI speaks asyncio, and no loop of asyncio runs here (trio?): under anyio's "
            "plugin let a fixture anyio_backend return 'asyncio'; MockAI in a thread works anywhere"
        ) from None


async def _round_trip(address: Address, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()


def _rendered(address: Address, call: Call) -> bytes:
    payload = call.payload()
    headers = {"Host": address.netloc, **_headers(), "Content-Length": str(len(payload))}
    lines = [f"{call.method} {call.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + payload


class _Received:
    """What `http.client` needs of a socket, over bytes that are here already."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._raw)


def _parsed(raw: bytes) -> Answer:
    response = http.client.HTTPResponse(cast("socket.socket", _Received(raw)))
    response.begin()
    return Answer.read(response.status, response.read())


# ── both ─────────────────────────────────────────────────────────────────────────────────────


def _headers() -> dict[str, str]:
    """Return what every call says; a locked server's token comes from MOCKAI_ADMIN_TOKEN."""
    said = {"Content-Type": "application/json", "Connection": "close"}
    token = os.environ.get("MOCKAI_ADMIN_TOKEN")
    return {**said, "Authorization": f"Bearer {token}"} if token else said


def _unreachable(address: Address, error: Exception) -> MockaiError:
    why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
    return MockaiError(
        f"no mockai server answers at http://{address.netloc} ({why or type(error).__name__}); "
        "is it running? `mockai serve` starts one"
    )
