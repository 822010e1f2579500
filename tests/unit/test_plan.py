"""A playback is told the time and says what is due: holds shift the rest, lateness does not."""

from __future__ import annotations

from array import array
from itertools import accumulate, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mockai.core.plan import Playback
from mockai.core.reply import HoldPoint, Reply
from tests.support.facts import reply_of

MS = 1_000_000
START = 7_000 * MS
FIFTY = {"ttft": "200ms", "tokens_per_second": 50}
DODO = {"text": "Hi 🦤 you"}  # 1, 3 and 1 tokens


def at(milliseconds: float) -> int:
    """Return an instant on the clock of the playback."""
    return START + round(milliseconds * MS)


def play_of(*steps: Any, by_frame: bool = True, pace: Any = FIFTY) -> Playback:
    """Return the playback of a scenario, started at `at(0)`."""
    return Playback(reply_of(*steps, pace=pace), START, by_frame=by_frame)


def tick(play: Playback, milliseconds: float) -> int:
    """Hand over all that is due, as a stream does; return the next position."""
    play.move(play.ready(at(milliseconds)), at(milliseconds))
    return play.position


def next_ms(play: Playback) -> float | None:
    """Return when the next event is due, in milliseconds after the start."""
    due = play.next_ns()
    return None if due is None else (due - START) / MS


# ── the timeline ─────────────────────────────────────────────────────────────────────────────


def test_each_frame_is_due_at_its_instant_and_not_before() -> None:
    """The head at once, then a frame each time its deadline has come."""
    play = play_of(3)
    assert (tick(play, 0), next_ms(play)) == (1, 200)
    assert (tick(play, 199.999), next_ms(play)) == (1, 200)
    assert (tick(play, 200), play.token, next_ms(play)) == (2, 1, 220)
    assert (tick(play, 240), play.ended, next_ms(play)) == (5, True, None)


def test_lateness_does_not_shift() -> None:
    """A late tick hands over all that is due, and the next deadline is where it always was."""
    play = play_of(9)
    assert (tick(play, 275), next_ms(play), play.shift_ns) == (5, 280, 0)


def test_a_stall_shifts_the_rest() -> None:
    """What was late because the client did not read stays late; nothing is moved earlier."""
    play = play_of(3)
    tick(play, 200)
    play.shift(300 * MS)
    play.shift(-50 * MS)
    assert (next_ms(play), play.shifts) == (520, [(2, 300 * MS)])


# ── holds ────────────────────────────────────────────────────────────────────────────────────


def test_a_hold_stops_the_play_and_shifts_the_rest_by_its_length() -> None:
    """While it is held nothing is due; after the release the distances are as planned."""
    play = play_of(4, {"hold": {"at_token": 2}})
    assert tick(play, 220) == 3
    assert play.held is not None
    assert (play.held.name, play.held.token, next_ms(play)) == ("hold-1", 2, None)
    assert tick(play, 5_000) == 3
    play.release(at(5_000))
    assert (play.held, next_ms(play), play.shift_ns) == (None, 5_020, 4_780 * MS)
    assert (tick(play, 5_019), tick(play, 5_020)) == (3, 4)


def test_being_late_at_a_hold_is_not_part_of_it() -> None:
    """A hold begins when it was due: released at 300, the next token is due one period later."""
    play = play_of(4, {"hold": {"at_token": 2}})
    tick(play, 290)
    assert play.held_since_ns() == at(220)
    play.release(at(300))
    assert next_ms(play) == 320


def test_a_late_tick_stops_at_the_hold() -> None:
    """Frames after the hold are not handed over, however late it is."""
    play = play_of(4, {"hold": {"at_token": 2}})
    assert (tick(play, 9_000), play.token) == (3, 2)


def test_a_hold_after_a_pause_is_reached_when_the_pause_is_over() -> None:
    """Until then the play is not held, and the hold is the next event."""
    play = play_of(1, {"pause": "1s"}, {"hold": "middle"}, 1)
    tick(play, 200)
    assert (play.held, next_ms(play)) == (None, 1_200)
    tick(play, 1_200)
    assert (play.held is not None, next_ms(play)) == (True, None)


