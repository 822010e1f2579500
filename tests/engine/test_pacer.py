"""The pacer wakes everything at its deadline, never early, and lets no crash spread."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockai.engine.pacer import NEVER, TICK_NS, LoopPacer, VirtualPacer, Wheel

MS = 1_000_000


WOKEN: list[Alarm] = []
"""All that were ever woken, in order."""


class Alarm:
    """Something timed: it notes when it was woken, and may have more deadlines."""

    def __init__(self, *later: int, then: Callable[[], None] = lambda: None) -> None:
        self.due_tick = NEVER
        self.woken: list[int] = []
        self.crashes: list[Exception] = []
        self._later = list(later)
        self._then = then

    def tick(self, now_ns: int) -> int | None:
        self.woken.append(now_ns)
        WOKEN.append(self)
        self._then()
        return self._later.pop(0) if self._later else None

    def crashed(self, error: Exception) -> None:
        self.crashes.append(error)


class Broken(Alarm):
    """It crashes when it is woken, and then in saying so."""

    def tick(self, now_ns: int) -> int | None:
        raise RuntimeError("a bug")

    def crashed(self, error: Exception) -> None:
        super().crashed(error)
        raise RuntimeError("another bug")


def taken(wheel: Wheel, now_ns: int, *, most_ns: int = MS) -> list[Alarm]:
    """Return who is woken by one turn, in order; with an open end it is all that are due."""
    before, now = len(WOKEN), [now_ns]
    wheel.turn(lambda: now[0], most_ns)
    return WOKEN[before:]


# ── the wheel ────────────────────────────────────────────────────────────────────────────────


def test_a_deadline_is_rounded_up_to_its_tick() -> None:
    """Late by less than a tick, but never early."""
    wheel, alarm = Wheel(), Alarm()
    wheel.put(alarm, TICK_NS + 1)
    assert wheel.next_ns() == 2 * TICK_NS
    assert taken(wheel, 2 * TICK_NS - 1) == []
    assert taken(wheel, 2 * TICK_NS) == [alarm]
    assert (wheel.next_ns(), len(wheel)) == (None, 0)


def test_a_new_deadline_replaces_the_old_one() -> None:
    """Each has one deadline, earlier or later than before."""
    wheel, alarm = Wheel(), Alarm()
    for at_ns in (5 * MS, 9 * MS, 3 * MS):
        wheel.put(alarm, at_ns)
    assert (wheel.next_ns(), len(wheel)) == (3 * MS, 1)
    assert taken(wheel, 20 * MS) == [alarm]


def test_what_is_dropped_is_not_taken() -> None:
    """Dropping twice, or what was never there, is no error."""
    wheel, one, two = Wheel(), Alarm(), Alarm()
    wheel.put(one, MS)
    wheel.put(two, MS)
    for alarm in (one, one, Alarm()):
        wheel.drop(alarm)
    assert (wheel.next_ns(), taken(wheel, MS)) == (MS, [two])


moves = st.lists(
    st.tuples(st.sampled_from(["put", "drop", "take"]), st.integers(0, 4), st.integers(0, 9)),
    max_size=40,
)


@given(moves=moves)
def test_the_wheel_is_a_table_of_deadlines(moves: list[tuple[str, int, int]]) -> None:
    """Whatever is put, dropped and taken, in any order: as if it were a plain table."""
    wheel, alarms, table = Wheel(), [Alarm() for _ in range(5)], dict[Any, int]()
    for what, who, tick in moves:
        alarm = alarms[who]
        if what == "put":
            wheel.put(alarm, tick * TICK_NS)
            table[alarm] = tick
        elif what == "drop":
            wheel.drop(alarm)
            table.pop(alarm, None)
        else:
            due = [each for each in table if table[each] <= tick]
            woken = taken(wheel, tick * TICK_NS)
            assert [table[each] for each in woken] == sorted(table[each] for each in due)
            assert set(woken) == set(due)
            for each in due:
                del table[each]
        earliest = min(table.values(), default=None)
        assert wheel.next_ns() == (None if earliest is None else earliest * TICK_NS)
        assert len(wheel) == len(table)


def test_a_turn_ends_in_time_and_the_rest_comes_first_in_the_next() -> None:
    """Who was due and has waited is woken before those that have become due meanwhile."""
    now = [10 * MS]
    slow = [Alarm(1, then=lambda: now.__setitem__(0, now[0] + MS)) for _ in range(4)]
    wheel = Wheel()
    for place, alarm in enumerate(slow):
        wheel.put(alarm, place * MS)
    before = len(WOKEN)
    for _ in range(4):  # each has a deadline in the past again
        wheel.turn(lambda: now[0], MS // 2)
        assert wheel.next_ns() is not None
    assert WOKEN[before:] == slow


def test_who_waits_for_the_next_turn_can_still_be_cancelled_or_moved() -> None:
    """It is not woken, or at its new time, and only once."""
    now = [10 * MS]
    first = Alarm(then=lambda: now.__setitem__(0, now[0] + MS))
    dropped, moved, last = Alarm(), Alarm(), Alarm()
    wheel = Wheel()
    for place, alarm in enumerate((first, dropped, moved, last)):
        wheel.put(alarm, place * MS)
    before = len(WOKEN)
    wheel.turn(lambda: now[0], 0)
    wheel.drop(dropped)
    wheel.put(moved, 20 * MS)
    assert (wheel.next_ns(), len(wheel)) == (0, 1)
    wheel.turn(lambda: now[0], MS)
    assert WOKEN[before:] == [first, last]
    assert wheel.next_ns() == 20 * MS
    assert taken(wheel, 20 * MS) == [moved]


# ── virtual time ─────────────────────────────────────────────────────────────────────────────


def test_virtual_time_passes_only_when_told() -> None:
    """Then everything due is woken at its own instant, in order."""
    pacer, early, late = VirtualPacer(), Alarm(7 * MS), Alarm()
    pacer.schedule(late, 5 * MS)
    pacer.schedule(early, 2 * MS)
    pacer.advance(0.004)
    assert (early.woken, late.woken, pacer.now_ns()) == ([2 * MS], [], 4 * MS)
    pacer.advance(0.006)
    assert (early.woken, late.woken, pacer.now_ns()) == ([2 * MS, 7 * MS], [5 * MS], 10 * MS)


def test_virtual_time_never_goes_back() -> None:
    """A deadline in the past is due at once, which is now."""
    pacer, alarm = VirtualPacer(8 * MS), Alarm()
    pacer.schedule(alarm, 3 * MS)
    pacer.advance_to(1 * MS)
    pacer.advance(0)
    assert (alarm.woken, pacer.now_ns()) == ([8 * MS], 8 * MS)


def test_run_goes_on_until_nothing_is_due() -> None:
    """The time is then that of the last deadline."""
    pacer, alarm = VirtualPacer(), Alarm(4 * MS, 9 * MS)
    pacer.schedule(alarm, MS)
    pacer.run()
    assert (alarm.woken, pacer.now_ns()) == ([MS, 4 * MS, 9 * MS], 9 * MS)


def test_a_cancelled_alarm_is_not_woken() -> None:
    """Neither now nor later."""
    pacer, alarm = VirtualPacer(), Alarm()
    pacer.schedule(alarm, MS)
    pacer.cancel(alarm)
    pacer.run()
    assert alarm.woken == []


def test_one_crash_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """Before it, after it, at the same instant: even when it cannot say that it crashed."""
    pacer, broken, others = VirtualPacer(), Broken(), [Alarm(3 * MS) for _ in range(3)]
    for alarm in (others[0], broken, *others[1:]):
        pacer.schedule(alarm, MS)
    pacer.run()
    assert [alarm.woken for alarm in others] == [[MS, 3 * MS]] * 3
    assert [str(error) for error in broken.crashes] == ["a bug"]
    assert "could not even say so" in caplog.text


# ── on an event loop ─────────────────────────────────────────────────────────────────────────


class Handle:
    """A call that the loop was asked for, after a delay."""

    def __init__(self, call: Callable[[], None], delay: float) -> None:
        self.call, self.delay, self.cancelled = call, delay, False

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """The one method of a loop that a pacer uses, and the time at which it runs."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.handles: list[Handle] = []

    def call_later(self, delay: float, call: Callable[[], None]) -> Handle:
        self.handles.append(Handle(call, delay))
        return self.handles[-1]

    @property
    def pending(self) -> list[float]:
        """The delays of what is still to be called."""
        return [handle.delay for handle in self.handles if not handle.cancelled]

    def fire(self, now_ns: int) -> None:
        """Call what is pending, once, at this instant."""
        self.now_ns = now_ns
        handles, self.handles = self.handles, []
        for handle in handles:
            if not handle.cancelled:
                handle.call()


