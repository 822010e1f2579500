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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http_parser import HttpRequestParser
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from mockai.core import openai_errors
from mockai.http.crowd import Crowd, TurnedAway
from mockai.http.tcp import Socket, has_left, reset_on_close, watch_for_end

CHECKED = (3, 12), (3, 14)
"""The oldest and the newest version of aiohttp that this was compared with."""
_log = logging.getLogger("mockai")
_numbers = itertools.count(1)
_PARSER_COUNTS = hasattr(HttpRequestParser, "message_consumed")


class Leaving(Protocol):
    """Who is told that the client of a connection leaves."""

    def is_served_on(self) -> bool:
        """Say whether a peer that has sent a FIN is served on."""

    def lost(self, errno: int | None) -> None:
        """The connection is gone; `errno` of what ended it, `None` for a FIN."""


class BodyTaker(Protocol):
    """Who serves a request of the lane whose body is still to come."""

    def take(self, body: bytes) -> None:
        """The body has come whole."""


@dataclass(slots=True, eq=False)
class Direct:
    """A request that is served past aiohttp's task; names and meanings are `web.Request`'s."""

    protocol: Connection
    method: str
    path: str
    version: tuple[int, int]
    headers: Mapping[str, str]
    keep_alive: bool
    match_info: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lane:
    """Which requests are served past aiohttp's task, and by whom.

    `matches` returns what is variable in a path. `serve` gets the body, if it has come; else it
    returns who is to get it. It never raises, and has `Connection.answered` called in the end. A
    body must tell its length, `most` at most.
    """

    matches: Callable[[str], Mapping[str, str] | None]
    serve: Callable[[Direct, bytes | None], BodyTaker | None]
    most: int


