"""A server that stops, or dies: what runs may end, nothing new begins, and no record is lost."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mockai.core.journal_file import exchanges_of, read_journal
from tests.support.control import Control, send
from tests.support.process import ServeProcess, refusal
from tests.support.raw import CHAT, RawClient, post, question

MIDDLE = 5
NO_SUCH = "No such file or directory"


def journal(path: Path) -> list[dict[str, Any]]:
    """Return what the file says of each exchange."""
    return exchanges_of(read_journal(path.read_text("ascii")))


def hold(control: Control, client: RawClient) -> None:
    """Have a stream stand at a gate, with some tokens out."""
    control.script(hold={"at_token": MIDDLE})
    client.chat(control.path, stream=True)
    control.wait_held()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_while_idle_it_ends_at_once_with_0(number: signal.Signals) -> None:
    """The time of grace is for streams: without one nobody waits."""
    with ServeProcess("--grace", "1h") as running:
        running.signal(number)
        assert running.wait() == (0, "")


def test_a_stream_may_end_in_the_time_of_grace(tmp_path: Path) -> None:
    """It is completed, in the record as for the client; then the server is gone, with 0."""
    path = tmp_path / "journal"
    with ServeProcess("--grace", "1h", "--journal", str(path)) as running:
        control = Control(running.url)
        with RawClient(running.url) as client, RawClient(running.url) as steering:
            hold(control, client)
            steering.send(b"GET /_mockai/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert steering.response().status == 200
            running.signal()
            wait_refused(running.url)
            release = b'{"all": true}'
            head = f"POST {control.root}/gates/hold-1/release HTTP/1.1\r\nHost: localhost\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(release)}\r\n\r\n"
            steering.send(head.encode() + release)
            assert steering.response().status == 200
            assert client.read_to_end().endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert running.wait() == (0, "")
    assert [item["outcome"] for item in journal(path)] == ["completed"]


def test_what_does_not_end_in_time_is_cut(tmp_path: Path) -> None:
    """Its exchange failed by shutdown, and the file has it."""
    path = tmp_path / "journal"
    with ServeProcess("--grace", "10ms", "--journal", str(path)) as running:
        control = Control(running.url)
        with RawClient(running.url) as client:
            hold(control, client)
            running.signal()
            assert client.is_closed() or client.read_to_end()
            assert running.wait() == (0, "")
    (found,) = journal(path)
    assert (found["outcome"], found["cause"]) == ("failed", "shutdown")
    assert found["tokens"]["written"] == MIDDLE


def test_a_second_signal_cuts_at_once() -> None:
    """Whoever presses Ctrl-C twice means it."""
    with ServeProcess("--grace", "1h") as running:
        control = Control(running.url)
        with RawClient(running.url) as client:
            hold(control, client)
            running.signal()
            wait_refused(running.url)
            running.signal(signal.SIGINT)
            assert running.wait() == (0, "")


def test_nothing_new_begins_in_the_time_of_grace() -> None:
    """On a connection that is open already a request is answered 503, which clients retry."""
    with ServeProcess("--grace", "1h") as running:
        control = Control(running.url)
        with RawClient(running.url) as client, RawClient(running.url) as late:
            hold(control, client)
            late.chat(control.path, model="")
            assert late.response().status == 400
            running.signal()
            wait_refused(running.url)
            late.chat(control.path)
            answer = late.response()
            assert (answer.status, answer.error["code"]) == (503, "shutting_down")


def wait_refused(url: str) -> None:
    """Wait until no connection is accepted any more."""
    with suppress(ConnectionError):
        while True:
            send(url, "GET", "/_mockai/health")


# ── the journal file ─────────────────────────────────────────────────────────────────────────


def test_what_a_wait_has_seen_is_in_the_file(tmp_path: Path) -> None:
    """The line of an end is written before anybody is told: a death right after loses nothing."""
    path = tmp_path / "journal"
    with ServeProcess("--journal", str(path)) as running:
        control = Control(running.url)
        with RawClient(running.url) as client:
            hold(control, client)
            client.half_close()
            left = control.ended("cancelled")
            running.signal(signal.SIGKILL)
            running.wait()
    (found,) = journal(path)
    assert found == {key: value for key, value in left.items() if key != "timeline"}


def test_a_line_is_there_from_the_receipt_on(tmp_path: Path) -> None:
    """An exchange that was open when the server died is in the file, as open."""
    path = tmp_path / "journal"
    with ServeProcess("--journal", str(path)) as running:
        control = Control(running.url)
        with RawClient(running.url) as client:
            hold(control, client)
            running.signal(signal.SIGKILL)
            running.wait()
    (found,) = journal(path)
    assert (found["outcome"], found["phase"], found["seq"]) == ("open", "receiving", 1)


@pytest.mark.parametrize("round_", range(4))
def test_a_death_under_load_leaves_whole_lines(tmp_path: Path, round_: int) -> None:
    """Killed at any moment: what was waited for is there, and at most the last line is torn."""
    path = tmp_path / "journal"
    with ServeProcess("--journal", str(path)) as running:
        control = Control(running.url)
        control.script(tokens=1)
        with RawClient(running.url) as client:
            body = question(user="x" * 60_000)
            for _ in range(10 + round_):
                client.send(post(control.path + CHAT, body))
                assert client.response().status == 200
            seen = {item["id"] for item in control.exchanges(outcome="completed")}
            client.send(post(control.path + CHAT, body) * 20)
            running.signal(signal.SIGKILL)
            running.wait()
    *whole, _ = path.read_bytes().split(b"\n")
    assert {json.loads(line)["event"] for line in whole} == {"received", "ended"}
    assert seen <= {item["id"] for item in journal(path) if item["outcome"] == "completed"}


def test_a_second_server_goes_on_after_a_torn_line(tmp_path: Path) -> None:
    """The torn line stays alone; every other can be read."""
    path = tmp_path / "journal"
    path.write_bytes(b'{"event":"received","exchange":{"id":"ex_torn"')
    with ServeProcess("--journal", str(path)) as running:
        control = Control(running.url)
        send(running.url, "POST", f"{control.path}/nothing")
        running.signal()
        assert running.wait() == (0, "")
    assert [item["status"] for item in journal(path)] == [404]


def test_a_new_journal_is_for_its_owner_only(tmp_path: Path) -> None:
    """Prompts stand in it."""
    path = tmp_path / "journal"
    with ServeProcess("--journal", str(path)) as running:
        assert path.stat().st_mode & 0o777 == 0o600
        running.signal()
        assert running.wait() == (0, "")


def test_a_full_disk_is_said_once_and_does_not_stop_serving() -> None:
    """Every exchange is served and recorded; in the end it is said how many lines are missing."""
    with ServeProcess("--journal", "/dev/full") as running:
        control = Control(running.url)
        control.script(tokens=1)
        for _ in range(5):
            answer = send(running.url, "POST", control.path + CHAT, question())
            assert answer.status == 200
        assert len(control.exchanges(outcome="completed")) == 5
        assert b"mockai_journal_lost_lines_total 10" in send(running.url, "GET", "/metrics").raw
        running.signal()
        code, said = running.wait()
    assert code == 0
    first, last = said.splitlines()
    assert "/dev/full is not written: No space left on device; serving goes on" in first
    assert "/dev/full lacks 10 lines" in last


def test_a_disk_that_becomes_full_in_a_line_spoils_only_that_line(tmp_path: Path) -> None:
    """What was written before can be read, and the torn line is the last."""
    path = tmp_path / "journal"
    with ServeProcess("--journal", str(path), limits={"file_size": 20}) as running:
        control = Control(running.url)
        control.script(tokens=1)
        for _ in range(20):
            assert send(running.url, "POST", control.path + CHAT, question()).status == 200
        running.signal()
        code, said = running.wait()
    assert (code, said.count("is not written")) == (0, 1)
    assert path.stat().st_size == 20 * 512
    assert 2 <= len(journal(path)) < 20


def test_a_journal_that_cannot_be_written_at_all_stops_the_start(tmp_path: Path) -> None:
    """Exit 2 before anything is served: the evidence was asked for."""
    code, said = refusal("--journal", str(tmp_path / "no" / "such"))
    assert (code, "cannot write the journal" in said) == (2, True)


def test_a_ready_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    """Exit 2 before "ready" is said: who waits for the file would wait for ever."""
    path = tmp_path / "no" / "such"
    code, said = refusal("--ready-file", str(path))
    assert (code, said) == (2, f"mockai: cannot write the ready file {path}: {NO_SUCH}\n")
