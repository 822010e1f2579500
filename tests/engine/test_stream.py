"""Every way in which a stream ends, and all that happens on the way there."""

from __future__ import annotations

from typing import Any

import pytest

from mockai.core.errors import ConflictError
from mockai.core.exchange import PaceError
from mockai.engine.sink import AHEAD, MemorySink
from tests.support.play import FIFTY, Numbered, Play, Rendered, session_of

HOLD_AT_3: dict[str, Any] = {"hold": {"at_token": 3}}


# ── read to its end ──────────────────────────────────────────────────────────────────────────


def test_a_stream_that_is_read_to_its_end_is_completed() -> None:
    """The head leaves at once, the first token after ttft, the tail with the last token."""
    play = Play(5).start()
    assert (play.sink.status, play.sink.progress.frames, play.sent) == (200, 1, [])
    play.after(0.2)
    assert play.sent == [1]
    play.after(0.06)
    assert (play.sent, play.ends) == ([1, 2, 3, 4], [])
    play.after(0.02)
    assert (play.sent, play.sink.finished) == ([1, 2, 3, 4, 5, 6], True)
    assert (play.end.outcome, play.end.phase, play.end.status) == ("completed", "done", 200)


def test_a_completed_exchange_has_all_its_figures() -> None:
    """What was written, generated and billed is the whole reply, and every instant is known."""
    end = Play(5).start().after(1).end
    tokens, timing = end.tokens, end.timing
    assert (tokens.prompt, tokens.planned, tokens.generated, tokens.written) == (21, 5, 5, 5)
    assert (timing.headers_s, timing.first_token_s, timing.last_write_s) == (0, 0.2, 0.28)
    assert timing.ended_s == 0.28
    assert end.delivery.written_bytes == len(b"<1><2><3><4><5><6>")
    assert end.bill is not None
    assert (end.bill.completion_tokens, end.bill.wasted_tokens) == (5, 0)


def test_a_stream_without_a_pace_is_one_write() -> None:
    """Everything is due at once, so it goes out in one go, the end of the body included."""
    play = Play(50, pace=None).start()
    assert (play.sink.writes, play.end.outcome) == ([51], "completed")
    assert play.end.timing.pace_error_ms is None


def test_without_coalescing_each_event_is_a_write() -> None:
    """Also when several are due: at once, or because we came late. The end comes with the tail."""
    play = Play(50, pace={"coalesce": False}).start().after(0)
    assert (play.sink.writes, play.end.outcome) == ([1] * 51, "completed")
    assert play.sent == list(range(1, 52))
    late = Play(20, pace={**FIFTY, "coalesce": False}).start()
    late.pacer.oversleep(1)
    assert (late.sink.writes, late.end.tokens.written) == ([0] + [1] * 21, 20)


def test_without_coalescing_a_client_that_stalls_is_waited_for() -> None:
    """What was refused is not sent twice, and nothing of it is lost."""
    play = Play(20, pace={"coalesce": False}, frames=Numbered(size=5_000))
    play.sink.stall()
    play.start().after(0.1)
    assert play.sent == []
    play.sink.read_on()
    play.after(0)
    assert (play.sent, play.end.outcome) == (list(range(1, 22)), "completed")


def test_an_unpaced_stream_is_never_more_than_16_kb_ahead() -> None:
    """What is due goes out in portions, so that a cancel is seen before all is in the socket."""
    play = Play(20, pace=None, frames=Numbered(size=5_000)).start()
    assert (play.sink.writes, play.ends) == ([4], [])
    play.after(0.1)
    assert play.sink.writes == [4, 4, 4, 4, 4, 1]
    assert play.sent == list(range(1, 22))
    assert all(count * 5_000 < AHEAD + 5_000 for count in play.sink.writes)


def test_what_others_have_rendered_goes_out_in_a_few_writes_of_one_turn() -> None:
    """Each once the kernel has the one before; then others have their turn."""
    frames = Rendered(size=5_000)
    play = Play(20, pace=None, frames=frames).start()
    assert play.sink.writes == [4, 4, 4, 4]
    play.sink.hang_up()
    assert (play.end.outcome, play.end.tokens.written) == ("cancelled", 16)
    assert play.after(1).sink.writes == [4, 4, 4, 4]
    stalled = Play(20, pace=None, frames=frames)
    stalled.sink.stall()
    stalled.start()
    assert (stalled.sink.writes, stalled.sink.progress.waiting) == ([], 4 * 5_000)
    frames.rests[9] = None  # nobody has come further yet: that may take long
    assert Play(20, pace=None, frames=frames).start().sink.writes == [4, 4]


