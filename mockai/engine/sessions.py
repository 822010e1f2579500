"""The sessions of a server: made, found, ended, and remembered for a while.

Late calls to a session that has ended are told so (410) and are recorded under their owner.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from mockai.core.checks.base import Evidence
from mockai.core.errors import FullError, NotFoundError
from mockai.core.exchange import Exchange
from mockai.core.scenario import Scenario
from mockai.engine.lifetime import Lifetime
from mockai.engine.observers import Observer
from mockai.engine.pacer import Pacer
from mockai.engine.scripts import compiled
from mockai.engine.session import Session, Settings

DEFAULT = "default"
MOST_SESSIONS = 1_000
MOST_ENDED = 1_000
REMEMBERED_WHOLE = 16
"""Ended sessions that still have their record, for waits that were under way."""
MOST_LATE = 1_000
"""Calls that came after the end of their session, kept when its record is dropped."""


class Sessions:
    """All sessions of a server. Raises `ScenarioError` for a loaded one that cannot be played."""

    def __init__(
        self,
        pacer: Pacer,
        *,
        loaded: Iterable[Scenario] = (),
        settings: Settings | None = None,
        most: int = MOST_SESSIONS,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        self._pacer = pacer
        self._loaded = tuple(loaded)
        self._settings = settings or Settings()
        self._most = most
        self._observers = observers
        self._live: dict[str, Session] = {}
        self._ended: dict[str, Session] = {}
        self._late: deque[Exchange] = deque(maxlen=MOST_LATE)
        compiled(self._loaded, self._settings.speed)  # what cannot be played is told at the start
        self.create(DEFAULT)

    def create(self, id: str | None = None, settings: Settings | None = None) -> Session:
        """Make a session, or return the live one of that id.

        Raises `FullError` when the house is full: a live session is never evicted.
        """
        name = id or f"s-{secrets.token_hex(6)}"
        if name in self._live:
            return self._live[name]
        if len(self._live) >= self._most:
            raise FullError(
                f"{self._most} sessions are live: delete one first, or raise --max-sessions"
            )
        self._ended.pop(name, None)
        session = Session(
            name, self._pacer, self._loaded, settings or self._settings, self._observers
        )
        self._live[name] = session
        if session.settings.ttl_s is not None:
            Lifetime(session, self._pacer, session.settings.ttl_s, partial(self._expire, session))
        return session

    def _expire(self, session: Session) -> None:
        """End a session whose time is over, unless another has its name by now."""
        if self._live.get(session.id) is session:
            self.delete(session.id)

    def get(self, id: str) -> Session:
        """Return a live session. Raises `NotFoundError` that says how to make one."""
        if id in self._live:
            return self._in_use(self._live[id])
        state = "has ended" if id in self._ended else "does not exist"
        raise NotFoundError(f"session '{id}' {state}; create it: PUT /_mockai/sessions/{id}")

    def find(self, id: str) -> Session | None:
        """Return a session, live or ended, or `None`."""
        live = self._live.get(id)
        return self._ended.get(id) if live is None else self._in_use(live)

    def _in_use(self, session: Session) -> Session:
        session.used_ns = self._pacer.now_ns()
        return session

    def all(self) -> list[Session]:
        """Return the live sessions, oldest first."""
        return list(self._live.values())

    def delete(self, id: str) -> Session:
        """End a session. The default one always exists: it is made anew."""
        session = self.get(id)
        session.end()
        del self._live[id]
        self._ended[id] = session
        for older in list(self._ended.values())[-REMEMBERED_WHOLE - 1 : -REMEMBERED_WHOLE]:
            self._late += older.late()
            older.forget()
        while len(self._ended) > MOST_ENDED:
            self._late += self._ended.pop(next(iter(self._ended))).late()
        if id == DEFAULT:
            self.create(DEFAULT)
        return session

    def late(self) -> list[Exchange]:
        """Return the requests that came after the end of their session, as far as it is known."""
        return [*self._late, *(item for session in self._ended.values() for item in session.late())]

    async def drain(self, wait_s: float) -> None:
        """Wait until nothing is open, at most `wait_s` seconds."""
        waits = [session.wait_until(session.is_idle, wait_s=wait_s) for session in self.all()]
        await asyncio.gather(*waits)

    def reload(self, loaded: Iterable[Scenario]) -> None:
        """Put these scenarios in place of those loaded at start, in every live session.

        Raises `ScenarioError` for one that cannot be played; then all stays as it was.
        """
        wanted = tuple(loaded)
        compiled(wanted, self._settings.speed)
        self._loaded = wanted
        for session in self._live.values():
            session.reload(wanted)

    def evidence(self, *, patience: float) -> Evidence:
        """Return all that can be judged of all sessions together, ended ones too, as it stands."""
        sessions = [*self._ended.values(), *self._live.values()]
        each = [session.evidence(patience=patience) for session in sessions]
        exchanges = [item for evidence in each for item in evidence.exchanges]
        marks = [mark for evidence in each for mark in evidence.marks]
        return replace(
            each[-1],  # there is always one: the default session
            exchanges=tuple(sorted(exchanges, key=lambda item: (item.received_ns, item.seq))),
            marks=tuple(sorted(marks, key=lambda mark: mark.at_ns)),
            evicted=sum(evidence.evicted for evidence in each),
        )

    def shut_down(self) -> None:
        """Cut everything."""
        for session in self._live.values():
            session.end()
