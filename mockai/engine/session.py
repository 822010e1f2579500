"""A session: an isolated world with scripts, exchanges, gates and marks.

It begins a new generation when it is reset; late events of the one before have no place left.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mockai.core.checks.base import Check, Evidence, MarkStamp, Verdict
from mockai.core.exchange import Connection, Exchange, RequestFacts, utc_text
from mockai.core.journal import Journal
from mockai.core.leaving import HalfClose
from mockai.core.ledger import Ledger
from mockai.core.policy import STOP_NOW, Policy
from mockai.core.prices import NO_PRICES, Prices
from mockai.core.progress import NOTHING_YET
from mockai.core.recorder import Recorder, make_recorder
from mockai.core.retries import Retries
from mockai.core.scenario import Scenario
from mockai.engine.events import EventLog, Facts
from mockai.engine.gates import Gates
from mockai.engine.hearing import Hearing
from mockai.engine.judging import judge
from mockai.engine.observers import Observer
from mockai.engine.pacer import Pacer
from mockai.engine.scripts import Scripts
from mockai.engine.stream import Stream
from mockai.engine.waiting import Waiters

MOST_JUDGED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a session is made with; `speed` scales what is on a plan, never gates or checks.

    `policy` bills where a scenario names none. `half_close` says what a FIN means.
    """

    speed: float = 1.0
    seed: int | None = None
    strict_match: bool = False
    policy: Policy = STOP_NOW
    prices: Prices = NO_PRICES
    half_close: HalfClose = "cancel"
    ttl_s: float | None = None
    """Ends by itself when it was not used for so many seconds."""