class Connection(RequestHandler):
    """One client connection: counts its requests, and tells who is being served that it leaves.

    A request of the `lane` is served right where it was read: aiohttp's task, and a task of its
    own for each request, take as long as a short answer does. The queue is the same for both.

    `_is_busy` from such a request's receipt until `answered` has let go of it: meanwhile aiohttp's
    task waits. `_awaited` is its body while that is not whole, and `_taker` who is to get it.
    """

    __slots__ = (
        "_awaited",
        "_is_busy",
        "_is_unsent",
        "_newest_body",
        "_taker",
        "_watch",
        "beginning",
        "crowd",
        "id",
        "is_half_closed",
        "is_lost",
        "lane",
        "lost_errno",
        "nth_request",
        "peer",
        "served",
        "socket",
    )

    crowd: Crowd
    lane: Lane | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the connection its number."""
        self.id = f"c{next(_numbers)}"
        self.nth_request = 0
        self.socket: Socket | None = transport.get_extra_info("socket")
        """The socket below, while there is one."""
        self.peer: object = transport.get_extra_info("peername")
        """The address of the client."""
        self.beginning: object = None
        """What `facts` keeps of the newest request."""
        self.served: Leaving | None = None
        self.is_lost = False
        self.lost_errno: int | None = None
        self.is_half_closed = False
        self._newest_body: StreamReader | None = None
        self._watch: select.epoll | None = None
        self._is_busy = self._is_unsent = False
        self._taker: BodyTaker | None = None
        self._awaited: StreamReader | None = None
        if isinstance(transport, asyncio.WriteTransport):
            # What aiohttp answers must be with the kernel before we write past its transport.
            transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)
        if self._keepalive_handle is None and self._keepalive_timeout > 0:
            self._limit_silence()

    def _limit_silence(self) -> None:
        """Close who asks nothing for so long; before 3.14.4 aiohttp lets a first request wait."""
        self._keepalive = True
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        self._keepalive_handle = self._loop.call_at(
            self._next_keepalive_close_time, self._process_keepalive
        )

    def _allow_silence(self) -> None:
        """Close nobody who waits for the rest of his answer.

        aiohttp lets its timer run on and looks then; a thousand of them would lie in the loop's
        heap, through which the pacer's one timer goes 1,500 times a second.
        """
        if self._keepalive_handle is not None:
            self._keepalive_handle.cancel()
            self._keepalive_handle = None

    @property
    def own(self) -> object:
        """The address that it asked, while there is a connection."""
        return None if self.transport is None else self.transport.get_extra_info("sockname")

    def data_received(self, data: bytes) -> None:
        """Serve what is of the lane here; let aiohttp's task know of the rest.

        Who reads a body is told when it breaks off: aiohttp would let him wait for the rest.
        """
        # Or aiohttp would wake its task. It calls this method anew from within to read on: then
        # there is no waiter to be seen, and whoever is outermost looks at what has come.
        waiter, self._waiter = self._waiter, None
        try:
            super().data_received(data)
        finally:
            self._waiter = waiter
        if self._watch is None and self.transport is not None and not self.transport.is_reading():
            self._watch_for_end(self._left_unread, with_fin=True)
        self._give_body()
        if not self._messages:
            return
        self._newest_body = self._messages[-1][1]
        self._serve_next()
        request = self._current_request
        if request is None or not self._messages or request.content.is_eof():
            return
        broken = self._messages[-1][0]
        if isinstance(broken, _ErrInfo):
            request.content.set_exception(web.RequestPayloadError(broken.message))

    # ── past aiohttp's task ──────────────────────────────────────────────────────────────────

    def _serve_next(self) -> None:
        """Begin with the next request, if nobody is being served."""
        waiter = self._waiter
        if self._is_busy or waiter is None or waiter.done():
            return
        asked = self._of_the_lane()
        if asked is None:
            waiter.set_result(None)
            return
        lane, request = asked
        _, body = self._messages.popleft()
        self._consumed()
        self._is_busy, self._newest_body = True, None
        if body.is_eof():
            lane.serve(request, _bytes_of(body))
        else:
            self._awaited = self._newest_body = body
            taker = lane.serve(request, None)
            if self._is_busy and self._awaited is body:  # else it has been answered already
                self._taker = taker
        if self._is_busy:
            self._allow_silence()

    def _of_the_lane(self) -> tuple[Lane, Direct] | None:
        """Return the request that waits, if it waits alone and all that is to come can be awaited.

        One whose body is of unknown length, or compressed, may break off: that is aiohttp's.
        """
        message, body = self._messages[0]
        lane = self.lane
        if lane is None or len(self._messages) > 1 or self._paused or isinstance(message, _ErrInfo):
            return None
        if message.method != "POST" or message.chunked or message.compression or message.upgrade:
            return None
        found = lane.matches(message.path)
        if found is None:
            return None
        headers = message.headers
        if "Expect" in headers or body.total_bytes > lane.most:
            return None
        if not (body.is_eof() or _fits(headers, lane.most)):
            return None
        keep_alive = not message.should_close
        return lane, Direct(self, "POST", message.path, message.version, headers, keep_alive, found)

    def _consumed(self) -> None:
        """Let aiohttp's parser know that a message was taken (since 3.14)."""
        if _PARSER_COUNTS and self._parser is not None:
            self._parser.message_consumed()

    def _give_body(self) -> None:
        """Give the body that is awaited, if it is whole by now, to who awaits it."""
        body, taker = self._awaited, self._taker
        if body is None or not body.is_eof():
            return
        self._awaited = self._taker = None
        if taker is not None:
            taker.take(_bytes_of(body))
        else:  # it was answered before, and nothing else is to come
            self.force_close()

    def answered(self, *, keep_alive: bool) -> None:
        """Go on after a request of the lane: with the next one, or not at all."""
        body, self._taker = self._awaited, None
        if self.is_lost or self.transport is None or self.transport.is_closing():
            return
        if not keep_alive or self._close or (self.is_half_closed and not self._messages):
            if body is None:
                self.force_close()
            else:  # who is cut off while he sends may never read the answer: see _give_body
                self._loop.call_later(self._lingering_time, self.force_close)
            return
        self._is_busy, self._awaited = False, None
        self._keepalive = True
        if self._keepalive_handle is not None:  # it was answered at once: let the timer run on
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        elif self._keepalive_timeout > 0:
            self._limit_silence()
        if self._messages:
            self._serve_next()

    def answer(self, data: bytes, *, keep_alive: bool) -> None:
        """Answer with what nobody counts, a refusal; go on once the kernel has it all."""
        if self.transport is not None:
            self.transport.write(data)
        if self._paused and keep_alive:
            self._is_unsent = True
        else:
            self.answered(keep_alive=keep_alive)

    def resume_writing(self) -> None:
        """Go on after an answer that the kernel did not take at once."""
        super().resume_writing()
        if self._is_unsent:
            self._is_unsent = False
            self.answered(keep_alive=True)

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
        return not self._is_busy and self._waiter is not None and not self._waiter.done()

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
        self.socket = None
        self._newest_body = self._awaited = None  # they hold this connection: see H1Sink.release
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


def _bytes_of(body: StreamReader) -> bytes:
    """Return a whole body. Its own reading would have the parser look for more, and wake us."""
    return b"".join(getattr(body, "_buffer", ()))  # a body of nothing has no buffer


def _fits(headers: Mapping[str, str], most: int) -> bool:
    """Say whether a body that is still to come tells its length, and is not large."""
    length = headers.get("Content-Length", "")
    return length.isdecimal() and int(length) <= most


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
    is_over = connection.is_lost or connection.is_half_closed or connection.transport is None
    if is_over or sock is None:
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
    runner: web.AppRunner,
    sock: socket.socket,
    *,
    backlog: int,
    crowd: Crowd | None = None,
    lane: Lane | None = None,
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
        connection.crowd, connection.lane = crowd, lane
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
