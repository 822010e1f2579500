"""All that mockai knows of aiohttp's insides; `CHECKED` says of which versions it is true.

aiohttp parses requests and keeps connections; mockai writes its answers to the descriptor itself,
because the transport's buffer cannot tell what the kernel took, and learns from `eof_received`
and `connection_lost` at once when a client leaves, which a handler would not.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import select
import socket
import sys
from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from mockai.core import openai_errors
from mockai.http.crowd import Crowd, TurnedAway
from mockai.http.tcp import Socket, has_left, reset_on_close, watch_for_end

CHECKED = (3, 12), (3, 14)
"""The oldest and the newest version of aiohttp that this was compared with."""
_log = logging.getLogger("mockai")
_numbers = itertools.count(1)


class Leaving(Protocol):
    """Who is told that the client of a connection leaves."""

    def is_served_on(self) -> bool:
        """Say whether a peer that has sent a FIN is served on."""

    def lost(self, errno: int | None) -> None:
        """The connection is gone; `errno` of what ended it, `None` for a FIN."""


class Connection(RequestHandler):
    """One client connection: counts its requests, and tells who is being served that it leaves."""

    __slots__ = (
        "_newest_body",
        "_watch",
        "crowd",
        "id",
        "is_half_closed",
        "is_lost",
        "lost_errno",
        "nth_request",
        "served",
    )

    crowd: Crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the connection its number."""
        self.id = f"c{next(_numbers)}"
        self.nth_request = 0
        self.served: Leaving | None = None
        self.is_lost = False
        self.lost_errno: int | None = None
        self.is_half_closed = False
        self._newest_body: StreamReader | None = None
        self._watch: select.epoll | None = None
        if isinstance(transport, asyncio.WriteTransport):
            # What aiohttp answers must be with the kernel before we write past its transport.
            transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)
        if self._keepalive_handle is None and self._keepalive_timeout > 0:
            self._limit_silence()

    def _limit_silence(self) -> None:
        """Close who asks nothing: before 3.14.4 aiohttp waits for ever for a first request."""
        self._keepalive = True
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        self._keepalive_handle = self._loop.call_at(
            self._next_keepalive_close_time, self._process_keepalive
        )

    @property
    def socket(self) -> Socket | None:
        """The socket below, while there is one."""
        return None if self.transport is None else self.transport.get_extra_info("socket")

    def data_received(self, data: bytes) -> None:
        """Tell who reads a body when it breaks off: aiohttp would let him wait for the rest."""
        super().data_received(data)
        if self._watch is None and self.transport is not None and not self.transport.is_reading():
            self._watch_for_end(self._left_unread, with_fin=True)
        if self._messages:
            self._newest_body = self._messages[-1][1]
        request = self._current_request
        if request is None or not self._messages or request.content.is_eof():
            return
        broken = self._messages[-1][0]
        if isinstance(broken, _ErrInfo):
            request.content.set_exception(web.RequestPayloadError(broken.message))

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio's own type
        """Pass on a FIN: with bytes still buffered, `connection_lost` could come much later.

        True keeps the connection: for a client that is served on, and for a request that has
        come whole, but has not been looked at yet.
        """
        if self._is_whole and self._is_served_on():
            self.is_half_closed = True
            self._watch_for_end(self._ended)
            self._loop.call_soon(self._close_if_idle)
            return True
        self.is_lost = True
        if self.served is not None:
            self.served.lost(None)
        super().eof_received()
        return None

    def _is_served_on(self) -> bool:
        if self.served is not None:
            return self.served.is_served_on()
        return not self._is_idle

    @property
    def _is_idle(self) -> bool:
        """True while the next request is waited for."""
        return self._waiter is not None and not self._waiter.done()

    def _close_if_idle(self) -> None:
        """Close after a FIN that came between the end of an answer and the wait for the next."""
        if self._is_idle and not self._messages and self.transport is not None:
            self.transport.close()

    @property
    def _is_whole(self) -> bool:
        """True when no body is cut short by the end of what the client sends."""
        return self._newest_body is None or self._newest_body.is_eof()

    def _watch_for_end(self, tell: Callable[[], None], *, with_fin: bool = False) -> None:
        """Be told when a client is gone whom reading does not show: it has ended, or rests."""
        self._unwatch()
        sock = self.socket
        self._watch = watch_for_end(sock.fileno(), with_fin=with_fin) if sock is not None else None
        if self._watch is not None:
            self._loop.add_reader(self._watch.fileno(), tell)

    def _left_unread(self) -> None:
        """Pass on a leaving that stands behind bytes which aiohttp does not take now.

        It stops to read while a body, or a row of requests, waits behind the one being served.
        """
        transport = self.transport
        if transport is None or transport.is_closing() or transport.is_reading():
            self._unwatch()  # reading tells, or has told, what there is
            return
        error = self._error()
        if not error and self._is_served_on():
            self.is_half_closed = True
            self._watch_for_end(self._ended)
        else:
            self._ended(error)

    def _ended(self, error: int | None = None) -> None:
        """Pass on the end of a client that reading did not show."""
        self._unwatch()
        self.is_lost, self.lost_errno = True, error or self._error()
        if self.served is not None:
            self.served.lost(self.lost_errno)
        cut_off(self)

    def _error(self) -> int | None:
        """Return what the kernel has to say of the connection; it says it once."""
        sock = self.transport.get_extra_info("socket") if self.transport is not None else None
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or None if sock else None

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._loop.remove_reader(self._watch.fileno())
            self._watch.close()
            self._watch = None

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Close after the last answer to a client that will ask no more."""
        finished = await super().finish_response(request, resp, start_time)
        if self.is_half_closed and not self._messages:
            self.close()
        return finished

    def connection_lost(self, exc: BaseException | None) -> None:
        """Pass on the end, before aiohttp forgets the request."""
        self._unwatch()
        self.is_lost = True
        if isinstance(exc, OSError):
            self.lost_errno = exc.errno
        if self.served is not None:
            self.served.lost(self.lost_errno)
        self._newest_body = None  # it holds this connection: see H1Sink.release
        self.crowd.leave()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be read, or crashed, in the API's own form; then close."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        if status == web.HTTPInternalServerError.status_code:
            _log.error("%s failed", request.rel_url, exc_info=exc)
            error = openai_errors.server_error()
        else:
            error = openai_errors.malformed_http(_one_line(message or "it cannot be read"))
        answer = web.json_response(error.body(), status=error.status)
        answer.force_close()
        return answer


class Taken(web.StreamResponse):
    """The answer to a request that mockai has answered itself: aiohttp writes nothing."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._taken_keep_alive = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Say whether the connection may carry another request."""
        return self._taken_keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write no head."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Write no end."""


