"""Who is told of every exchange of a server: at receipt, and at its end before anybody who waits.

A journal file writes each as one line; a log says one sentence. Neither may fail an exchange.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import Protocol

from mockai.core.errors import MockaiError
from mockai.core.exchange import Exchange
from mockai.core.journal_file import line
from mockai.core.recorder import Recorder

_log = logging.getLogger("mockai")


class Observer(Protocol):
    """Who is told."""

    def received(self, recorder: Recorder) -> None:
        """A request has arrived; its body has not been read."""

    def ended(self, exchange: Exchange) -> None:
        """An exchange is final; those who wait for it are told afterwards."""


class ExchangeLog:
    """One log record for each exchange that ended; its facts are fields of the record."""

    def received(self, recorder: Recorder) -> None:
        """Say nothing: what has only begun is in the control API."""

    def ended(self, exchange: Exchange) -> None:
        """Say how it ended."""
        if not _log.isEnabledFor(logging.INFO):
            return
        facts = {
            "exchange": exchange.id,
            "session": exchange.session,
            "scenario": exchange.scenario,
            "path": exchange.request.path,
            "status": exchange.status,
            "outcome": exchange.outcome,
            "cause": exchange.cause,
            "phase": exchange.phase,
            "how": exchange.disconnect.how if exchange.disconnect else None,
            "tokens": exchange.tokens.written,
            "planned": exchange.tokens.planned,
            "seconds": round(exchange.timing.ended_s or 0.0, 6),
        }
        _log.info("exchange ended", extra={"facts": facts})


class JournalFile:
    """A file to which each line is appended whole, in one system call.

    What the disk does not take is lost and counted; that is said once, and in the end how much
    is missing. Serving goes on.
    """

    def __init__(self, path: Path) -> None:
        self.lost = 0
        self._path = path
        try:
            self._torn = _ends_torn(path)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o600)  # prompts may stand in it
        except OSError as error:
            raise MockaiError(f"cannot write the journal {path}: {error.strerror}") from None

    def received(self, recorder: Recorder) -> None:
        """Append the line of a receipt."""
        self._append(line("received", recorder.snapshot(recorder.received_ns)))

    def ended(self, exchange: Exchange) -> None:
        """Append the line of an end."""
        self._append(line("ended", exchange))

    def close(self) -> None:
        """Have the disk take it all. Calling it again does nothing."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if self.lost:
            _log.error("the journal %s lacks %d lines", self._path, self.lost)
        try:
            os.fsync(fd)
        except OSError:  # no disk behind it: a pipe, /dev/stderr
            pass
        finally:
            os.close(fd)

    def _append(self, data: bytes) -> None:
        if self._fd < 0:
            return
        if self._torn:  # by a sudden end of an earlier server, or by a disk that became full
            data = b"\n" + data
        try:
            taken = os.write(self._fd, data)
        except OSError as error:
            self._lose(error.strerror)
            return
        self._torn = taken < len(data)
        if self._torn:
            self._lose("the disk took only a part of a line")

    def _lose(self, why: str | None) -> None:
        self.lost += 1
        if self.lost == 1:
            _log.error("the journal %s is not written: %s; serving goes on", self._path, why)


def _ends_torn(path: Path) -> bool:
    """Say whether a file that exists already ends in the middle of a line."""
    if not path.exists() or not stat.S_ISREG(path.stat().st_mode) or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