def test_a_client_that_leaves_between_two_portions_is_seen() -> None:
    """A large unpaced answer can be cancelled."""
    play = Play(20, pace=None, frames=Numbered(size=5_000)).start()
    play.sink.hang_up()
    assert (play.end.outcome, play.end.tokens.written) == ("cancelled", 4)
    assert play.after(1).sink.writes == [4]


def test_an_empty_reply_completes_without_a_first_token() -> None:
    """Where no token is sent, none has an instant."""
    end = Play({"finish": "stop"}).start().after(1).end
    assert (end.outcome, end.tokens.written) == ("completed", 0)
    assert (end.timing.first_token_s, end.timing.ended_s) == (None, 0.2)


# ── the client leaves ────────────────────────────────────────────────────────────────────────

PHASES = [
    ((5,), False, 0.0, "receiving", 0),
    (({"hold": {"at": "headers"}}, 5), True, 0.0, "before_headers", 0),
    ((5,), True, 0.1, "before_first_token", 0),
    ((5,), True, 0.2, "streaming", 1),
    ((5,), True, 0.25, "streaming", 3),
    ((5, {"hold": {"at": "done"}}), True, 0.3, "after_last_token", 5),
    (({"hold": {"at": "done"}}, {"finish": "stop"}), True, 0.3, "after_last_token", 0),
]


@pytest.mark.parametrize("steps,started,at_s,phase,token", PHASES)
def test_leaving_early_is_a_cancel_in_its_phase(
    *, steps: tuple[Any, ...], started: bool, at_s: float, phase: str, token: int
) -> None:
    """Whenever the client leaves before the last frame, the phase and the tokens say how far."""
    play = Play(*steps)
    if started:
        play.start()
    play.after(at_s).sink.hang_up()
    end, left = play.end, play.end.disconnect
    assert (end.outcome, end.phase, end.tokens.written) == ("cancelled", phase, token)
    assert left is not None
    assert (left.how, left.token, left.at_s) == ("fin", token, at_s)


def test_nothing_is_sent_after_the_client_has_left() -> None:
    """A cancel stops the timeline: no frame, no wake-up, no second end."""
    play = Play(5).start().after(0.2)
    play.sink.hang_up()
    assert len(play.pacer._wheel) == 0  # noqa: SLF001 - a deadline would be kept for nothing
    play.after(10)
    assert (play.sent, len(play.ends), play.stream.tick(play.pacer.now_ns())) == ([1], 1, None)


def test_how_the_client_left_is_kept() -> None:
    """A reset and its errno are evidence in the record."""
    play = Play(5).start()
    play.sink.hang_up("reset", 104)
    assert play.end.disconnect is not None
    assert (play.end.disconnect.how, play.end.disconnect.errno) == ("reset", 104)


def test_a_client_that_left_before_anyone_listened_is_a_cancel() -> None:
    """A sink tells a late listener at once; what is played then goes nowhere."""
    session = session_of()
    play = Play(5, session=session)
    sink = MemorySink()
    sink.hang_up()
    late = type(play.stream)(play.recorder, sink, play.pacer, session)
    late.play(play.plan, ())
    assert late.exchange is not None
    assert (late.exchange.outcome, late.exchange.phase) == ("cancelled", "receiving")
    assert (sink.status, sink.frames) == (None, [])


def test_leaving_after_the_last_frame_is_no_cancel() -> None:
    """Official clients close or reset after a perfect stream."""
    play = Play(5).start().after(1)
    play.sink.hang_up("reset", 104)
    assert (play.end.outcome, play.end.disconnect) == ("completed", None)


def test_leaving_while_held_is_exact() -> None:
    """At a hold the tokens written are known, the gate is named, and its stay ends there."""
    play = Play(5, HOLD_AT_3).start().after(1)
    play.sink.hang_up()
    end = play.end
    assert end.disconnect is not None
    assert (end.disconnect.while_held, end.disconnect.token) == ("hold-1", 3)
    assert (end.tokens.written, end.tokens.generated, end.tokens.exact) == (3, 3, True)
    assert [(hold.at_s, hold.for_s) for hold in end.holds] == [(0.24, 0.76)]
    assert play.session.gates.get("hold-1").held == {}
    with pytest.raises(ConflictError):
        play.session.gates.release("hold-1")


# ── gates ────────────────────────────────────────────────────────────────────────────────────