def test_a_hold_at_the_headers_holds_before_anything() -> None:
    """Not even the head is due."""
    play = play_of({"hold": {"at": "headers"}}, 1)
    assert (tick(play, 900), play.held is not None) == (0, True)
    play.release(at(1_000))
    assert (tick(play, 1_000), next_ms(play)) == (1, 1_200)


def test_a_hold_at_the_first_token_holds_after_the_head() -> None:
    """The time to the first token begins with the release."""
    play = play_of({"hold": {"at": "first_token"}}, 1)
    assert (tick(play, 900), play.token) == (1, 0)
    play.release(at(1_000))
    assert next_ms(play) == 1_200


def test_a_hold_when_done_holds_the_tail_only() -> None:
    """All tokens are out; what is left is the finish chunk and the end of the body."""
    play = play_of(2, {"hold": {"at": "done"}})
    assert (tick(play, 900), play.token, play.ended) == (3, 2, False)
    play.release(at(1_000))
    assert (tick(play, 1_000), play.ended) == (4, True)


def test_a_hold_inside_a_character_holds_after_it() -> None:
    """Asked for at token 2, it stands at 4, where the dodo is whole."""
    play = play_of(DODO, {"hold": {"at_token": 2}})
    tick(play, 900)
    assert play.held is not None
    assert (play.token, play.held.token, play.position) == (4, 4, 3)


def test_holds_at_one_place_are_reached_one_after_the_other() -> None:
    """The second is reached on the shifted timeline; together they shift by their two lengths."""
    play = play_of(2, {"hold": "soon"}, {"pause": "1s"}, {"hold": "late"}, 1)
    tick(play, 220)
    play.release(at(2_000))
    assert (tick(play, 2_000), play.held, next_ms(play)) == (3, None, 3_000)
    tick(play, 3_000)
    assert play.held is not None
    play.release(at(5_000))
    assert (play.held, play.shift_ns, next_ms(play)) == (None, 3_780 * MS, 5_020)


def test_two_holds_at_the_same_instant_do_not_count_twice() -> None:
    """Held at 220 until 1,000 and again until 1,500: the rest is late by 1,280."""
    play = play_of(2, {"hold": "one"}, {"hold": "two"}, 1)
    tick(play, 220)
    play.release(at(1_000))
    assert (tick(play, 1_000), play.held is not None) == (3, True)
    play.release(at(1_500))
    assert (tick(play, 1_500), next_ms(play)) == (3, 1_520)


def test_release_without_a_hold_does_nothing() -> None:
    """Nobody stands there, so nothing moves."""
    play = play_of(2)
    play.release(at(500), tokens=1)
    assert (play.shift_ns, tick(play, 900), play.ended) == (0, 4, True)


# ── releasing a few tokens ───────────────────────────────────────────────────────────────────


def test_release_of_n_tokens_holds_again_at_the_same_gate() -> None:
    """With the same name and the same time-out, n tokens later."""
    play = play_of(9, {"hold": {"at_token": 2, "name": "mid", "timeout": "7s"}})
    tick(play, 220)
    play.release(at(1_000), tokens=3)
    assert (tick(play, 9_000), play.token) == (6, 5)
    assert play.held is not None
    assert (play.held.name, play.held.token, play.held.timeout_ns) == ("mid", 5, 7_000 * MS)
    assert play.held_since_ns() == at(1_060)


def test_release_of_n_tokens_counts_from_where_it_stands() -> None:
    """One of three tokens of a character moves on to the whole character."""
    play = play_of(DODO, {"hold": {"at_token": 1}})
    tick(play, 900)
    play.release(at(900), tokens=1)
    tick(play, 2_000)
    assert play.held is not None
    assert (play.token, play.held.token) == (4, 4)


def test_a_hold_on_the_way_is_not_skipped() -> None:
    """Between a gate and its return another gate still holds."""
    steps = (9, {"hold": {"at_token": 2, "name": "a"}}, {"hold": {"at_token": 3, "name": "b"}})
    play, stays = play_of(*steps), []
    for now, tokens in ((1_000, 4), (2_000, None), (3_000, None), (4_000, None)):
        tick(play, now)
        stays.append((play.held.name, play.token) if play.held else None)
        play.release(at(now), tokens=tokens)
    assert stays == [("a", 2), ("b", 3), ("a", 6), None]


