"""The lane of the chat completions that come in one piece: served past aiohttp's task.

A request whose body tells its length is recorded when its head has come, and answered in the turn
in which its body is whole, without a task of its own. All others (chunked, compressed, large, in a
row of requests) are served by `served_request.serve`; both do the same to the same record.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial

from aiohttp import web

from mockai.core import openai_errors
from mockai.core.errors import OpenAIError
from mockai.core.plan import Plan
from mockai.http.clock import require_ticking
from mockai.http.door import cors_of
from mockai.http.facts import Asked
from mockai.http.h1_sink import head_of
from mockai.http.internals import Connection, Direct, Lane, Service
from mockai.http.served_request import (
    LARGE,
    ServedRequest,
    count_tokens,
    error_response,
    rendered,
)
from mockai.http.state import State

_PATH = "/v1/chat/completions"
_OF_SESSION = re.compile(rf"/s/([\w.~-]+){_PATH}")
_NOTHING: Mapping[str, str] = {}


def lane(state: State) -> Lane:
    """Return the lane of a server."""
    return Lane(_variable, partial(_serve, state), min(LARGE, state.options.limits.body))


def _variable(path: str) -> Mapping[str, str] | None:
    """Return what is variable in a path of chat completions; `None` for any other path."""
    if path == _PATH:
        return _NOTHING
    found = _OF_SESSION.fullmatch(path)
    return None if found is None else {"session": found[1]}


def _serve(state: State, request: Direct, body: bytes | None) -> Service | None:
    """Serve a request; `None` when it belongs to no session, and has been told so."""
    try:
        require_ticking(request.path)
        served = _Served(state, request)
    except OpenAIError as error:
        _send(state, request, request.protocol, error_response(error))
        return None
    if body is None:
        served.wait()
    else:
        served.read(body)
    return served


class _Served(ServedRequest):
    """One request of the lane."""

    def __init__(self, state: State, request: Direct) -> None:
        self._is_at_it = self._is_over = False
        self._late: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        super().__init__(request, request.protocol, state, self._over)

    def wait(self) -> None:
        """Wait for the body, but not for ever."""
        limit_s = self.state.options.limits.idle_s
        late = openai_errors.request_timeout(limit_s)
        loop = asyncio.get_running_loop()
        self._late = loop.call_later(limit_s, self._settle, late)

    def read(self, body: bytes) -> None:
        """Match and play; a client that has left by now is heard first."""
        if self._late is not None:
            self._late.cancel()
            self.sink.look_again()
        if self.sink.has_fin:
            # Timers come after what is read in a turn, and the FIN is there to be read.
            asyncio.get_running_loop().call_later(0, self._read, body)
        else:
            self._read(body)

    def _read(self, body: bytes) -> None:
        self._is_at_it, error = True, None
        try:
            self._begin(body)
        except Exception as raised:  # noqa: BLE001 - see `_settle`
            error = raised
        self._settle(error)

    def _begin(self, body: bytes) -> None:
        chat = self.asked(body)
        planned = self.choose(chat, count_tokens(chat))
        if planned is None:
            return
        if self.is_much(chat):
            self._task = asyncio.create_task(self._plan(planned))
        else:
            self.play(planned())

    async def _plan(self, planned: Callable[[], Plan]) -> None:
        """Plan off the loop what takes long, and play it."""
        error = None
        try:
            plan = await asyncio.to_thread(rendered, planned)
            self._is_at_it = True
            self.play(plan)
        except Exception as raised:  # noqa: BLE001 - see `_settle`
            error = raised
        self._settle(error)

    def _settle(self, error: Exception | None) -> None:
        """Refuse or fail if something could not be done; see whether all is over now."""
        answer, self._is_at_it = None, True
        if isinstance(error, OpenAIError):
            answer = self.refused(error)
        elif error is not None:
            self.failed(error)
        self._is_at_it = False
        if self.stream.exchange is not None:
            self._over(answer)

    def _over(self, answer: web.Response | None = None) -> None:
        """Go on with the connection, unless we are still at it: then `_settle` does."""
        if self._is_at_it or self._is_over:
            return
        self._is_over = True
        if self._late is not None:
            self._late.cancel()
        self.let_go()
        if answer is None:
            self.connection.answered(keep_alive=self.sink.keep_alive)
        else:
            _send(self.state, self.request, self.connection, answer)


def _send(state: State, request: Asked, connection: Connection, answer: web.Response) -> None:
    """Answer a request with an error, and go on with the connection."""
    keep_alive = request.keep_alive and answer.keep_alive is not False
    headers = {
        "x-request-id": f"req_{secrets.token_hex(16)}",
        **dict(cors_of(request.headers, state)),
    }
    headers |= {name.lower(): value for name, value in answer.headers.items()}
    body = answer.body if isinstance(answer.body, bytes) else b""
    headers["content-length"] = str(len(body))
    connection.send(head_of(answer.status, headers.items(), keep_alive=keep_alive) + body)
    connection.answered(keep_alive=keep_alive)