def test_a_hold_stops_the_stream_and_shifts_what_follows() -> None:
    """After a release the rest keeps its distances: the hold's length is added to each."""
    play = Play(5, HOLD_AT_3).start().after(1)
    assert (play.sent, play.now.holds[0].at_s, play.now.tokens.exact) == ([1, 2, 3], 0.24, True)
    assert play.session.gates.release("hold-1") == 1
    play.after(0.0195)
    assert play.sent == [1, 2, 3]
    play.after(0.0005)
    assert play.sent == [1, 2, 3, 4]
    play.after(0.02)
    assert (play.end.outcome, play.end.timing.ended_s) == ("completed", 1.04)
    assert play.end.timing.pace_error_ms == PaceError(0, 0, 0)


def test_release_of_some_tokens_holds_again_at_the_same_gate() -> None:
    """`tokens: N` lets N more go, and the record has both stays."""
    play = Play(9, HOLD_AT_3).start().after(1)
    play.session.gates.release("hold-1", tokens=2)
    play.after(1)
    assert play.sent == [1, 2, 3, 4, 5]
    gate = play.session.gates.get("hold-1").to_json(play.pacer.now_ns())
    assert [(item["token"], item["since_s"]) for item in gate["held"]] == [(5, 0.96)]
    assert [(hold.token, hold.at_s, hold.for_s) for hold in play.now.holds] == [
        (3, 0.24, 0.76),
        (5, 1.04, None),
    ]


def test_release_of_more_tokens_than_are_left_ends_the_stream() -> None:
    """There is no place to hold again beyond the end; at the end itself there is."""
    over, exact = Play(5, HOLD_AT_3).start().after(1), Play(5, HOLD_AT_3).start().after(1)
    over.session.gates.release("hold-1", tokens=3)
    exact.session.gates.release("hold-1", tokens=2)
    assert over.after(1).end.outcome == "completed"
    assert (exact.after(1).sent, exact.now.phase) == ([1, 2, 3, 4, 5], "after_last_token")


def test_an_open_gate_holds_nobody() -> None:
    """Opened for good, it is passed without a stay and without a shift, even when we are late."""
    play = Play(5, HOLD_AT_3).start()
    play.session.gates.release("hold-1", everything=True)
    play.after(0.23)
    play.pacer.oversleep(0.025)
    play.after(0.025)
    assert (play.sent, play.end.holds, play.end.timing.ended_s) == ([1, 2, 3, 4, 5, 6], (), 0.28)


def test_a_release_can_be_narrowed_to_one_exchange() -> None:
    """Two streams stand at one gate; only the named one goes on."""
    session = session_of()
    one, two = (Play(5, HOLD_AT_3, session=session).start() for _ in range(2))
    one.after(1)
    assert session.gates.release("hold-1", exchange=two.recorder.id) == 1
    one.after(1)
    assert (one.now.outcome, two.now.outcome) == ("open", "completed")


def test_a_hold_times_out_and_says_so() -> None:
    """A forgotten gate does not hang a suite: the stream goes on and the exchange tells it."""
    play = Play(5, {"hold": {"at_token": 3, "timeout": "2s"}}).start().after(2.235)
    assert play.sent == [1, 2, 3]
    play.after(1)
    (hold,) = play.end.holds
    assert (play.end.outcome, hold.timed_out, hold.for_s) == ("completed", True, 2.0)
    assert play.session.gates.get("hold-1").held == {}


def test_two_holds_at_one_place_are_two_stays() -> None:
    """Each must be released by itself."""
    steps = (2, {"hold": "one"}, {"hold": "two"}, 3)
    play = Play(*steps).start().after(1)
    play.session.gates.release("one")
    play.after(1)
    assert (play.sent, [hold.name for hold in play.now.holds]) == ([1, 2], ["one", "two"])
    play.session.gates.release("two")
    assert play.after(1).end.timing.ended_s == 2.06


# ── the client reads slowly ──────────────────────────────────────────────────────────────────


def test_a_stalled_reader_shifts_the_timeline() -> None:
    """What a client did not read in time is not made up for, and is no error of our pacing."""
    play = Play(5).start().after(0.2)
    play.sink.stall()
    play.after(1)
    assert (play.sent, play.now.tokens.written, play.now.tokens.generated) == ([1], 1, 2)
    play.sink.read_on()
    play.after(0)
    assert play.sent == [1, 2, 3]
    play.after(0.04)
    assert (play.end.outcome, play.end.timing.ended_s) == ("completed", 1.24)
    assert play.end.timing.pace_error_ms == PaceError(0, 0, 0)


