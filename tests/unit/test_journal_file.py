"""The file holds whole lines, and whatever happened to it, what is whole can be read."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mockai.core.exchange import Exchange, RequestFacts
from mockai.core.journal_file import exchanges_of, line, read_journal

OPEN = Exchange(
    id="ex_1", seq=1, session="s", generation=1, received_ns=0,
    request=RequestFacts(path="/v1/chat/completions", body=b'{"user": "\\u2028\\n"}'),
)  # fmt: skip
ENDED = replace(OPEN, outcome="cancelled", phase="streaming")
OTHER = replace(OPEN, id="ex_2", seq=2)
FILE = line("received", OPEN) + line("received", OTHER) + line("ended", ENDED)


def test_a_line_is_the_exchange_as_the_control_api_shows_it() -> None:
    """Whoever reads one form can read the other."""
    assert json.loads(line("ended", ENDED)) == {"event": "ended", "exchange": ENDED.to_json()}


def test_a_line_break_stands_only_at_the_end_of_a_line() -> None:
    """Texts with breaks of any kind are escaped, so that lines can be counted by bytes."""
    body = '{"a": "\u2028\u0085\r\n"}'.encode()
    written = line("ended", replace(ENDED, request=RequestFacts(body=body, tag="a\nb")))
    assert written.isascii()
    assert (written.count(b"\n"), written[-1:], b"\r" in written) == (1, b"\n", False)


def test_the_later_line_of_an_exchange_has_the_last_word() -> None:
    """What has only been received is still open, in order of receipt."""
    found = exchanges_of(read_journal(FILE.decode()))
    assert [(item["id"], item["outcome"]) for item in found] == [
        ("ex_1", "cancelled"),
        ("ex_2", "open"),
    ]


@given(st.integers(0, len(FILE)))
def test_a_torn_last_line_takes_no_other_with_it(cut: int) -> None:
    """Wherever the file was cut, every line before the cut is read."""
    whole = FILE[:cut].count(b"\n")
    entries = read_journal(FILE[:cut].decode())
    assert len(entries) in {whole, whole + 1}  # a last line without its break is whole too
    assert entries == read_journal(FILE.decode())[: len(entries)]


@given(st.lists(st.text() | st.sampled_from(['{"event": "ended"}', "[]", "null", "[" * 5_000])))
def test_what_is_not_ours_is_left_out(lines: list[str]) -> None:
    """Garbage between the lines does not keep the rest from being read."""
    text = "\n".join([*lines, "", FILE.decode()])
    assert [entry["event"] for entry in read_journal(text)] == ["received", "received", "ended"]
