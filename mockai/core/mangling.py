"""Bytes that are not what they should be: one small function for each way, in one table.

A mangle gets the bytes of one frame (one or more whole SSE events) and returns what goes out in
their place, as parts that reach the client one by one. To add one, write it and register it in
`MANGLES`; `AT_END` and `EVERYWHERE` name those that have a place of their own when none is given.
"""

from __future__ import annotations

from collections.abc import Callable

from mockai.core.text import INSIDE_A_CHARACTER

Parts = list[bytes]
Mangler = Callable[[bytes], Parts]

_BOM = b"\xef\xbb\xbf"
_END = b"\n\n"
_DONE = b"data: [DONE]" + _END


def malformed_json(frame: bytes) -> Parts:
    """The last `}` of the event is lost."""
    head, brace, tail = frame.rpartition(b"}")
    return [head + tail if brace else frame]


def empty_data(frame: bytes) -> Parts:
    """An event without content comes first."""
    return [b"data: \n\n" + frame]


def crlf(frame: bytes) -> Parts:
    """Lines end with CR LF."""
    return [frame.replace(b"\n", b"\r\n")]


def bom(frame: bytes) -> Parts:
    """A byte order mark comes first."""
    return [_BOM + frame]


def no_space(frame: bytes) -> Parts:
    """There is no space after `data:`."""
    return [frame.replace(b"data: ", b"data:")]


def duplicate(frame: bytes) -> Parts:
    """The event comes twice."""
    return [frame + frame]


def bytewise(frame: bytes) -> Parts:
    """One byte for each write."""
    return [frame[place : place + 1] for place in range(len(frame))]


def split_field(frame: bytes) -> Parts:
    """Two writes, parted inside the field name `data`."""
    return [frame[:2], frame[2:]]


def split_character(frame: bytes) -> Parts:
    """Two writes, parted inside a UTF-8 character; without one, in half."""
    inside = (place for place, byte in enumerate(frame) if byte in INSIDE_A_CHARACTER)
    place = next(inside, len(frame) // 2)
    return [frame[:place], frame[place:]]


def missing_done(frame: bytes) -> Parts:
    """The `[DONE]` at the end is missing."""
    return [frame.replace(_DONE, b"")]


def truncated_event(frame: bytes) -> Parts:
    """The last event stops half-way, and no `[DONE]` comes."""
    *whole, last = frame.removesuffix(_DONE).removesuffix(_END).split(_END)
    return [b"".join(event + _END for event in whole) + last[: len(last) // 2]]


def missing_blank_line(frame: bytes) -> Parts:
    """The last event lacks the blank line that ends it, and no `[DONE]` comes."""
    return [frame.removesuffix(_DONE).removesuffix(b"\n")]


def only_done(frame: bytes) -> Parts:
    """The finish chunk, and usage, are missing: only `[DONE]` comes."""
    return [_DONE] if frame.endswith(_DONE) else [frame]


def reorder(frame: bytes) -> Parts:
    """The event changes places with the next one."""
    return [frame]  # done where frames are rendered: one alone has no place


MANGLES: dict[str, Mangler] = {
    "malformed_json": malformed_json,
    "empty_data": empty_data,
    "crlf": crlf,
    "bom": bom,
    "no_space": no_space,
    "duplicate": duplicate,
    "bytewise": bytewise,
    "split_field": split_field,
    "split_character": split_character,
    "missing_done": missing_done,
    "truncated_event": truncated_event,
    "missing_blank_line": missing_blank_line,
    "missing_finish": only_done,
    "reorder": reorder,
}
AT_END = frozenset({"missing_done", "truncated_event", "missing_blank_line", "missing_finish"})
"""Those that concern the tail of the stream when no place is given."""
EVERYWHERE = frozenset({"crlf", "no_space", "bytewise", "split_field", "split_character"})
"""Those that concern every event when no place is given."""