def test_a_short_stall_shifts_nothing() -> None:
    """A client that reads on before the next frame is due has cost no time, and won none."""
    play = Play(5).start().after(0.2)
    play.sink.stall()
    play.after(0.025)
    play.sink.read_on()
    assert play.after(0.0145).sent == [1, 2]
    assert play.after(0.0005).sent == [1, 2, 3]
    assert play.after(1).end.timing.ended_s == 0.28


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "one body"])
def test_a_stall_at_the_last_write_ends_completed(*, stream: bool) -> None:
    """The end comes when the kernel has taken the last frame, and nothing is sent twice."""
    play = Play(5, stream=stream).start().after(0.25)
    play.sink.stall()
    play.after(1)
    assert (play.ends, play.now.outcome) == ([], "open")
    play.sink.read_on()
    play.after(0)
    assert (play.end.outcome, play.end.tokens.written) == ("completed", 5)
    assert play.end.timing.ended_s == 1.25
    assert play.sent == ([1, 2, 3, 4, 5, 6] if stream else [0])


def test_hanging_up_while_stalled_counts_what_was_taken() -> None:
    """Generated is what was handed over, written what the kernel took."""
    play = Play(5).start().after(0.22)
    play.sink.stall()
    play.after(1)
    play.sink.hang_up()
    assert (play.end.outcome, play.end.phase) == ("cancelled", "streaming")
    assert (play.end.tokens.written, play.end.tokens.generated) == (2, 3)
    assert not play.end.tokens.exact


def test_a_stall_before_a_hold_still_holds() -> None:
    """The stream stands at its gate once the client has read what came before."""
    play = Play(5, HOLD_AT_3).start().after(0.22)
    play.sink.stall()
    play.after(1)
    assert play.now.holds == ()
    play.sink.read_on()
    play.after(0)
    assert [(hold.token, hold.at_s) for hold in play.now.holds] == [(3, 1.22)]


# ── our own loop is late ─────────────────────────────────────────────────────────────────────


def test_a_late_wake_up_catches_up() -> None:
    """Frames that became due meanwhile go out together; nothing drifts, and the error is told."""
    play = Play(9).start().after(0.2)
    play.pacer.oversleep(0.07)
    assert (play.sent, play.sink.writes) == ([1, 2, 3, 4], [0, 1, 3])
    play.after(1)
    assert play.end.timing.ended_s == 0.36
    assert play.end.timing.pace_error_ms == PaceError(0, 50, 50)


def test_a_late_arrival_at_a_gate_costs_the_stream_nothing() -> None:
    """Released at once, the stream is where it would have been, were we not late."""
    play = Play(5, HOLD_AT_3).start().after(0.2)
    play.pacer.oversleep(0.05)
    play.session.gates.release("hold-1")
    play.after(1)
    assert play.end.timing.ended_s == 0.29


# ── by our own doing ─────────────────────────────────────────────────────────────────────────


def test_a_cut_is_a_failure_of_ours() -> None:
    """The connection is cut and the exchange says whose doing it was."""
    play = Play(5).start().after(0.2)
    play.stream.cut("shutdown")
    play.after(1)
    assert (play.end.outcome, play.end.cause, play.sink.aborted) == ("failed", "shutdown", True)
    assert (play.end.tokens.written, play.sent) == (1, [1])


def test_a_scripted_cut_comes_in_place_of_the_tail() -> None:
    """All tokens are out, the finish chunk never comes, and the exchange says that it was meant."""
    play = Play(5, ending="reset").start().after(0.2795)
    assert play.ends == []
    play.after(0.0005)
    assert (play.end.outcome, play.end.cause, play.sink.aborted) == ("failed", "scripted", True)
    assert (play.sent, play.sink.finished, play.end.tokens.written) == ([1, 2, 3, 4, 5], False, 5)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "one body"])
def test_a_scripted_cut_waits_for_what_stands_before_it(*, stream: bool) -> None:
    """A pause or a hold after the last token comes first."""
    steps = (5, {"pause": "1s"}, {"hold": {"at": "done"}})
    play = Play(*steps, ending="fin", stream=stream).start().after(0.5)
    assert (play.ends, play.now.holds[0].at_s) == ([], 0.28)
    play.session.gates.release("hold-1")
    play.after(0.9995)
    assert play.ends == []
    play.after(0.0005)
    assert (play.end.cause, play.end.timing.ended_s) == ("scripted", 1.5)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "one body"])
