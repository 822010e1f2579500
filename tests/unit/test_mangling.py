"""Bytes that are not what they should be: one way each."""

from __future__ import annotations

import pytest

from mockai.core.mangling import AT_END, EVERYWHERE, MANGLES
from mockai.core.plan import MangledFrames

EVENT = 'data: {"a":"ü{}"}\n\n'.encode()
DONE = b"data: [DONE]\n\n"
LAST = b'data: {"f":1}\n\ndata: {"u":2}\n\n' + DONE

CASES = {
    "malformed_json": (EVENT, ['data: {"a":"ü{}"\n\n'.encode()]),
    "empty_data": (EVENT, [b"data: \n\n" + EVENT]),
    "crlf": (EVENT, ['data: {"a":"ü{}"}\r\n\r\n'.encode()]),
    "bom": (EVENT, [b"\xef\xbb\xbf" + EVENT]),
    "no_space": (LAST, [b'data:{"f":1}\n\ndata:{"u":2}\n\ndata:[DONE]\n\n']),
    "duplicate": (EVENT, [EVENT + EVENT]),
    "bytewise": (b"da\n", [b"d", b"a", b"\n"]),
    "split_field": (EVENT, [b"da", EVENT[2:]]),
    "split_character": (EVENT, [EVENT[:13], EVENT[13:]]),
    "missing_done": (LAST, [b'data: {"f":1}\n\ndata: {"u":2}\n\n']),
    "truncated_event": (LAST, [b'data: {"f":1}\n\ndata: ']),
    "missing_blank_line": (LAST, [b'data: {"f":1}\n\ndata: {"u":2}\n']),
    "missing_finish": (LAST, [DONE]),
    "reorder": (EVENT, [EVENT]),
}


class Letters:
    """Frames of one letter each; number 3 is empty, as hidden reasoning is."""

    def frame(self, index: int) -> bytes:
        """Return it."""
        return b"" if index == 3 else b"data: %c\n\n" % (64 + index)

    def body(self) -> bytes:
        """Return the whole."""
        return b"whole"


def sent(*mangles: tuple[int | None, str], swapped: set[int] = frozenset(), last: int = 5) -> str:
    """Return the letters of the frames as they come; parts are joined by a bar."""
    done = tuple((place, MANGLES[how]) for place, how in mangles)
    frames = MangledFrames(Letters(), done, frozenset(swapped), last=last)
    found = [frames.frame(index) for index in range(1, last + 1)]
    texts = ["|".join(p.decode() for p in f) if isinstance(f, tuple) else f.decode() for f in found]
    return ",".join(text.replace("data: ", "").replace("\n\n", "") for text in texts)


@pytest.mark.parametrize("how", CASES)
def test_each_way_does_what_it_says(how: str) -> None:
    """One event in, and what goes out in its place."""
    frame, parts = CASES[how]
    assert MANGLES[how](frame) == parts


def test_every_way_is_tested() -> None:
    """A new one needs its case here."""
    assert set(CASES) == set(MANGLES)
    assert set(MANGLES) >= AT_END | EVERYWHERE


@pytest.mark.parametrize("how", sorted(set(MANGLES) - {"truncated_event", "missing_blank_line"}))
def test_a_way_that_finds_nothing_to_do_loses_nothing(how: str) -> None:
    """An event without braces, umlauts or `[DONE]` keeps its text."""
    assert b"x" in b"".join(MANGLES[how](b"data: x\n\n"))


def test_an_event_without_wide_characters_is_parted_in_half() -> None:
    """Two writes in any case."""
    assert MANGLES["split_character"](b"abcd") == [b"ab", b"cd"]


# ── among frames ─────────────────────────────────────────────────────────────────────────────


def test_a_place_names_one_frame_all_or_the_last() -> None:
    """And leaves the others as they are."""
    assert sent((2, "duplicate")) == "A,BB,,D,E"
    assert sent((-1, "duplicate")) == "A,B,,D,EE"
    assert sent((None, "duplicate")) == "AA,BB,,DD,EE"


def test_frames_change_places() -> None:
    """With the next one; the last has none."""
    assert sent(swapped={1}) == "B,A,,D,E"
    assert sent(swapped={4}) == "A,B,,E,D"
    assert sent(swapped={5}) == "A,B,,D,E"


def test_a_mangle_concerns_the_frame_that_stands_there_now() -> None:
    """After the change of places."""
    assert sent((1, "duplicate"), swapped={1}) == "BB,A,,D,E"


def test_what_parts_an_event_comes_last() -> None:
    """Else only the first part of it would be mangled by the others."""
    for order in (("split_field", "duplicate"), ("duplicate", "split_field")):
        assert sent(*((1, how) for how in order)).startswith("da|ta: AA,")


def test_nothing_on_the_wire_is_nothing_to_mangle() -> None:
    """A frame without bytes stays without."""
    assert sent((None, "bytewise"), (None, "duplicate")).split(",")[2] == ""


def test_one_body_is_not_mangled() -> None:
    """Only a stream has events."""
    assert (
        MangledFrames(Letters(), ((None, MANGLES["bom"]),), frozenset(), last=3).body() == b"whole"
    )
