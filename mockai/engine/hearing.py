"""What is heard of the command that uses a session, until somebody says that it has ended.

Only under `mockai run`, or whoever else knows of an end, is this ever looked at.
"""

from __future__ import annotations

from mockai.core.sign_of_life import Heard
from mockai.engine.pacer import Pacer


class Hearing:
    """Keeps the newest request and the newest answer that was waited for.

    Of each process of the command that is known: its newest request, and when it ended.
    """

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer
        self._request_ns: int | None = None
        self._answer_ns: int | None = None
        self._ended_ns: int | None = None
        self._requests_ns: dict[int, int] = {}
        self._exits_ns: dict[int, int] = {}

    def request(self, process: int | None = None) -> None:
        """Note that a request has come, to either surface."""
        if self._ended_ns is None:
            self._request_ns = now_ns = self._pacer.now_ns()
            if process is not None:
                self._requests_ns[process] = now_ns

    def asked(self, process: int | None, at_ns: int) -> None:
        """Note who made a request, where that is known."""
        if self._ended_ns is None and process is not None:
            self._requests_ns[process] = at_ns

    def exit(self, process: int) -> None:
        """Note that a process has ended."""
        if process in self._requests_ns:
            self._exits_ns.setdefault(process, self._pacer.now_ns())

    def answer(self) -> None:
        """Note that an answer was taken by somebody who is still there."""
        if self._ended_ns is None:
            self._answer_ns = self._pacer.now_ns()

    def end(self) -> None:
        """Note that the command has ended: what is heard from now on is not the command."""
        if self._ended_ns is None:
            self._ended_ns = self._pacer.now_ns()

    @property
    def facts(self) -> Heard | None:
        """What was heard of a command that has ended; `None` while it may still run."""
        if self._ended_ns is None:
            return None
        return Heard(self._ended_ns, self._request_ns, self._answer_ns)

    @property
    def processes(self) -> dict[int, Heard]:
        """The same of each process that is known."""
        ended_ns = self._ended_ns
        if ended_ns is None:
            return {}
        return {
            process: Heard(self._exits_ns.get(process, ended_ns), request_ns, self._answer_ns)
            for process, request_ns in self._requests_ns.items()
        }
