"""`mockai serve` as a process of its own, for what only a process has: signals, limits, a death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Self

READY = "mockai ready "
LIMITS = {"files": "-n", "file_size": "-f"}
"""Names for flags of `ulimit`; a file's size is in blocks of 512 bytes."""


class ServeProcess:
    """A running `mockai serve`; leaving the `with` block kills it if it still runs."""

    def __init__(self, *options: str, limits: dict[str, int] | None = None, **env: str) -> None:
        command = [sys.executable, "-m", "mockai", "serve", *options]
        if limits:
            set_up = " && ".join(f"ulimit {LIMITS[name]} {n}" for name, n in limits.items())
            command = ["sh", "-c", f'{set_up} && exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**_bare_environment(), "MOCKAI_PORT": "0", **env},
        )
        self.url = ""

    def __enter__(self) -> Self:
        line = self._stdout.readline()
        assert line.startswith(READY), (line, self.process.communicate())
        self.url = line.removeprefix(READY).strip().removesuffix("/v1")
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    @property
    def pid(self) -> int:
        """The process, to look at from outside."""
        return self.process.pid

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal, and go on."""
        self.process.send_signal(number)

    def wait(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and what was said on stderr."""
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def said(self) -> str:
        """Wait for the next line on stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    @property
    def _stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout


def refusal(*options: str, **env: str) -> tuple[int, str]:
    """Run `mockai serve`, which must not start; return the exit code and stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "mockai", "serve", "--port", "0", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={**_bare_environment(), **env},
    )
    assert READY not in ended.stdout
    return ended.returncode, ended.stderr


def _bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MOCKAI_")}
