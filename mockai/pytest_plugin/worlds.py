"""A world for each test: a session of its own, or a new generation of one that has a stable URL.

Both tell what a test has left open. Everything here is loaded by the first test that uses it.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mockai.client import MockAI
from mockai.client.flows import end_session, late_exchanges, reset, waiting
from mockai.client.servers import Running
from mockai.client.tracebacks import hidden
from mockai.client.transport import run
from mockai.client.views import Exchange
from mockai.core.errors import MockaiError
from mockai.core.units import counted
from mockai.pytest_plugin.stable import SESSION

__tracebackhide__ = hidden

LEFT_OPEN_S = 1.0
"""How long what is still open after a test may take to end."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be told of a test at the end of the run."""

    test: str
    text: str


class OwnedMockAI(MockAI):
    """A `MockAI` whose session the plugin ends, to see what is left open."""

    def finish(self) -> list[Exchange]:
        """End the session; return what had to be cut."""
        if self._lease.closed:
            return []
        self._lease.closed = True
        return _cut(self.drive(end_session(self.session, wait=waiting(LEFT_OPEN_S))))


class SharedMockAI(MockAI):
    """A `MockAI` of a session that many tests use, one after the other."""

    def again(self) -> MockAI:
        """Return one for the next test: its scripts are numbered anew."""
        fresh = copy.copy(self)
        fresh.number_anew()
        return fresh

    def number_anew(self) -> None:
        """Call the next script without a name `script-1`."""
        self._numbers = itertools.count(1)


class Worlds(Protocol):
    """How tests are kept apart."""

    remarks: list[Remark]

    def open(self, test: str, settings: Mapping[str, Any]) -> MockAI:
        """Return a client of a world in which nothing has happened yet."""

    def close(self, test: str, client: MockAI) -> None:
        """Note what the test has left open."""

    def stop(self) -> None:
        """Note what can only be known at the end; the server still runs."""


class OwnSessions:
    """Each test has a session of its own, and with it a URL of its own."""

    def __init__(self, server: Running, settings: Mapping[str, Any]) -> None:
        self.remarks: list[Remark] = []
        self._server, self._settings = server, settings
        self._tests: dict[str, str] = {}

    def open(self, test: str, settings: Mapping[str, Any]) -> MockAI:
        """Make a session."""
        client = OwnedMockAI(self._server.url, **{**self._settings, **settings})
        self._tests[client.session] = test
        return client

    def close(self, test: str, client: MockAI) -> None:
        """End the session; a server that the test has stopped has none any more."""
        with contextlib.suppress(MockaiError):
            if isinstance(client, OwnedMockAI):
                self.remarks += _left_open(test, client.finish())

    def stop(self) -> None:
        """Note who has called after the end of his test."""
        with contextlib.suppress(MockaiError):
            late: dict[str, list[Exchange]] = {}
            for item in run(self._server.url, late_exchanges()):
                late.setdefault(item.session, []).append(item)
            self.remarks += [_late(self._tests.get(key, key), calls) for key, calls in late.items()]


class Generations:
    """All tests share a session with a stable URL; each has a generation of its own.

    What is open at the end of one is waited for, cut and named when the next begins.
    """

    def __init__(self, server: Running, settings: Mapping[str, Any]) -> None:
        self.remarks: list[Remark] = []
        self._settings = settings
        self._client = SharedMockAI(server.url, session=SESSION)
        self._test: str | None = None

    def open(self, test: str, settings: Mapping[str, Any]) -> MockAI:
        """Begin a generation."""
        self._end(settings)
        self._test = test
        return self._client.again()

    def close(self, test: str, client: MockAI) -> None:
        """Leave it as it is: whatever still ends may do so until the next test."""

    def stop(self) -> None:
        """Note what the last test has left open."""
        with contextlib.suppress(MockaiError):
            self._end({})

    def _end(self, settings: Mapping[str, Any]) -> None:
        both = {**self._settings, **settings}
        ended = reset(SESSION, both, wait=waiting(LEFT_OPEN_S))
        report = self._client.drive(ended)
        if self._test is not None:
            self.remarks += _left_open(self._test, _cut(report))


def _cut(report: Mapping[str, Any]) -> list[Exchange]:
    """Return what was still open at an end, by its report."""
    exchanges = map(Exchange.from_json, report["exchanges"])
    return [item for item in exchanges if item.cause == "shutdown"]


def _left_open(test: str, cut: Sequence[Exchange]) -> Iterable[Remark]:
    if cut:
        streams = counted(len(cut), "stream")
        yield Remark(test, f"left {streams} open: {'; '.join(map(_shown, cut))}")


def _late(test: str, calls: Sequence[Exchange]) -> Remark:
    times = "once" if len(calls) == 1 else f"{len(calls)} times"
    request = calls[0].request
    return Remark(test, f"was called {times} after its end (410): {request.method} {request.path}")


def _shown(exchange: Exchange) -> str:
    what = exchange.scenario or f"{exchange.request.method} {exchange.request.path}"
    held = f", held at '{exchange.holds[-1].name}'" if exchange.holds else ""
    return f"'{what}' at token {exchange.tokens.written} of {exchange.tokens.planned}{held}"