def paced() -> tuple[FakeLoop, LoopPacer]:
    """Return a pacer on a fake loop."""
    loop = FakeLoop()
    return loop, LoopPacer(loop, clock=lambda: loop.now_ns)  # type: ignore[arg-type]


def test_the_loop_is_armed_once_for_the_earliest_deadline() -> None:
    """A thousand streams are one timer."""
    loop, pacer = paced()
    alarms = [Alarm() for _ in range(3)]
    for alarm, at_ns in zip(alarms, (5 * MS, 2 * MS, 9 * MS), strict=True):
        pacer.schedule(alarm, at_ns)
    assert loop.pending == [0.002]
    loop.fire(2 * MS)
    assert ([alarm.woken for alarm in alarms], loop.pending) == ([[], [2 * MS], []], [0.003])
    loop.fire(20 * MS)
    assert ([bool(alarm.woken) for alarm in alarms], loop.pending) == ([True] * 3, [])


def test_a_due_deadline_waits_one_turn_of_the_loop() -> None:
    """So that what the client did meanwhile, such as leaving, is seen first."""
    loop, pacer = paced()
    loop.now_ns = 10 * MS
    alarm = Alarm()
    pacer.schedule(alarm, 3 * MS)
    assert (alarm.woken, loop.pending) == ([], [0.0])
    loop.fire(11 * MS)
    assert alarm.woken == [11 * MS]