class Session:
    """One isolated world. All methods belong to the event loop's thread."""

    def __init__(
        self,
        id: str,
        pacer: Pacer,
        loaded: Iterable[Scenario],
        settings: Settings,
        observers: tuple[Observer, ...] = (),
    ) -> None:
        self.id = id
        self.settings = settings
        self.generation = 0
        self.ended_at_ns: int | None = None
        self._pacer = pacer
        self._loaded = tuple(loaded)
        self._observers = observers
        self._waiters = Waiters(pacer)
        self.hearing = Hearing(pacer)
        self.events = EventLog(pacer, wall_clock)
        self.used_ns = pacer.now_ns()
        self._running: dict[Stream, None] = {}
        self._begin()

    def _begin(self) -> None:
        """Start a new generation: nothing of the one before is left."""
        self.generation += 1
        self._prefix = f"ex_{secrets.token_hex(5)}"
        self._request_prefix = f"req_{secrets.token_hex(13)}"
        self.scripts = Scripts(
            self._loaded,
            speed=self.settings.speed,
            seed=self.settings.seed,
            strict_match=self.settings.strict_match,
        )
        self.gates = Gates()
        self.marks: list[MarkStamp] = []
        self.journal = Journal()
        self.ledger = Ledger(self.settings.prices)
        self.judged: deque[tuple[Check, Verdict]] = deque(maxlen=MOST_JUDGED)
        self._retries = Retries()
        self.advanced_s = 0.0
        self.events.clear()

    # ── exchanges ────────────────────────────────────────────────────────────────────────────

    def receive(
        self,
        request: RequestFacts,
        connection: Connection,
        *,
        wall_s: float,
        process: int | None = None,
    ) -> Recorder:
        """Open the record of a request that has just arrived, from a process if it is known."""
        self.hearing.request(process)
        seq = self.journal.next_seq()
        number = f"{seq:06x}"
        recorder = make_recorder(
            id=self._prefix + number,
            request_id=self._request_prefix + number,
            seq=seq,
            session=self.id,
            generation=self.generation,
            received_ns=self._pacer.now_ns(),
            received_at=utc_text(wall_s),
            request=request,
            connection=connection,
            policy=self.settings.policy,
            prices=self.settings.prices,
            progress=NOTHING_YET,
            process=process,
        )
        self.journal.open(recorder)
        for observer in self._observers:
            observer.received(recorder)
        self.events.add("exchange.received", recorder.id)
        self._waiters.wake()
        return recorder

    def asked(self, recorder: Recorder, body: bytes) -> None:
        """Note what a request asks, and whether it asks again."""
        if recorder.generation == self.generation:
            recorder.attempt = self._retries.ask(
                recorder.id,
                recorder.request,
                body,
                now_ns=self._pacer.now_ns(),
                pressed_ns=self.marks[-1].at_ns if self.marks else 0,
            )

    def serve(self, stream: Stream) -> None:
        """Keep a stream, so that `reset` and shutdown can cut it."""
        self._running[stream] = None

    def happened(self, name: str, recorder: Recorder, facts: Facts = ()) -> None:
        """Note an event of an exchange; one of an older generation has no place left."""
        if recorder.generation == self.generation:
            self.events.add(name, recorder.id, facts)

    def changed(self, recorder: Recorder) -> None:
        """Tell those who wait that something happened to an exchange."""
        if recorder.generation == self.generation:
            self._waiters.wake()

    def ended(self, exchange: Exchange) -> None:
        """Journal a final exchange; one of an older generation has no place left.

        Observers come before those who wait: what an assertion has seen is in the file.
        """
        for observer in self._observers:
            observer.ended(exchange)
        if exchange.generation == self.generation:
            self.journal.close(exchange)
            self.ledger.add(exchange, clock_s=self.clock_s)
            self._note_end(exchange)
            self._waiters.wake()

    def _note_end(self, exchange: Exchange) -> None:
        left, tokens = exchange.disconnect, exchange.tokens.written
        if left is not None:
            facts = ("how", left.how), ("token", left.token)
            self.events.add("exchange.disconnected", exchange.id, facts)
        how = ("outcome", exchange.outcome), ("cause", exchange.cause), ("token", tokens)
        self.events.add("exchange.ended", exchange.id, how)
        self.used_ns = self._pacer.now_ns()

    def done(self, stream: Stream) -> None:
        """Let go of a stream that has ended."""
        self._running.pop(stream, None)

    def exchanges(self) -> tuple[Exchange, ...]:
        """Return all exchanges of this generation, oldest first."""
        return self.journal.exchanges(self._pacer.now_ns())

    def is_idle(self) -> bool:
        """Say whether no exchange is open."""
        return next(self.journal.running(), None) is None

    def missed(self, scenario: str, gate: str) -> Exchange | None:
        """Return the newest exchange of a scenario that is over and never stood at the gate.

        `None` while another may still reach it, and when the gate is open for good.
        """
        played = [item for item in self.exchanges() if item.scenario == scenario]
        if any(not item.ended for item in played) or self.gates.get(gate).is_open:
            return None
        missed = [item for item in played if gate not in {hold.name for hold in item.holds}]
        return missed[-1] if missed else None

    # ── settlement ───────────────────────────────────────────────────────────────────────────

    @property
    def clock_s(self) -> float:
        """Seconds of the settlement clock: those that passed, and those it was advanced by.

        It counts on the monotonic clock: a wall clock that is set settles nothing.
        """
        return self._pacer.now_ns() / 1e9 + self.advanced_s

    def advance(self, seconds: float) -> None:
        """Move the settlement clock on; nothing else follows it."""
        self.advanced_s += seconds

    # ── marks, checks and waiting ────────────────────────────────────────────────────────────

    def mark(self, name: str) -> MarkStamp:
        """Stamp a mark; it concerns the exchanges that are open now."""
        stamp = MarkStamp(name, len(self.marks) + 1, self._pacer.now_ns())
        self.marks.append(stamp)
        for recorder in self.journal.running():
            recorder.mark(stamp)
        self.events.add("mark", None, (("name", name), ("mark_seq", stamp.seq)))
        self._waiters.wake()
        return stamp

    async def check(
        self, checks: Iterable[Check], *, wait_s: float, patience: float = 1.0
    ) -> list[Verdict]:
        """Return the verdicts, as soon as all are settled: see `judging`."""
        wanted = tuple(checks)
        verdicts = await judge(self, wanted, wait_s=wait_s, patience=patience)
        self.judged.extend(zip(wanted, verdicts, strict=True))
        return verdicts

    def evidence(self, *, called_ns: int | None = None, patience: float = 1.0) -> Evidence:
        """Return all that can be judged, as it stands now."""
        now_ns = self._pacer.now_ns()
        return Evidence(
            exchanges=self.exchanges(),
            marks=tuple(self.marks),
            now_ns=now_ns,
            called_ns=now_ns if called_ns is None else called_ns,
            patience=patience,
            prices=self.settings.prices,
            heard=self.hearing.facts,
            processes=self.hearing.processes,
            evicted=self.journal.evicted,
        )

    def now_ns(self) -> int:
        """Return the present instant of the session's clock."""
        return self._pacer.now_ns()

    async def wait_until(
        self,
        condition: Callable[[], bool],
        *,
        wait_s: float,
        sooner: Callable[[], int | None] = lambda: None,
    ) -> bool:
        """Wait until `condition` holds; looked at on every change, and at the instant `sooner`."""
        return await self._waiters.wait_until(condition, wait_s=wait_s, sooner=sooner)

    # ── ending ───────────────────────────────────────────────────────────────────────────────

    def reset(self, settings: Settings | None = None) -> tuple[int, tuple[Exchange, ...]]:
        """Cut what is open, begin a new generation; return the old one's number and exchanges.

        The new one has other settings, if some are given.
        """
        self._cut()
        ended = self.generation, self.exchanges()
        self.settings = settings or self.settings
        self._begin()
        self._waiters.wake()
        return ended

    def reload(self, loaded: Iterable[Scenario]) -> None:
        """Put these scenarios in place of those loaded at start; what is open plays on."""
        self._loaded = tuple(loaded)
        self.scripts.reload(self._loaded)

    def end(self) -> None:
        """Cut what is open; from now on requests are answered with 410."""
        self._cut()
        self.ended_at_ns = self._pacer.now_ns()
        self._waiters.wake()
        self.events.wake()

    def is_unused(self) -> bool:
        """Say whether nothing runs, and nobody waits or follows."""
        return self.is_idle() and not self._waiters.waiting and not self.events.is_followed

    def late(self) -> list[Exchange]:
        """Return the requests that came after its end."""
        if self.ended_at_ns is None:
            return []
        return [item for item in self.exchanges() if item.received_ns >= self.ended_at_ns]

    def forget(self) -> None:
        """Drop the record of a session that has ended; that it has is still known."""
        self._begin()

    def _cut(self) -> None:
        for stream in list(self._running):
            stream.cut("shutdown")


def wall_clock() -> float:
    """Return Unix time in seconds: for stamps that people read, never for durations."""
    return time.time()
