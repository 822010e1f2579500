"""One exchange being served: a plan played onto a sink, with gates, and its record kept.

It is woken for whatever there is to do: the head, frames, holds, the end. The hot path is not here:
once tokens flow, a sink may send one that is due by itself (`flow`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from mockai.core.exchange import Cause, Exchange, How
from mockai.core.plan import Frame, Plan, Playback
from mockai.core.recorder import Recorder
from mockai.core.reply import HoldPoint
from mockai.engine.events import Facts
from mockai.engine.gates import Gates
from mockai.engine.pacer import NEVER, Pacer
from mockai.engine.sink import AHEAD, Cutting, Header, Sink

_WRITES = 4
"""So many in one turn at most (64 KB), as long as the kernel takes them."""
_CUTS: dict[str, Cutting] = {"fin": "fin", "reset": "reset", "in_chunk": "in_chunk"}


class Watcher(Protocol):
    """Who is told what happens to a stream: its session."""

    gates: Gates

    def happened(self, name: str, recorder: Recorder, facts: Facts = ()) -> None:
        """Something of which others may want to hear at once."""

    def changed(self, recorder: Recorder) -> None:
        """A hold began or ended."""

    def ended(self, exchange: Exchange) -> None:
        """The exchange is final."""


class Stream:
    """Serves one exchange. Ends exactly once, by whatever comes first."""

    __slots__ = (
        "_blocked",
        "_flow",
        "_headers",
        "_hold_ends_ns",
        "_last",
        "_may_flow",
        "_on_end",
        "_pacer",
        "_plan",
        "_playback",
        "_sink",
        "_watcher",
        "exchange",
        "recorder",
    )

    def __init__(
        self,
        recorder: Recorder,
        sink: Sink,
        pacer: Pacer,
        watcher: Watcher,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self.recorder = recorder
        self.exchange: Exchange | None = None
        self._sink, self._pacer, self._watcher = sink, pacer, watcher
        self._on_end = on_end or _nothing
        self._plan: Plan | None = None
        self._playback: Playback | None = None
        self._headers: tuple[Header, ...] = ()
        self._hold_ends_ns = 0
        self._blocked = False
        self._last = 0
        self._may_flow = False
        self._flow = recorder.progress = sink.progress
        self._flow.stream = self
        sink.listen(self)

    # ── from outside ─────────────────────────────────────────────────────────────────────────

    def play(self, plan: Plan, headers: tuple[Header, ...]) -> None:
        """Begin: from here on the plan's timeline runs."""
        if self.exchange is not None:
            return
        now_ns = self._pacer.now_ns()
        self._plan, self._headers = plan, (*plan.headers, *headers)
        self._playback = Playback(plan.reply, now_ns, by_frame=plan.stream, progress=self._flow)
        self._last = len(plan.reply.due_ns)
        self.recorder.play(plan, self._playback)
        at_ns = self.tick(now_ns)
        if at_ns is not None:
            self._pacer.schedule(self._flow, at_ns)

    def refuse(self, status: int, error: str, cause: Cause = "refused") -> None:
        """End because the request is answered with an error."""
        self.recorder.status = status
        self._fail(cause, error)

    def cut(self, cause: Cause) -> None:
        """End by our own doing, and cut the connection."""
        if self.exchange is None:
            self._sink.abort()
            self._fail(cause, None)

    @property
    def exchange_id(self) -> str:
        """The id of the exchange."""
        return self.recorder.id

    @property
    def scenario(self) -> str | None:
        """The scenario that is played."""
        return self.recorder.scenario

    @property
    def token(self) -> int:
        """Tokens handed over (or generated, for an answer in one body) so far."""
        return self._playback.token if self._playback else 0

    def _over(self) -> bool:
        return self.exchange is not None

    # ── from the gate ────────────────────────────────────────────────────────────────────────

    def go_on(self, *, tokens: int | None = None) -> None:
        """Leave the gate; after `tokens` more, stand at it again."""
        self._leave_gate(tokens=tokens)
        at_ns = self._next_ns()
        if at_ns is not None:
            self._pacer.schedule(self._flow, at_ns)

    # ── from the sink ────────────────────────────────────────────────────────────────────────

    def drained(self) -> None:
        """Go on after the client has read again; the timeline moves by what it was late."""
        playback = self._playback
        if self._over() or playback is None:
            return
        now_ns = self._pacer.now_ns()
        self.recorder.unblocked(now_ns)
        self._wrote(taken=True, now_ns=now_ns)
        if self._over():
            return
        due_ns = playback.next_ns()
        if due_ns is not None:
            playback.shift(now_ns - due_ns)
        self._pacer.schedule(self._flow, now_ns)

    def gone(self, how: How, errno: int | None) -> None:
        """End because the client has left: a cancel, if anything was still to come."""
        if self.exchange is None:
            self._end(self.recorder.cancel(self._pacer.now_ns(), how, errno))

    def half_closed(self) -> None:
        """Note that the client will send no more, but may read on."""
        if self.exchange is None and self.recorder.half_closed_ns is None:
            self.recorder.half_closed_ns = self._pacer.now_ns()
            self._watcher.happened("exchange.half_closed", self.recorder)
            self._watcher.changed(self.recorder)

    # ── from its flow ────────────────────────────────────────────────────────────────────────

    def tick(self, now_ns: int) -> int | None:
        """Do all that is due; return when to come back."""
        playback, plan = self._playback, self._plan
        if playback is None or plan is None or self.exchange is not None:
            return None
        if playback.held is not None and now_ns >= self._hold_ends_ns:
            self._leave_gate(timed_out=True)
        first, end = self._flow.position, playback.ready(now_ns)
        if plan.stream:
            end = self._send_due(plan, playback, end, now_ns) if end > first else first
        elif end == self._last:
            self._send_whole(plan, playback, now_ns)
        if self._blocked or self.exchange is not None:
            self._note_stall(now_ns)
            return None
        hold = playback.move(end, now_ns)
        if hold is None:
            if self._may_flow:
                self._flow.until = playback.stop - 1
            return playback.next_ns()
        self._arrive(hold, now_ns)
        return self._next_ns()

    def refused(self, now_ns: int) -> None:
        """Wait until the kernel has taken all of a token that went past us."""
        self._blocked = True
        self._note_stall(now_ns)

    def crashed(self, error: Exception) -> None:
        """End because of a bug of ours."""
        self._sink.abort()
        self._fail("internal", f"{type(error).__name__}: {error}")

    def _send_due(self, plan: Plan, playback: Playback, end: int, now_ns: int) -> int:
        """Hand over what is due; return where it stopped.

        What other plays have rendered goes out in a few writes. What is rendered now may take
        long, so it is one: others wait meanwhile.
        """
        index = self._send(plan, playback, end, now_ns)
        common = plan.frames.in_common() if plan.reply.coalesce else None
        for _ in range(_WRITES - 1):
            if index >= end or common is None or common[1][index] is None:
                break
            if self._blocked or self._over():
                break
            index = self._send(plan, playback, end, now_ns)
        return index

    def _send(self, plan: Plan, playback: Playback, end: int, now_ns: int) -> int:
        """Hand over the frames that are due, at most 16 KB of them; return where it stopped."""
        recorder, sink, progress = self.recorder, self._sink, self._flow
        first = index = progress.position
        if index == 0:
            self._start(plan, now_ns)
            index = 1
        apart = not plan.reply.coalesce
        if apart and index < self._last - 1:
            # The last goes with the end of the body: in a turn of its own.
            end = min(end, self._last - 1)
        frames = plan.frames.row(index, end, AHEAD)
        index += len(frames)
        if plan.reply.paced and frames:
            progress.wrote_late(first, now_ns - playback.due_ns(first))
        progress.last_write_ns = now_ns
        if recorder.first_token_ns is None and plan.reply.sent[index - 1]:
            self._note_first_token(now_ns)
            self._may_flow = plan.reply.paced and self._share(plan)
        progress.position = index  # before the write: its end is recorded inside
        if index < self._last:
            self._blocked = not sink.write(frames, apart=apart)
        else:
            self._send_last(plan, frames, now_ns)
        return index

    def _share(self, plan: Plan) -> bool:
        """Give the sink what it needs to send a token by itself, if there is such."""
        common = plan.frames.in_common()
        if common is None:
            return False
        self._flow.start, self._flow.rests = common
        return True

    def _send_last(self, plan: Plan, frames: Sequence[Frame], now_ns: int) -> None:
        """Send what is left with the end of the body, or cut where the tail would come."""
        if plan.is_cut:
            self._blocked = not self._sink.write(frames[:-1])
            self._cut_as_scripted(plan)
        else:
            self._wrote(taken=self._sink.finish(frames), now_ns=now_ns)

    def _cut_as_scripted(self, plan: Plan) -> None:
        """Cut, once all before it is out: `drained` comes here again."""
        if not self._over() and not self._blocked:
            self._sink.abort(_CUTS[plan.ending])
            self._fail("scripted", None)

    def _send_whole(self, plan: Plan, playback: Playback, now_ns: int) -> None:
        if plan.headless:
            self._cut_as_scripted(plan)
            return
        body = plan.frames.body()
        self._start(plan, now_ns, length=len(body))
        self._flow.last_write_ns = now_ns
        self._flow.position = self._last  # before the write: its end is recorded inside
        if plan.is_cut:
            self._blocked = not self._sink.write([body[: len(body) // 2]])
            self._cut_as_scripted(plan)
            return
        if plan.reply.sent[-1]:
            self._note_first_token(now_ns)
        self._wrote(taken=self._sink.finish([body]), now_ns=now_ns)

    def _start(self, plan: Plan, now_ns: int, *, length: int | None = None) -> None:
        self.recorder.status = plan.status
        self.recorder.headers_ns = now_ns
        self._sink.start(plan.status, self._headers, length=length)
        self._watcher.happened("exchange.headers", self.recorder, (("status", plan.status),))

    def _note_first_token(self, now_ns: int) -> None:
        self.recorder.first_token_ns = now_ns
        self._watcher.happened("exchange.first_token", self.recorder)

    def _wrote(self, *, taken: bool, now_ns: int) -> None:
        """Note whether the kernel took a write, and end when it was the last."""
        self._blocked = not taken
        plan, playback = self._plan, self._playback
        if not taken or self.exchange is not None or plan is None or playback is None:
            return
        if plan.is_cut and playback.ended:
            self._cut_as_scripted(plan)
        elif self.recorder.complete:
            if plan.ending == "error":
                self._fail("scripted", None)
            else:
                self._end(self.recorder.complete_now(now_ns))

    def _note_stall(self, now_ns: int) -> None:
        """Note since when the client does not read, if that is why nothing can be written."""
        if self.exchange is None and self.recorder.progress.waiting:
            if not self.recorder.stalled_ns:  # once: who reads slowly stalls all the time
                self._watcher.happened("exchange.stalled", self.recorder)
            self.recorder.blocked(now_ns)

    def _next_ns(self) -> int | None:
        playback = self._playback
        if playback is None or self.exchange is not None or self._blocked:
            return None
        return self._hold_ends_ns if playback.held is not None else playback.next_ns()

    # ── holding and ending ───────────────────────────────────────────────────────────────────

    def _arrive(self, hold: HoldPoint, now_ns: int) -> None:
        self._hold_ends_ns = now_ns + hold.timeout_ns
        if not hold.name:
            return  # a silence: no gate, and nothing to release
        if self._watcher.gates.arrive(hold.name, self, now_ns):
            if self._playback is not None:  # no stay, no shift: also when we came late
                self._playback.release(self._playback.held_since_ns())
            return
        self.recorder.held(hold.name, hold.token, now_ns)
        facts = ("gate", hold.name), ("token", hold.token)
        self._watcher.happened("exchange.held", self.recorder, facts)
        self._watcher.changed(self.recorder)

    def _leave_gate(self, *, tokens: int | None = None, timed_out: bool = False) -> None:
        playback = self._playback
        if playback is None or playback.held is None:
            return
        now_ns, gate = self._pacer.now_ns(), playback.held.name
        self._watcher.gates.leave(gate, self)
        playback.release(now_ns, tokens=tokens)
        self.recorder.released(now_ns, timed_out=timed_out)
        facts = ("gate", gate), ("timed_out", timed_out)
        self._watcher.happened("exchange.released", self.recorder, facts)
        self._watcher.changed(self.recorder)

    def _fail(self, cause: Cause, error: str | None) -> None:
        if self.exchange is None:
            self._end(self.recorder.fail(self._pacer.now_ns(), cause, error))

    def _end(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._flow.stop()
        if self._flow.due_tick != NEVER:
            self._pacer.cancel(self._flow)
        if self._playback is not None and self._playback.held is not None:
            self._watcher.gates.leave(self._playback.held.name, self)
        self._watcher.ended(exchange)
        on_end, self._on_end = self._on_end, _nothing  # who holds this stream: no circle is left
        on_end()


def _nothing() -> None:
    """Whoever wanted to know of the end has been told."""