def test_released_to_the_very_end_it_holds_before_the_tail() -> None:
    """One token more than there are is no hold any more."""
    exact, over = (play_of(4, {"hold": {"at_token": 2}}) for _ in range(2))
    for play, tokens in ((exact, 2), (over, 3)):
        tick(play, 220)
        play.release(at(220), tokens=tokens)
        tick(play, 9_000)
    assert (exact.token, exact.ended, over.ended) == (4, False, True)


# ── an answer in one body ────────────────────────────────────────────────────────────────────


def test_one_body_is_woken_at_its_end_only() -> None:
    """Between the start and the last token nothing leaves, so nothing is an event."""
    play = play_of(4, by_frame=False)
    assert next_ms(play) == 260
    assert (tick(play, 260), play.ended, next_ms(play)) == (6, True, None)


def test_one_body_is_woken_at_its_holds() -> None:
    """Holds stop it as they stop a stream, and shift its end."""
    play = play_of(4, {"hold": {"at_token": 2}}, {"hold": {"at": "done"}}, by_frame=False)
    assert next_ms(play) == 220
    assert (tick(play, 220), play.token) == (3, 2)
    play.release(at(1_000))
    assert next_ms(play) == 1_040
    tick(play, 1_040)
    play.release(at(2_000))
    assert (next_ms(play), tick(play, 2_000), play.ended) == (2_000, 6, True)


# ── the rules, for any reply ─────────────────────────────────────────────────────────────────

small = st.integers(0, 5)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Draw any reply: pieces of 1 to 3 tokens, gaps, and holds wherever the builder puts them."""
    sizes = draw(st.lists(st.integers(1, 3), max_size=6))
    gaps = [0, *draw(st.lists(small, min_size=len(sizes) + 1, max_size=len(sizes) + 1))]
    due = list(accumulate(gaps))
    tokens = [0, *accumulate(sizes)]
    tokens.append(tokens[-1])
    holds = []
    for frame in draw(st.lists(st.integers(0, len(sizes) + 1), max_size=4)):
        token = tokens[frame - 1] if frame else 0
        reached = due[frame - 1] + draw(st.integers(0, gaps[frame])) if frame else 0
        holds.append(HoldPoint("gate", frame, token, reached, 60))
    holds.sort(key=lambda hold: (hold.frame, hold.due_ns))
    return Reply((), array("q", due), array("q", tokens), tuple(holds), "stop", paced=True)


waits = st.lists(st.tuples(small, st.one_of(st.none(), st.integers(1, 4))), max_size=30)


@settings(max_examples=300, deadline=None)
@given(reply=replies(), script=waits, by_frame=st.booleans())
def test_every_frame_leaves_once_in_order_and_never_early(
    reply: Reply, script: list[tuple[int, int | None]], *, by_frame: bool
) -> None:
    """Whatever the reply, its holds, the ticks and the releases."""
    play = Playback(reply, 0, by_frame=by_frame)
    now, base, handed = 0, 0, []  # base: how far the timeline has moved, by our own account
    for wait, tokens in [*script, *[(100, None)] * 20]:
        now += wait
        if play.held is not None:
            base = now - play.held.due_ns
            play.release(now, tokens=tokens)
        first, end = play.position, play.ready(now)
        play.move(end, now)
        handed += range(first, end)
        assert all(base + reply.due_ns[frame] <= now for frame in range(first, end))
        due = play.next_ns()
        assert play.ended or play.held is not None or (due is not None and due > now)
    assert play.ended
    assert handed == list(range(len(reply)))
    assert all(one[0] <= two[0] and one[1] < two[1] for one, two in pairwise(play.shifts))


@settings(max_examples=100, deadline=None)
@given(reply=replies(), times=st.lists(small, min_size=1, max_size=30))
def test_without_holds_the_last_tick_alone_decides(reply: Reply, times: list[int]) -> None:
    """Ticks in between change nothing: lateness never adds up."""
    bare = Reply((), reply.due_ns, reply.tokens, (), "stop", paced=True)
    many, one = Playback(bare, 0), Playback(bare, 0)
    for now in accumulate(times):
        many.move(many.ready(now), now)
    one.move(one.ready(sum(times)), sum(times))
    assert (many.position, many.next_ns()) == (one.position, one.next_ns())
