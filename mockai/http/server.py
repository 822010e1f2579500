"""A server: in the running event loop, or on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Self

from aiohttp import web

from mockai.core.checks.base import Evidence
from mockai.core.door import door_of, is_loopback
from mockai.core.errors import MockaiError
from mockai.core.matching import never_asked
from mockai.core.metrics import Metrics
from mockai.core.scenario import Scenario
from mockai.core.tokens import get_encoding
from mockai.engine.observers import ExchangeLog, JournalFile, Observer
from mockai.engine.pacer import LoopPacer
from mockai.engine.session import Settings
from mockai.engine.sessions import Sessions
from mockai.engine.sink import AHEAD
from mockai.http.app import make_app
from mockai.http.crowd import TOO_MANY, Crowd, Faults, descriptors, room_for
from mockai.http.internals import listen, stop_accepting
from mockai.http.lane import lane
from mockai.http.processes import Processes
from mockai.http.state import ServerOptions, State
from mockai.http.tcp import bound_run_ahead, notice_silence

BACKLOG = 4_096
_SHUTDOWN_S = 1.0
_log = logging.getLogger("mockai")


class Server:
    """A server in the running event loop. Use as `async with Server(options) as server:`."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.url = ""
        self.hurry = asyncio.Event()
        """Set to cut short the time of grace in which streams may end."""
        self._state: State | None = None
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Start to accept. Raises `MockaiError` when the address or the journal cannot be had."""
        for name in ("o200k_base", "cl100k_base"):
            get_encoding(name)  # holds the interpreter: before the first stream, never inside one
        sock = _bound_socket(self.options.host, self.options.port)
        try:
            self._state = self._state_of(sock.getsockname()[0])
        except BaseException:
            sock.close()
            raise
        self._runner = web.AppRunner(
            make_app(self._state),
            access_log=None,
            shutdown_timeout=_SHUTDOWN_S,
            keepalive_timeout=self.options.limits.idle_s,
        )
        await self._runner.setup()
        limits = self.options.limits
        bound_run_ahead(sock, AHEAD)
        notice_silence(sock, peer_s=limits.peer_s, write_s=limits.write_s)
        self._listener = await listen(
            self._runner, sock, backlog=BACKLOG, crowd=self._state.crowd, lane=lane(self._state)
        )
        self.url = _url(self.options.host, sock.getsockname()[1])
        return self

    def _state_of(self, address: str) -> State:
        """Return the parts of a server that is bound to `address`."""
        options = self.options
        door = door_of(
            address,
            host=options.host,
            token=options.admin_token,
            is_open=options.is_open,
            allowed=options.allow_hosts,
        )
        if not is_loopback(address) and door.token is None:
            _log.warning(
                "open: whoever reaches %s may read and steer everything; "
                "set MOCKAI_ADMIN_TOKEN to lock the control API",
                options.host,
            )
        hidden = never_asked(options.scenarios)
        if hidden is not None:
            _log.warning("%s; give it a match, or times", hidden)
        metrics, limits = Metrics(), options.limits
        journal = JournalFile(options.journal) if options.journal is not None else None
        observers: tuple[Observer, ...] = (metrics, ExchangeLog())
        if journal is not None:
            observers += (journal,)
        most = limits.connections or room_for(descriptors())
        pacer = LoopPacer(asyncio.get_running_loop())
        settings = Settings(
            speed=options.speed,
            seed=options.seed,
            strict_match=options.strict_match,
            policy=options.policy,
            prices=options.prices,
            half_close=options.half_close,
        )
        sessions = Sessions(
            pacer,
            loaded=options.scenarios,
            settings=settings,
            most=limits.sessions,
            observers=observers,
        )
        crowd = Crowd(most, partial(metrics.refused, TOO_MANY))
        return State(
            options,
            pacer,
            sessions,
            door,
            crowd,
            metrics,
            journal,
            Processes(partial(_note_exit, sessions)) if options.tell_processes else None,
        )

    def reload(self, scenarios: Iterable[Scenario]) -> None:
        """Put scenarios in place of those loaded at start. Raises `ScenarioError`."""
        if self._state is not None:
            self._state.sessions.reload(scenarios)

    def evidence(self) -> Evidence:
        """Return all that was seen, of all sessions; also once the server has stopped."""
        if self._state is None:
            return Evidence(())
        return self._state.sessions.evidence(patience=self.options.patience)

    async def __aexit__(self, *_: object) -> None:
        """Accept no more, let streams end within the time of grace, cut the rest, and stop."""
        state, runner, listener = self._state, self._runner, self._listener
        if state is None or runner is None or listener is None:
            return
        await stop_accepting(listener)
        state.closing.set()
        await self._drain(state.sessions)
        state.sessions.shut_down()
        await runner.cleanup()
        if state.processes is not None:
            state.processes.close()
        if state.journal is not None:
            state.journal.close()

    async def _drain(self, sessions: Sessions) -> None:
        if self.options.grace_s == 0:
            return
        waits = [
            asyncio.ensure_future(wait)
            for wait in (sessions.drain(self.options.grace_s), self.hurry.wait())
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


class ServerThread:
    """A server on its own thread, independent of the loop (or lack of one) of its user.

    Its loop is asyncio's own, also where the user's policy makes others: uvloop keeps written bytes
    until the end of a turn, so a stream could overtake an answer before it.
    """

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
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever called start()
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(Faults())
        async with Server(self.options) as server:
            self.url = server.url
            self._ready.set()
            await self._stop.wait()


async def serve(
    options: ServerOptions,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    hurry: asyncio.Event | None = None,
    beside: Callable[[Server], Coroutine[None, None, None]] | None = None,
) -> Evidence:
    """Serve until `stop` is set; `ready` is called with the URL once requests are accepted.

    Returns all that was seen.

    `hurry` ends the time of grace that follows; `beside` runs for as long as requests are
    accepted. The running loop must be the server's alone.
    """
    asyncio.get_running_loop().set_exception_handler(Faults())
    server = Server(options)
    if hurry is not None:
        server.hurry = hurry
    async with server:
        _spare_the_collector()
        ready(server.url)
        companion = None if beside is None else asyncio.create_task(beside(server))
        await stop.wait()
        if companion is not None:
            companion.cancel()
    return server.evidence()


def _spare_the_collector() -> None:
    """Let the collector look at what streams leave behind only, and seldom at all of it.

    A full collection took 40 ms with 1,000 streams: as long as two tokens. Only where the process
    is the server's alone; the command has switched the collector off to start sooner.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    gc.enable()


def _note_exit(sessions: Sessions, process: int) -> None:
    for session in sessions.all():
        session.hearing.exit(process)


def _bound_socket(host: str, port: int) -> socket.socket:
    sock = None
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise MockaiError(_unbound(host, port, error)) from None
    return sock


def _unbound(host: str, port: int, error: OSError) -> str:
    is_of_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
    cure = (
        "--host must be an address of this machine, such as 127.0.0.1"
        if is_of_host
        else "choose another --port, or 0 for a free one"
    )
    return f"cannot listen on {host}:{port}: {error.strerror or error}; {cure}"


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown and '[' not in shown else shown}:{port}"
