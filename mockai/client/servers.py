"""Start a server: on a thread of this process, or in a process of its own. Nothing else starts one.

A process of its own is for those who freeze time, patch sockets (gevent), or load this one fully.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol, Self

import mockai.client
from mockai.core.errors import MockaiError

READY = "mockai ready "
_STOPPED_S = 5.0
_KEPT = {"MOCKAI_PATIENCE"}


class Running(Protocol):
    """A server that runs; `url` is its own address, without a path."""

    url: str

    def stop(self) -> None:
        """Cut what is open, and stop. Calling it again does nothing."""


def start_server(
    *,
    process: bool = False,
    port: int = 0,
    scenarios: Sequence[Path] = (),
    journal: Path | None = None,
) -> Running:
    """Start a server on loopback; return once it accepts requests. Raises `MockaiError`."""
    if process:
        return ServerProcess(port=port, scenarios=scenarios, journal=journal).start()
    _refuse_patched_threads()
    from mockai.core.loading import read_scenarios
    from mockai.http.server import ServerThread
    from mockai.http.state import ServerOptions

    loaded = tuple(read_scenarios(scenarios)) if scenarios else ()
    return ServerThread(ServerOptions(port=port, scenarios=loaded, journal=journal)).start()


def _refuse_patched_threads() -> None:
    """A patched thread is none: it would never run while this one waits for it."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise MockaiError(
            "gevent has patched the threads of this process, and a server on one would stand "
            "still: use process=True, MockAI(process=True) or `mockai_process = true` for pytest"
        )


class ServerProcess:
    """`mockai serve` as a child, which ends when this process does, however that ends."""

    def __init__(
        self, *, port: int = 0, scenarios: Sequence[Path] = (), journal: Path | None = None
    ) -> None:
        self.url = ""
        self._process: subprocess.Popen[str] | None = None
        self._command = [
            *(sys.executable, "-P", "-m", "mockai", "serve", "--stop-with-stdin"),
            *("--port", str(port), "--grace", "0"),
            *(["--journal", str(journal)] if journal is not None else []),
            *(["--scenarios", *map(str, scenarios)] if scenarios else []),
        ]

    def __repr__(self) -> str:
        return f"<ServerProcess {self.url or 'not started'}>"

    def start(self) -> Self:
        """Start, and return once requests are accepted. Raises `MockaiError`."""
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            text=True,
        )
        self._process = process
        line = _pipe(process.stdout).readline()
        if not line.startswith(READY):
            self.stop()
            raise MockaiError(
                f"the server's process ended with {process.returncode}; it has said why on stderr"
            )
        self.url = line.removeprefix(READY).strip().removesuffix("/v1")
        return self

    def stop(self) -> None:
        """Cut what is open, and stop. Calling it again does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):  # it has ended already
            _pipe(process.stdin).close()
        try:
            process.wait(_STOPPED_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _pipe(process.stdout).close()


def _environment() -> dict[str, str]:
    """Return ours without what would set other options, and with the way to this very package."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MOCKAI_") or name in _KEPT
    }
    root = str(Path(mockai.client.__file__).parents[2])
    path = os.pathsep.join(filter(None, [ours.get("PYTHONPATH"), root]))
    return {**ours, "PYTHONPATH": path}


def _pipe(end: IO[str] | None) -> IO[str]:
    if end is None:
        raise AssertionError("both ends are pipes")
    return end
