"""Sessions that end by themselves, and the log of what happened in one; in virtual time."""

from __future__ import annotations

from mockai.core.exchange import Connection, RequestFacts
from mockai.core.recorder import Recorder
from mockai.engine.events import EventLog
from mockai.engine.pacer import VirtualPacer
from mockai.engine.session import Session, Settings
from mockai.engine.sessions import DEFAULT, Sessions

TTL = Settings(ttl_s=60)


class House:
    """The sessions of a server in virtual time."""

    def __init__(self) -> None:
        self.pacer = VirtualPacer()
        self.sessions = Sessions(self.pacer)

    def names(self) -> list[str]:
        """Return which sessions live."""
        return [session.id for session in self.sessions.all()]


def received(session: Session) -> Recorder:
    """Have a session receive a request, which stays open."""
    return session.receive(RequestFacts(), Connection("c1"), wall_s=0.0)


def test_a_session_ends_when_it_was_not_used_for_its_time_to_live() -> None:
    """Not a moment before."""
    house = House()
    house.sessions.create("one", TTL)
    house.pacer.advance(59)
    assert house.names() == [DEFAULT, "one"]
    house.pacer.advance(2)
    assert house.names() == [DEFAULT]


def test_every_use_counts_anew() -> None:
    """A call to either surface finds its session, and that is a use."""
    house = House()
    house.sessions.create("one", TTL)
    for use in (house.sessions.get, house.sessions.find):
        house.pacer.advance(59)
        assert use("one")
    house.pacer.advance(59)
    assert "one" in house.names()
    house.pacer.advance(2)
    assert house.names() == [DEFAULT]


def test_who_is_being_served_is_not_ended() -> None:
    """However long it takes; the time begins when it is over."""
    house = House()
    session = house.sessions.create("one", TTL)
    recorder = received(session)
    house.pacer.advance(300)
    assert "one" in house.names()
    session.ended(recorder.complete_now(house.pacer.now_ns()))
    house.pacer.advance(59)
    assert "one" in house.names()
    house.pacer.advance(62)
    assert house.names() == [DEFAULT]


def test_a_session_of_the_same_name_is_another_one() -> None:
    """The time of the one that was ended by hand does not end the new one."""
    house = House()
    house.sessions.create("one", TTL)
    house.pacer.advance(30)
    house.sessions.delete("one")
    again = house.sessions.create("one")
    house.pacer.advance(3_600)
    assert house.sessions.find("one") is again
    assert again.ended_at_ns is None


def test_without_a_time_to_live_a_session_stays() -> None:
    """The house is full some day, and says so; a live session is never evicted."""
    house = House()
    house.sessions.create("one")
    house.pacer.advance(1e6)
    assert "one" in house.names()


# ── the log ──────────────────────────────────────────────────────────────────────────────────


def log_of(count: int, most: int = 3) -> EventLog:
    """Return a log in which something has happened so often."""
    log = EventLog(VirtualPacer(1_500_000_000), lambda: 1_764_000_000.0, most)
    for place in range(1, count + 1):
        log.add("mark", None, (("name", f"m{place}"),))
    return log


def test_a_log_keeps_the_newest_and_knows_what_it_lost() -> None:
    """Three of five: the first two had to make room."""
    log = log_of(5)
    assert [event.seq for event in log.after(0)] == [3, 4, 5]
    assert [event.seq for event in log.after(4)] == [5]
    assert (log.newest, log.lost) == (5, 2)
    assert log_of(3).lost == 0


def test_what_is_cleared_is_not_lost() -> None:
    """It is over; numbers go on."""
    log = log_of(2)
    log.clear()
    log.add("mark", None, (("name", "new"),))
    assert [event.seq for event in log.after(0)] == [3]
    assert log.lost == 0


def test_an_event_is_told_with_its_instant_and_its_facts() -> None:
    """UTC, as in the record; without an exchange where it is about none."""
    log = log_of(1)
    log.add("exchange.held", "ex_1", (("gate", "hold-1"), ("token", 5)))
    mark, held = (log.to_json(event) for event in log.after(0))
    assert mark == {"seq": 1, "at": "2025-11-24T16:00:00.000Z", "name": "m1"}
    assert held["exchange"] == "ex_1"
    assert (held["gate"], held["token"]) == ("hold-1", 5)


def test_an_event_of_an_older_generation_is_told_nowhere() -> None:
    """A stream that notices late that it was cut has no place in what came after."""
    house = House()
    session = house.sessions.create("one")
    recorder = received(session)
    session.reset()
    session.happened("exchange.first_token", recorder)
    session.ended(recorder.complete_now(house.pacer.now_ns()))
    assert session.events.after(0) == []
    assert session.exchanges() == ()