def test_the_loop_calls_timers_after_what_it_has_just_read() -> None:
    """Why a due deadline is a timer too, where `call_soon` would come before who has left."""

    async def main() -> list[str]:
        loop, order, over = asyncio.get_running_loop(), list[str](), asyncio.Event()

        def woken() -> None:
            order.append("woken")
            over.set()

        pacer, (ours, theirs) = LoopPacer(loop), socket.socketpair()
        ours.setblocking(False)
        loop.add_reader(ours, order.append, "read")
        pacer.schedule(Alarm(then=woken), 0)
        theirs.send(b"x")
        await over.wait()
        loop.remove_reader(ours)
        ours.close()
        theirs.close()
        return order[:2]

    assert asyncio.run(main()) == ["read", "woken"]


def test_a_timer_that_fires_early_wakes_nobody() -> None:
    """Some loops have a coarse clock: the pacer looks at its own and arms again."""
    loop, pacer = paced()
    alarm = Alarm()
    pacer.schedule(alarm, 5 * MS)
    loop.fire(5 * MS - 1)
    assert (alarm.woken, len(loop.pending)) == ([], 1)
    loop.fire(5 * MS)
    assert alarm.woken == [5 * MS]


def test_a_late_timer_tells_the_real_time() -> None:
    """Whoever is woken late can catch up."""
    loop, pacer = paced()
    alarm = Alarm()
    pacer.schedule(alarm, 5 * MS)
    loop.fire(50 * MS)
    assert alarm.woken == [50 * MS]


def test_what_is_scheduled_while_firing_is_not_lost() -> None:
    """By the one that is woken, for another, in the past or in the future."""
    loop, pacer = paced()
    past, future = Alarm(), Alarm()

    def schedule_others() -> None:
        pacer.schedule(past, MS)
        pacer.schedule(future, 8 * MS)

    pacer.schedule(Alarm(6 * MS, then=schedule_others), 5 * MS)
    loop.fire(5 * MS)
    assert loop.pending == [0.0]
    loop.fire(5 * MS)
    assert (past.woken, future.woken) == ([5 * MS], [])
    loop.fire(6 * MS)
    loop.fire(8 * MS)
    assert (future.woken, loop.pending) == ([8 * MS], [])


def test_a_cancelled_deadline_wakes_nobody() -> None:
    """The timer may still fire, for nothing."""
    loop, pacer = paced()
    alarm = Alarm()
    pacer.schedule(alarm, 5 * MS)
    pacer.cancel(alarm)
    loop.fire(5 * MS)
    assert (alarm.woken, loop.pending) == ([], [])
    pacer.schedule(alarm, 7 * MS)
    assert loop.pending == [0.002]


def test_a_crash_does_not_stop_the_loops_pacer(caplog: pytest.LogCaptureFixture) -> None:
    """The others are woken, and the next timer is armed."""
    loop, pacer = paced()
    broken, other = Broken(), Alarm(9 * MS)
    pacer.schedule(broken, 5 * MS)
    pacer.schedule(other, 5 * MS)
    loop.fire(5 * MS)
    assert (other.woken, loop.pending) == ([5 * MS], [0.004])
    loop.fire(9 * MS)
    assert other.woken == [5 * MS, 9 * MS]
    assert "could not even say so" in caplog.text


def test_on_a_real_loop_it_keeps_its_deadlines() -> None:
    """Never early on the clock that streams are measured by."""

    async def play() -> tuple[int, list[int]]:
        pacer = LoopPacer(asyncio.get_running_loop())
        over = asyncio.Event()
        start = pacer.now_ns()
        alarm = Alarm(start + MS, start + 2 * MS)
        pacer.schedule(alarm, start)
        pacer.schedule(Alarm(then=over.set), start + 3 * MS)
        await over.wait()
        return start, alarm.woken

    start, woken = asyncio.run(play())
    assert len(woken) == 3
    assert all(at_ns >= start + place * MS for place, at_ns in enumerate(woken))
