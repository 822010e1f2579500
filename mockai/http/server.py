"""A server: in the running event loop, or on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

from aiohttp import web

from mockai.core.errors import MockaiError
from mockai.core.tokens import get_encoding
from mockai.engine.pacer import LoopPacer
from mockai.engine.sessions import Sessions, Settings
from mockai.http.app import make_app
from mockai.http.internals import listen
from mockai.http.state import ServerOptions, State

BACKLOG = 4_096
_SHUTDOWN_S = 1.0


class Server:
    """A server in the running event loop. Use as `async with Server(options) as server:`."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.url = ""
        self._state: State | None = None
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Start to accept. Raises `MockaiError` when the address cannot be had."""
        for name in ("o200k_base", "cl100k_base"):
            get_encoding(name)  # holds the interpreter: before the first stream, never inside one
        _raise_descriptor_limit()
        options = self.options
        pacer = LoopPacer(asyncio.get_running_loop())
        settings = Settings(
            speed=options.speed,
            seed=options.seed,
            strict_match=options.strict_match,
            policy=options.policy,
            prices=options.prices,
        )
        sessions = Sessions(pacer, loaded=options.scenarios, settings=settings)
        self._state = State(options, pacer, sessions)
        sock = _bound_socket(options.host, options.port)
        self._runner = web.AppRunner(
            make_app(self._state), access_log=None, shutdown_timeout=_SHUTDOWN_S
        )
        await self._runner.setup()
        self._listener = await listen(self._runner, sock, backlog=BACKLOG)
        self.url = _url(options.host, sock.getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut what is open, and stop."""
        if self._listener is not None:
            self._listener.close()
        if self._state is not None:
            self._state.sessions.shut_down()
        if self._runner is not None:
            await self._runner.cleanup()


class ServerThread:
    """A server on its own thread, independent of the loop (or lack of one) of its user."""

    def __init__(self, options: ServerOptions | None = None) -> None:
        self.options = options or ServerOptions()
        self.url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<ServerThread {self.url or 'not started'}>"

    def start(self) -> ServerThread:
        """Start, and return once requests are accepted. Raises `MockaiError`."""
        self._thread = threading.Thread(target=self._run, name="mockai", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self

    def stop(self) -> None:
        """Cut what is open, and stop. Calling it again does nothing."""
        loop, stop, thread = self._loop, self._stop, self._thread
        if loop is None or stop is None or thread is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(stop.set)
        thread.join()
        self._thread = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever called start()
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with Server(self.options) as server:
            self.url = server.url
            self._ready.set()
            await self._stop.wait()


async def serve(options: ServerOptions, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until `stop` is set; `ready` is called with the URL once requests are accepted."""
    async with Server(options) as server:
        ready(server.url)
        await stop.wait()


def _bound_socket(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        raise MockaiError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; "
            "choose another --port, or 0 for a free one"
        ) from None
    return sock


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown and '[' not in shown else shown}:{port}"


def _raise_descriptor_limit() -> None:
    """Allow as many connections as the system lets us have."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