def test_a_scripted_cut_waits_for_a_client_that_does_not_read(*, stream: bool) -> None:
    """What was refused by the kernel goes out first, and once."""
    play = Play(5, ending="fin", stream=stream, frames=Numbered(size=8)).start().after(0.25)
    play.sink.stall()
    play.after(1)
    assert play.ends == []
    play.sink.read_on()
    play.after(0)
    assert (play.end.cause, play.sink.cut) == ("scripted", "fin")
    assert play.sink.body == (b"<1>.....<2>.....<3>.....<4>.....<5>....." if stream else b"<0>.")


def test_half_a_body_is_no_answer() -> None:
    """A body that is cut was generated, but no token of it is written: it is not whole."""
    end = Play(5, ending="fin", stream=False, frames=Numbered(size=8)).start().after(1).end
    assert (end.delivery.written_bytes, end.timing.last_write_s) == (4, 0.28)
    assert (end.tokens.generated, end.tokens.written, end.phase) == (5, 0, "before_first_token")


def test_a_refusal_is_no_crash() -> None:
    """The answer is written elsewhere; the record has the status and why."""
    play = Play(5)
    play.stream.refuse(404, "no scenario matches")
    end = play.end
    assert (end.outcome, end.cause, end.status) == ("failed", "refused", 404)
    assert (end.error, play.sink.aborted) == ("no scenario matches", False)


@pytest.mark.parametrize("crash_at", [1, 3, 6])
def test_a_crash_fails_its_own_exchange_only(crash_at: int) -> None:
    """A bug in rendering cuts that stream, names itself, and its neighbours play on."""
    session = session_of()
    bad = Play(5, session=session, frames=Numbered(crash_at=crash_at)).start()
    good = Play(5, session=session).start()
    bad.after(1)
    assert (bad.end.outcome, bad.end.cause, bad.sink.aborted) == ("failed", "internal", True)
    assert bad.end.error == "RuntimeError: a bug in a dialect"
    assert good.end.outcome == "completed"


def test_a_stream_ends_once() -> None:
    """Whatever comes after the end changes nothing."""
    play = Play(5).start().after(1)
    before = play.end
    play.stream.cut("shutdown")
    play.stream.gone("fin", None)
    play.stream.drained()
    play.stream.go_on()
    play.stream.refuse(500, "late")
    play.after(1)
    assert (play.end, play.now, play.sink.aborted) == (before, before, False)


# ── an answer in one body ────────────────────────────────────────────────────────────────────


def test_one_body_waits_for_its_last_token() -> None:
    """It runs on the same timeline: nothing is sent before all tokens are generated."""
    play = Play(5, stream=False).start().after(0.2795)
    assert (play.sink.status, play.sink.frames, play.now.phase) == (None, [], "before_headers")
    play.after(0.0005)
    assert (play.sink.frames, play.end.outcome) == ([b"<0>"], "completed")
    assert play.sink.length == len(b"abc")
    assert (play.end.tokens.written, play.end.timing.headers_s) == (5, 0.28)


def test_one_body_generates_until_the_client_leaves() -> None:
    """Tokens generated are those that the timeline had reached; none was written."""
    play = Play(5, stream=False).start().after(0.25)
    play.sink.hang_up()
    assert (play.end.tokens.generated, play.end.tokens.written) == (3, 0)
    assert (play.end.phase, play.end.outcome) == ("before_headers", "cancelled")


def test_one_body_can_be_held() -> None:
    """A hold stops the generation, and a release of N tokens lets N more be generated."""
    play = Play(5, HOLD_AT_3, stream=False).start().after(1)
    assert (play.now.tokens.generated, play.now.holds[0].at_s) == (3, 0.24)
    play.session.gates.release("hold-1", tokens=1)
    play.after(1)
    assert (play.now.tokens.generated, [hold.token for hold in play.now.holds]) == (4, [3, 4])
    play.session.gates.release("hold-1")
    assert play.after(1).end.timing.ended_s == 2.02


# ── marks ────────────────────────────────────────────────────────────────────────────────────


def test_a_mark_notes_how_far_the_stream_was() -> None:
    """Written and generated differ when the client reads slowly; both are kept."""
    play = Play(5).start().after(0.2)
    play.sink.stall()
    play.after(0.1)
    play.session.mark("stop")
    (mark,) = play.now.marks
    assert (mark.name, mark.seq, mark.at_s, mark.token, mark.generated) == ("stop", 1, 0.3, 1, 2)


def test_tokens_generated_after_a_mark_are_wasted() -> None:
    """The bill says what the stop button would have saved."""
    play = Play(5).start().after(0.2)
    play.session.mark("stop")
    assert play.after(1).end.bill is not None
    assert play.end.bill is not None
    assert (play.end.bill.completion_tokens, play.end.bill.wasted_tokens) == (5, 4)
