"""A stream on a memory sink, in virtual time: no socket, no sleep, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mockai.core.exchange import Connection, Exchange, RequestFacts
from mockai.core.plan import Frames, Plan
from mockai.core.staging import Ending
from mockai.engine.pacer import VirtualPacer
from mockai.engine.session import Session, Settings
from mockai.engine.sink import MemorySink
from mockai.engine.stream import Stream
from tests.support.facts import reply_of

START_NS = 1_000_000_000_000
FIFTY = {"ttft": "200ms", "tokens_per_second": 50}
"""The pace of most plays: token 1 is due at 0.2 s, then one every 20 ms."""


class Numbered(Frames):
    """Frames that tell their number, so that order and omissions show."""

    def __init__(self, *, size: int = 0, crash_at: int | None = None) -> None:
        self._size, self._crash_at = size, crash_at

    def frame(self, index: int) -> bytes:
        if index == self._crash_at:
            raise RuntimeError("a bug in a dialect")
        return (b"<%d>" % index).ljust(self._size, b".")

    def body(self) -> bytes:
        return self.frame(0)


class Rendered(Numbered):
    """Numbered frames that other plays have rendered already."""

    def __init__(self, *, size: int, count: int = 22) -> None:
        super().__init__(size=size)
        self.rests: list[bytes | None] = [self.frame(index) for index in range(count)]

    def in_common(self) -> tuple[bytes, Sequence[bytes | None]]:
        return b"", self.rests


class SlowLoop(VirtualPacer):
    """Virtual time in which the loop can oversleep: nothing is woken when it should be."""

    def oversleep(self, seconds: float) -> None:
        self._now_ns += round(seconds * 1e9)
        self.advance(0)


def session_of(pacer: VirtualPacer | None = None, **settings: Any) -> Session:
    """Return a session in virtual time."""
    return Session("test", pacer or SlowLoop(START_NS), (), Settings(**settings))


class Play:
    """One exchange: its sink (the client), its stream and its record.

    A step that is a number is that many tokens of filler; `pace=None` sends all at once.
    """

    def __init__(
        self,
        *steps: Any,
        session: Session | None = None,
        stream: bool = True,
        pace: Any = FIFTY,
        frames: Numbered | None = None,
        ending: Ending = "end",
    ) -> None:
        self.session = session or session_of()
        pacer = self.session._pacer  # noqa: SLF001 - the session's time is the play's
        assert isinstance(pacer, SlowLoop)
        self.pacer = pacer
        self.reply = reply_of(*steps, pace=pace or {})
        rendered = frames or Numbered()
        self.plan = Plan(self.reply, rendered, stream, 21, "chatcmpl-1", ending=ending)
        self.ends: list[Exchange] = []
        self.sink = MemorySink()
        self.recorder = self.session.receive(RequestFacts(), Connection(), wall_s=0.0)
        self.recorder.scenario = "story"
        self.stream = Stream(self.recorder, self.sink, pacer, self.session, self._note_end)
        self.session.serve(self.stream)

    def start(self) -> Play:
        """Begin to play; returns itself."""
        self.stream.play(self.plan, ())
        return self

    def after(self, seconds: float) -> Play:
        """Let time pass; returns itself."""
        self.pacer.advance(seconds)
        return self

    @property
    def end(self) -> Exchange:
        """The final exchange: there is exactly one."""
        (exchange,) = self.ends
        return exchange

    @property
    def now(self) -> Exchange:
        """The exchange as it stands."""
        return self.session.exchanges()[self.recorder.seq - 1]

    @property
    def sent(self) -> list[int]:
        """The numbers of the frames that the client has."""
        return [int(frame.split(b">")[0][1:]) for frame in self.sink.frames]

    def _note_end(self) -> None:
        assert self.stream.exchange is not None
        self.ends.append(self.stream.exchange)