def connection_of(request: web.BaseRequest) -> Connection:
    """Return the connection that carries a request."""
    protocol = request.protocol
    if not isinstance(protocol, Connection):
        raise TypeError(f"not served by mockai: {protocol!r}")
    return protocol


def body_at_hand(request: web.BaseRequest) -> bytes | None:
    """Return the body if all of it has come, as most have by then; else wait for `read()`."""
    content = request.content
    if not content.is_eof() or content.exception() is not None:
        return None
    return content.read_nowait()


def is_there(connection: Connection) -> bool:
    """Say whether the peer still keeps its side open, by what the kernel knows by now."""
    sock = connection.socket
    if connection.is_lost or connection.is_half_closed or sock is None:
        return False
    return not has_left(sock)


def descriptor_of(connection: Connection) -> int | None:
    """Return the descriptor to write to; `None` when the connection is gone."""
    transport = connection.transport
    if transport is None or transport.is_closing():
        return None
    sock = connection.socket
    return sock.fileno() if sock is not None else None


def cut_off(connection: Connection, *, reset: bool = False) -> None:
    """Close a connection at once: by a FIN, or by a reset if asked."""
    transport = connection.transport
    if transport is None:
        return
    sock = connection.socket
    if reset and sock is not None:
        reset_on_close(sock)
    transport.abort()


def http_date() -> str:
    """Return the present time as the `date` header wants it (cached for a second)."""
    return rfc822_formatted_time()


def _one_line(message: str) -> str:
    """Return a parser's message without the drawing of where it was."""
    return " ".join(message.replace("^", " ").split())


async def listen(
    runner: web.AppRunner, sock: socket.socket, *, backlog: int, crowd: Crowd | None = None
) -> asyncio.Server:
    """Accept connections on a bound socket, each as a `Connection` while there is room."""
    crowd = crowd or Crowd(sys.maxsize)
    server = runner.server
    if server is None:
        raise RuntimeError("set the runner up first")
    loop = asyncio.get_running_loop()
    settings = server._kwargs  # noqa: SLF001 - what AppRunner was told for its handlers

    def admitted() -> asyncio.Protocol:
        if not crowd.enter():
            return TurnedAway()
        connection = Connection(server, loop=loop, **settings)
        connection.crowd = crowd
        return connection

    return await loop.create_server(admitted, sock=sock, backlog=backlog)


async def stop_accepting(listener: asyncio.Server) -> None:
    """Accept no more connections; those that have just been accepted are set up first.

    Closed at once, asyncio would forget the latter without closing them (3.11): they would wait.
    """
    loop = asyncio.get_running_loop()
    for sock in listener.sockets:
        loop.remove_reader(sock.fileno())
    await asyncio.sleep(0)
    listener.close()
