"""The mutable record of one running exchange; an `Exchange` is its immutable snapshot.

Private to the event loop. Every method is told the time (monotonic nanoseconds). What is frozen
at the first sign of leaving (tokens, bytes, phase) is frozen here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mockai.core.billing import bill
from mockai.core.checks.base import MarkStamp
from mockai.core.exchange import (
    Cause,
    Connection,
    Delivery,
    Disconnect,
    Exchange,
    Hold,
    How,
    MarkSeen,
    Outcome,
    PaceError,
    Phase,
    RequestFacts,
    Schedule,
    Timing,
    Tokens,
)
from mockai.core.making import maker_from, maker_of
from mockai.core.plan import Plan, Playback
from mockai.core.policy import STOP_NOW, Policy
from mockai.core.prices import NO_PRICES, Prices
from mockai.core.progress import Progress
from mockai.core.retries import Attempt

_HEAD_AND_BODY = 2  # frames of an answer in one body
_NOT_YET = "acked_bytes and unsent_bytes are read when the client leaves or the answer ends"
_NOT_COUNTED = "the error that is answered is not counted"

_ALIKE = (
    *("id", "seq", "session", "generation", "received_ns", "request", "scenario", "seed"),
    *("ordinal", "request_id", "status", "error", "connection", "policy", "process", "retry_of"),
)
"""What a record and a snapshot of it have under one name."""

_make_exchange = maker_from(Exchange, _ALIKE)
_make_tokens = maker_of(Tokens)
_make_delivery = maker_of(Delivery)
_make_timing = maker_of(Timing)
_make_schedule = maker_of(Schedule)
_make_disconnect = maker_of(Disconnect)
_make_pace_error = maker_of(PaceError)


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Facts as they come in; see `Exchange` for their meaning."""

    id: str
    seq: int
    session: str
    generation: int
    received_ns: int
    received_at: str
    request: RequestFacts
    connection: Connection = field(default_factory=Connection)
    request_id: str = ""
    scenario: str | None = None
    seed: int | None = None
    ordinal: int | None = None
    status: int | None = None
    error: str | None = None
    policy: Policy = STOP_NOW
    prices: Prices = NO_PRICES
    plan: Plan | None = None
    playback: Playback | None = None
    progress: Progress = field(default_factory=Progress)
    headers_ns: int | None = None
    first_token_ns: int | None = None
    half_closed_ns: int | None = None
    blocked_ns: int | None = None
    stalled_ns: int = 0
    attempt: Attempt | None = None
    process: int | None = None
    marks: list[MarkSeen] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)

    # ── while it runs ────────────────────────────────────────────────────────────────────────

    def play(self, plan: Plan, playback: Playback) -> None:
        """Note what is being played from now on."""
        self.plan, self.playback = plan, playback

    def mark(self, stamp: MarkStamp) -> None:
        """Note a mark, with the tokens written and generated at that instant."""
        at_s = self._since(stamp.at_ns)
        generated = self.generated(stamp.at_ns)
        self.marks.append(MarkSeen(stamp.name, stamp.seq, at_s, self.written, generated))

    def held(self, name: str, token: int, at_ns: int) -> None:
        """Note that the stream now stands at a gate."""
        self.holds.append(Hold(name, token, self._since(at_ns)))

    def released(self, now_ns: int, *, timed_out: bool = False) -> None:
        """Note that the newest hold is over."""
        last = self.holds[-1]
        for_s = self._since(now_ns) - last.at_s
        self.holds[-1] = replace(last, for_s=for_s, timed_out=timed_out)

    def blocked(self, now_ns: int) -> None:
        """Note that the client does not read: the kernel has refused bytes."""
        self.blocked_ns = now_ns

    def unblocked(self, now_ns: int) -> None:
        """Note that what was refused is out."""
        self.stalled_ns = self._stalled_ns(now_ns)
        self.blocked_ns = None

    # ── the figures ──────────────────────────────────────────────────────────────────────────

    @property
    def written(self) -> int:
        """Tokens whose frames the kernel took whole."""
        if self.plan is None:
            return 0
        frames, reply = self.progress.frames, self.plan.reply
        if not self.plan.stream:
            return reply.sent[-1] if self.complete else 0
        return reply.sent[min(frames, len(reply)) - 1] if frames else 0

    def generated(self, now_ns: int) -> int:
        """Tokens handed over (a stream), or reached by the timeline (an answer in one body)."""
        if self.plan is None or self.playback is None:
            return 0
        if self.plan.stream:
            return self.playback.token
        ready = self.playback.ready(now_ns)
        return self.plan.reply.tokens[ready - 1] if ready else 0

    @property
    def complete(self) -> bool:
        """True when the last frame, whatever it is, reached the kernel."""
        if self.plan is None or self.plan.is_cut:
            return False
        needed = len(self.plan.reply.due_ns) if self.plan.stream else _HEAD_AND_BODY
        return self.progress.frames >= needed

    @property
    def retry_of(self) -> str | None:
        """The exchange that this one repeats."""
        return self.attempt.retry_of if self.attempt is not None else None

    @property
    def standing_at(self) -> str | None:
        """The gate at which the exchange stands now."""
        return self.holds[-1].name if self.holds and self.holds[-1].for_s is None else None

    @property
    def phase(self) -> Phase:
        """How far the answer is, by what the kernel took."""
        if self.plan is None:
            return "receiving"
        if self.complete:
            return "done"
        if self.progress.frames == 0:
            return "before_headers"
        visible = self.plan.reply.sent[-1]
        if self.written == 0 and visible:
            return "before_first_token"
        return "streaming" if self.written < visible else "after_last_token"

    # ── snapshots ────────────────────────────────────────────────────────────────────────────

    def snapshot(self, now_ns: int) -> Exchange:
        """Return the facts as they stand, with the outcome open."""
        return self._exchange(now_ns, "open", phase=self.phase)

    def complete_now(self, now_ns: int) -> Exchange:
        """End as completed."""
        return self._end(now_ns, "completed", phase="done")

    def cancel(self, now_ns: int, how: How, errno: int | None) -> Exchange:
        """End because the client left early."""
        left = _make_disconnect(
            how=how,
            errno=errno,
            at_s=self._since(now_ns),
            token=self.written,
            while_held=self.standing_at,
            since_mark_s={mark.name: self._since(now_ns) - mark.at_s for mark in self.marks},
        )
        return self._end(now_ns, "cancelled", phase=self.phase, disconnect=left)

    def fail(self, now_ns: int, cause: Cause, error: str | None = None) -> Exchange:
        """End by our own doing."""
        self.error = error
        return self._end(now_ns, "failed", phase=self.phase, cause=cause)

    def _end(
        self,
        now_ns: int,
        outcome: Outcome,
        *,
        phase: Phase,
        cause: Cause | None = None,
        disconnect: Disconnect | None = None,
    ) -> Exchange:
        if self.attempt is not None:
            self.attempt.end(outcome, now_ns, is_marked=bool(self.marks))
        exchange = self._exchange(
            now_ns, outcome, phase=phase, cause=cause, disconnect=disconnect, ended=True
        )
        return exchange.billed(bill(exchange, self.policy, self.prices))

    def _exchange(
        self,
        now_ns: int,
        outcome: Outcome,
        *,
        phase: Phase,
        cause: Cause | None = None,
        disconnect: Disconnect | None = None,
        ended: bool = False,
    ) -> Exchange:
        plan, tokens = self.plan, self._tokens(now_ns, is_done=phase == "done")
        if ended and self.standing_at is not None:
            self.released(now_ns)
        return _make_exchange(
            self,
            completion_id=plan.completion_id if plan else None,
            outcome=outcome,
            cause=cause,
            phase=phase,
            disconnect=disconnect,
            marks=tuple(self.marks),
            holds=tuple(self.holds),
            tokens=tokens,
            paced=plan.reply.paced if plan else False,
            delivery=self._delivery(now_ns, refused=cause == "refused", ended=ended),
            timing=self._timing(now_ns if ended else None),
            half_closed_s=None if self.half_closed_ns is None else self._since(self.half_closed_ns),
            schedule=self._schedule(),
            cached_tokens=plan.cached_tokens if plan else 0,
        )

    def _tokens(self, now_ns: int, *, is_done: bool) -> Tokens:
        if self.plan is None:
            return Tokens()
        reply, progress = self.plan.reply, self.progress
        total = reply.tokens[-1]
        nothing_to_tell = progress.bytes == 0 or progress.unsent == 0
        return _make_tokens(
            prompt=self.plan.prompt_tokens,
            planned=total,
            generated=total if is_done else self.generated(now_ns),
            written=reply.sent[-1] if is_done else self.written,
            exact=nothing_to_tell or self.standing_at is not None,
        )

    def _delivery(self, now_ns: int, *, refused: bool, ended: bool) -> Delivery:
        progress = self.progress
        note = progress.note if ended else _NOT_YET
        return _make_delivery(
            written_bytes=progress.bytes,
            acked_bytes=progress.acked,
            unsent_bytes=progress.unsent,
            stalled_s=self._stalled_ns(now_ns) / 1e9,
            note=_NOT_COUNTED if refused else note,
        )

    def _stalled_ns(self, now_ns: int) -> int:
        return self.stalled_ns + (now_ns - self.blocked_ns if self.blocked_ns is not None else 0)

    def _timing(self, ended_ns: int | None) -> Timing:
        since_ns, progress = self.received_ns, self.progress
        headers_ns, first_ns, last_ns = self.headers_ns, self.first_token_ns, progress.last_write_ns
        return _make_timing(  # without a call for each: they are made for every exchange
            received_at=self.received_at,
            headers_s=None if headers_ns is None else (headers_ns - since_ns) / 1e9,
            first_token_s=None if first_ns is None else (first_ns - since_ns) / 1e9,
            last_write_s=None if last_ns is None else (last_ns - since_ns) / 1e9,
            ended_s=None if ended_ns is None else (ended_ns - since_ns) / 1e9,
            pace_error_ms=_pace_error(progress) if progress.late_ns else None,
        )

    def _schedule(self) -> Schedule | None:
        playback = self.playback
        if playback is None:
            return None
        start_s = self._since(playback.start_ns)
        return _make_schedule(playback.reply, start_s, tuple(playback.shifts))

    def _since(self, at_ns: int) -> float:
        return (at_ns - self.received_ns) / 1e9


make_recorder = maker_of(Recorder)


def _pace_error(progress: Progress) -> PaceError:
    """Return how late the writes were, in milliseconds."""
    ranked = sorted(progress.late_ns)
    p50_ns, p99_ns = ranked[len(ranked) // 2], ranked[len(ranked) * 99 // 100]
    return _make_pace_error(_ms(p50_ns), _ms(p99_ns), _ms(progress.latest_ns))


def _ms(ns: int) -> float:
    return round(ns / 1e6, 3)
