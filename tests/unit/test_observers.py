"""Whoever is told of an exchange hears of it before those who wait, and cannot fail it."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mockai.core.errors import MockaiError
from mockai.core.exchange import Connection, Exchange, RequestFacts
from mockai.core.journal_file import read_journal
from mockai.core.recorder import Recorder
from mockai.engine.observers import ExchangeLog, JournalFile
from mockai.engine.pacer import VirtualPacer
from mockai.engine.session import Session, Settings
from mockai.engine.sessions import Sessions

ENDED = Exchange(
    id="ex_1", seq=1, session="s", generation=1, received_ns=0, request=RequestFacts(path="/v1/x"),
    outcome="completed", status=200,
)  # fmt: skip
OPEN = Recorder(
    id="ex_1", seq=1, session="s", generation=1, received_ns=0, received_at="",
    request=RequestFacts(path="/v1/x"),
)  # fmt: skip


class Told:
    """An observer that remembers, and what the session showed at that moment."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.session: Session | None = None

    def received(self, recorder: Recorder) -> None:
        self.heard.append(("received", recorder.id))

    def ended(self, exchange: Exchange) -> None:
        assert self.session is not None
        (known,) = self.session.exchanges()
        self.heard.append(("ended", known.outcome))


def test_an_observer_hears_of_an_end_before_the_session_shows_it() -> None:
    """Whoever has seen an outcome finds it in the file."""
    told = Told()
    sessions = Sessions(VirtualPacer(), observers=(told,))
    told.session = session = sessions.create("s")
    recorder = session.receive(RequestFacts(), Connection(), wall_s=0.0)
    session.ended(recorder.fail(0, "refused", "no"))
    assert told.heard == [("received", recorder.id), ("ended", "open")]
    assert [item.outcome for item in session.exchanges()] == ["failed"]


def test_observers_hear_of_what_a_reset_has_outlived() -> None:
    """It happened, so the file has it, although no session shows it any more."""
    told = Told()
    session = Session("s", VirtualPacer(), (), Settings(), (told,))
    old = session.receive(RequestFacts(), Connection(), wall_s=0.0)
    session.reset()
    told.session = session
    fresh = session.receive(RequestFacts(), Connection(), wall_s=0.0)
    session.ended(old.fail(0, "shutdown"))
    assert told.heard[-1] == ("ended", "open")
    assert [item.id for item in session.exchanges()] == [fresh.id]


# ── the file ─────────────────────────────────────────────────────────────────────────────────


def test_a_line_goes_out_in_one_call_and_is_appended(tmp_path: Path) -> None:
    """Two servers that share a file do not write into each other's lines."""
    path = tmp_path / "journal"
    one, two = JournalFile(path), JournalFile(path)
    for journal in (one, two, one):
        journal.received(OPEN)
        journal.ended(ENDED)
    events = [entry["event"] for entry in read_journal(path.read_text())]
    assert events == ["received", "ended"] * 3


def test_a_journal_that_is_closed_writes_no_more(tmp_path: Path) -> None:
    """Closing twice is closing once; a late end does not fail."""
    path = tmp_path / "journal"
    journal = JournalFile(path)
    journal.ended(ENDED)
    journal.close()
    journal.close()
    journal.ended(ENDED)
    assert path.read_bytes().count(b"\n") == 1


def test_a_file_that_ends_in_a_torn_line_gets_a_break_first(tmp_path: Path) -> None:
    """The torn line must not take the next one with it."""
    path = tmp_path / "journal"
    path.write_bytes(b'{"torn')
    JournalFile(path).ended(ENDED)
    torn, whole, rest = path.read_bytes().split(b"\n")
    assert (torn, rest, json.loads(whole)["event"]) == (b'{"torn', b"", "ended")


def test_a_pipe_can_be_a_journal(tmp_path: Path) -> None:
    """What is no file on a disk is not asked how it ends, and need not be synced."""
    reader, writer = os.pipe()
    journal = JournalFile(Path(f"/dev/fd/{writer}"))
    journal.ended(ENDED)
    journal.close()
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert [entry["event"] for entry in read_journal(pipe.read())] == ["ended"]


def test_a_full_disk_is_said_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """An error for the first line, the sum at the end, and no exception in between."""
    journal = JournalFile(Path("/dev/full"))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            journal.ended(ENDED)
        journal.close()
    assert journal.lost == 3
    first, last = (record.getMessage() for record in caplog.records)
    assert first.endswith("is not written: No space left on device; serving goes on")
    assert last.endswith("lacks 3 lines")


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    """The person who starts the server can mend it."""
    with pytest.raises(MockaiError, match=r"cannot write the journal .*Is a directory"):
        JournalFile(tmp_path)


# ── the log ──────────────────────────────────────────────────────────────────────────────────


def test_an_exchange_is_one_record_with_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    """Said at `info`; without that level nothing is even put together."""
    log = ExchangeLog()
    log.received(OPEN)
    with caplog.at_level(logging.WARNING, "mockai"):
        log.ended(ENDED)
    assert caplog.records == []
    with caplog.at_level(logging.INFO, "mockai"):
        log.ended(replace(ENDED, scenario="story"))
    (record,) = caplog.records
    facts = record.__dict__["facts"]
    assert facts.items() >= {"exchange": "ex_1", "outcome": "completed", "how": None}.items()
    assert facts["scenario"] == "story"
