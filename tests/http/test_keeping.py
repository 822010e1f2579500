"""What a server was told not to keep stands nowhere: no body, no refusal, no verdict, no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mockai.core.keeping import Keeping, parse_path
from mockai.http.server import ServerThread
from mockai.http.state import ServerOptions
from tests.support.control import Control, send
from tests.support.raw import question

SECRET = "hunter2"
ASKED = question(messages=[{"role": "user", "content": SECRET}], user="u1")
WRONG = [
    pytest.param(question(model=SECRET, messages="none"), id="refused"),
    pytest.param(b'{"model": "hunter2"', id="no-json"),
    pytest.param(question(stream=SECRET), id="wrong-type"),
]


def served(keeping: Keeping, journal: Path) -> Iterator[Control]:
    """Yield a session of a server that keeps so much."""
    running = ServerThread(ServerOptions(keeping=keeping, journal=journal)).start()
    yield Control(running.url)
    running.stop()


@pytest.fixture
def redacting(tmp_path: Path) -> Iterator[Control]:
    """A server that leaves out what people write."""
    paths = (parse_path("messages[*].content"), parse_path("model"), parse_path("stream"))
    yield from served(Keeping(redact=paths), tmp_path / "journal")


@pytest.fixture
def bodyless(tmp_path: Path) -> Iterator[Control]:
    """A server that keeps no bodies."""
    yield from served(Keeping(bodies=False), tmp_path / "journal")


def record_of(control: Control, body: bytes) -> tuple[dict[str, Any], bytes]:
    """Make a request; return its record, and all that can be asked for afterwards."""
    send(control.url, "POST", f"{control.path}/chat/completions", body)
    verdict = control.check("cancelled")
    whole = send(control.url, "GET", f"{control.root}/exchanges")
    return whole.body["exchanges"][0], whole.raw + str(verdict).encode()


def test_a_redacted_value_stands_nowhere(redacting: Control, tmp_path: Path) -> None:
    """The rest of the body does, so that checks on it still work."""
    redacting.script()
    record, whole = record_of(redacting, ASKED)
    assert record["request"]["body"]["messages"] == [{"role": "user", "content": "[redacted]"}]
    assert record["request"]["body"]["user"] == "u1"
    assert SECRET.encode() not in whole + (tmp_path / "journal").read_bytes()


def test_no_body_is_kept_and_the_record_says_so(bodyless: Control, tmp_path: Path) -> None:
    """An absent body is not taken for an empty one."""
    bodyless.script()
    record, whole = record_of(bodyless, ASKED)
    assert (record["request"]["body"], record["request"]["body_truncated"]) == (None, True)
    assert SECRET.encode() not in whole + (tmp_path / "journal").read_bytes()


def test_what_cannot_be_matched_is_not_quoted_in_the_record(redacting: Control) -> None:
    """The client is told what differs; the record is not."""
    redacting.script(match={"last_user": {"equals": "something else"}})
    answer = send(redacting.url, "POST", f"{redacting.path}/chat/completions", ASKED)
    assert SECRET.encode() in answer.raw
    record, whole = record_of(redacting, ASKED)
    assert (record["cause"], "not recorded" in record["error"]) == ("refused", True)
    assert SECRET.encode() not in whole


@pytest.mark.parametrize("body", WRONG)
def test_a_refusal_does_not_quote_what_must_not_be_kept(redacting: Control, body: bytes) -> None:
    """Refusals repeat wrong values in their words."""
    _, whole = record_of(redacting, body)
    assert SECRET.encode() not in whole


def test_without_such_options_the_refusal_is_recorded_word_for_word(control: Control) -> None:
    """It is what a test author looks for first."""
    record, _ = record_of(control, question(stream="maybe"))
    assert "maybe" in str(record["request"]["body"])
    assert "Invalid type for 'stream'" in record["error"]
