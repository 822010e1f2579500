"""The lane of the chat completions that come in one piece: served past aiohttp's task.

A request whose body tells its length is recorded when its head has come, and answered in the turn
in which its body is whole, without a task of its own. All others (chunked, compressed, large, in a
row of requests) are served by `served_request.serve`; both do the same to the same record.
"""

from __future__ import annotations

import asyncio
import logging
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
from mockai.http.internals import BodyTaker, Connection, Direct, Lane, cut_off
from mockai.http.served_request import (
    LARGE,
    ServedRequest,
    count_tokens,
    error_response,
    rendered,
)
from mockai.http.state import State

_log = logging.getLogger("mockai")
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


def _serve(state: State, request: Direct, body: bytes | None) -> BodyTaker | None:
    """Serve a request; return who awaits the body."""
    try:
        return _begun(state, request, body)
    except Exception:  # noqa: BLE001 - a bug of ours must not leave the connection hanging
        _log.exception("%s failed", request.path)
        cut_off(request.protocol)
        return None


def _begun(state: State, request: Direct, body: bytes | None) -> BodyTaker | None:
    """Begin with a request, or refuse it if it belongs to no session."""
    try:
        require_ticking(request.path)
        asking = _Asking(state, request)
    except OpenAIError as error:
        _answer(state, request, request.protocol, error_response(error))
        return None
    asking.begin(body)
    return asking


class _Asking(ServedRequest):
    """One request of the lane.

    What ends its exchange may happen in the middle of our own doing, so the connection goes on
    when both are over: `_is_at_it` is our doing, and `_is_over` says that it has gone on.
    """

    def __init__(self, state: State, request: Direct) -> None:
        self._is_at_it, self._is_over = True, False
        self._late: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        super().__init__(request, request.protocol, state, self._ended)

    def begin(self, body: bytes | None) -> None:
        """Go on with the body; or wait for it, but not for ever."""
        self._pause()  # the client may have left already
        if body is not None:
            self.take(body)
        elif not self._is_over:
            limit_s = self.state.options.limits.idle_s
            late = openai_errors.request_timeout(limit_s)
            loop = asyncio.get_running_loop()
            self._late = loop.call_later(limit_s, self._settle, late)

    def take(self, body: bytes) -> None:
        """Match and play; a client that has left by now is heard first."""
        if self._late is not None:
            self._late.cancel()
            self.sink.look_again()
        if self.sink.has_fin:
            # Timers come after what is read in a turn, and the FIN is there to be read.
            asyncio.get_running_loop().call_later(0, self._match, body)
        else:
            self._match(body)

    def _match(self, body: bytes) -> None:
        if self._is_over:
            return
        self._is_at_it = True
        try:
            chat = self.asked(body)
            planned = self.choose(chat, count_tokens(chat))
            if planned is not None and self.is_much(chat):
                self._task = asyncio.create_task(self._plan(planned))
            elif planned is not None:
                self.play(planned())
        except Exception as error:  # noqa: BLE001 - see `_settle`
            self._settle(error)
        else:
            self._pause()

    async def _plan(self, planned: Callable[[], Plan]) -> None:
        """Plan off the loop what takes long, and play it."""
        try:
            plan = await asyncio.to_thread(rendered, planned)
            self._is_at_it = True
            self.play(plan)
        except Exception as error:  # noqa: BLE001 - see `_settle`
            self._settle(error)
        else:
            self._pause()

    def _settle(self, error: Exception) -> None:
        """Refuse or fail: something could not be done."""
        answer, self._is_at_it = None, True
        if isinstance(error, OpenAIError):
            answer = self.refused(error)
        else:
            self.failed(error)
        self._pause(answer)

    def _pause(self, answer: web.Response | None = None) -> None:
        """Do nothing more for now; go on if the exchange is over."""
        self._is_at_it = False
        if self.stream.exchange is not None:
            self._go_on(answer)

    def _ended(self) -> None:
        """The exchange has ended."""
        if not self._is_at_it:
            self._go_on(None)

    def _go_on(self, answer: web.Response | None) -> None:
        """Let go of the request, with an answer if it has none; whoever has ended it is spared."""
        if self._is_over:
            return
        self._is_over = True
        if self._late is not None:
            self._late.cancel()
        try:
            self.let_go()
            if answer is None:
                self.connection.answered(keep_alive=self.sink.keep_alive)
            else:
                _answer(self.state, self.request, self.connection, answer)
        except Exception:  # noqa: BLE001 - likewise
            _log.exception("exchange %s failed once it was over", self.recorder.id)
            cut_off(self.connection)


def _answer(state: State, request: Asked, connection: Connection, answer: web.Response) -> None:
    """Answer a request with an error, and go on with the connection."""
    keep_alive = request.keep_alive and answer.keep_alive is not False
    body = answer.body if isinstance(answer.body, bytes) else b""
    headers = {
        "x-request-id": f"req_{secrets.token_hex(16)}",
        **dict(cors_of(request.headers, state)),
        **{name.lower(): value for name, value in answer.headers.items()},
        "content-length": str(len(body)),
    }
    head = head_of(answer.status, headers.items(), keep_alive=keep_alive)
    connection.answer(head + body, keep_alive=keep_alive)
