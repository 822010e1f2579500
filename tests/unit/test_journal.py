"""A session's exchanges, oldest first, bounded."""

from __future__ import annotations

from mockai.core.exchange import RequestFacts
from mockai.core.journal import Journal
from mockai.core.recorder import Recorder
from tests.support.facts import RECEIVED_NS

NOW = RECEIVED_NS + 1_000


def opened(journal: Journal) -> Recorder:
    """Take in one more request."""
    seq = journal.next_seq()
    recorder = Recorder(
        id=f"ex_{seq}",
        seq=seq,
        session="s",
        generation=1,
        received_ns=RECEIVED_NS,
        received_at="",
        request=RequestFacts(),
    )
    journal.open(recorder)
    return recorder


def kept(journal: Journal) -> list[tuple[int, str]]:
    """Return sequence number and outcome of every exchange."""
    return [(item.seq, item.outcome) for item in journal.exchanges(NOW)]


def test_exchanges_come_in_the_order_of_receipt() -> None:
    """Whichever ends first; open ones are shown as they stand."""
    journal = Journal()
    first, second = opened(journal), opened(journal)
    journal.close(second.cancel(NOW, "fin", None))
    assert kept(journal) == [(1, "open"), (2, "cancelled")]
    assert [recorder.seq for recorder in journal.running()] == [1]
    journal.close(first.fail(NOW, "shutdown"))
    assert kept(journal) == [(1, "failed"), (2, "cancelled")]
    assert list(journal.running()) == []


def test_what_ended_first_makes_room() -> None:
    """What is open is never forgotten, and what was is counted."""
    journal = Journal(most=3)
    recorders = [opened(journal) for _ in range(3)]
    for recorder in recorders[1:]:
        journal.close(recorder.cancel(NOW, "fin", None))
    opened(journal)
    assert (kept(journal), journal.evicted) == ([(1, "open"), (3, "cancelled"), (4, "open")], 1)
    assert journal.received == 4


def test_what_has_just_ended_stays_however_long_it_was_open() -> None:
    """A check on a long stream comes right after its end, and must find it."""
    journal = Journal(most=2)
    long = opened(journal)
    for _ in range(2):
        journal.close(opened(journal).cancel(NOW, "fin", None))
    journal.close(long.cancel(NOW, "fin", None))
    opened(journal)
    assert kept(journal) == [(1, "cancelled"), (4, "open")]


def test_more_open_exchanges_than_room_are_all_kept() -> None:
    """And once they have ended, the journal is as small as before."""
    journal = Journal(most=2)
    recorders = [opened(journal) for _ in range(5)]
    assert (len(kept(journal)), journal.evicted) == (5, 0)
    for recorder in recorders:
        journal.close(recorder.cancel(NOW, "fin", None))
    assert kept(journal) == [(4, "cancelled"), (5, "cancelled")]
    assert (journal.evicted, journal.received) == (3, 5)


def test_bodies_make_room_too() -> None:
    """Many long conversations must not fill the memory, however few exchanges they are."""
    journal = Journal(most_bytes=250)
    for _ in range(4):
        recorder = opened(journal)
        recorder.request = RequestFacts(body=b"x" * 100)
        journal.close(recorder.cancel(NOW, "fin", None))
    assert kept(journal) == [(3, "cancelled"), (4, "cancelled")]
    assert (journal.evicted, journal.bytes) == (2, 200)
