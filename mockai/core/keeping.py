"""What of a request's body the record keeps: all of it, all but some values, or nothing.

A path names values: `messages[*].content`, `tools[0].function`, `metadata.*`; a leading `$.` is
allowed. A body that cannot be read as JSON cannot be redacted, so then nothing of it is kept; and
where a body has another shape than a path expects, all that stands there is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

KEPT_BODY = 64 * 1024
"""Bytes of a body that are kept at most."""
REDACTED = "[redacted]"
_STEP = re.compile(r"(?:^|\.)(?P<key>[^.\[\]]+)|\[(?P<index>\d{1,9}|\*)\]")

Path = tuple[str | int, ...]
"""Keys and indexes from the outside in; the key `*` is any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What is kept of bodies, by default the first 64 KB."""

    bodies: bool = True
    redact: tuple[Path, ...] = ()
    most: int = KEPT_BODY

    @property
    def is_private(self) -> bool:
        """True when some of what clients say must not be recorded."""
        return not self.bodies or bool(self.redact)

    def kept(self, raw: bytes) -> tuple[bytes, bool]:
        """Return what is recorded of a body, and whether it is less than came."""
        if not self.bodies:
            return b"", bool(raw)
        if not self.redact:
            return raw[: self.most], len(raw) > self.most
        try:
            shown = json.dumps(redacted(json.loads(raw), self.redact)).encode()
        except (ValueError, RecursionError):
            return b"", bool(raw)
        return shown[: self.most], len(shown) > self.most


def parse_path(text: str) -> Path:
    """Return the steps of a path. Raises `ValueError` that shows how one is written.

    >>> parse_path("$.messages[*].content")
    ('messages', '*', 'content')
    """
    rest = text.strip().removeprefix("$").removeprefix(".")
    steps, end = [], 0
    for found in _STEP.finditer(rest):
        if found.start() != end:
            break
        steps.append(_step(found))
        end = found.end()
    if not steps or end != len(rest):
        raise ValueError(f"must look like messages[*].content (got {text!r})")
    return tuple(steps)


def redacted(value: Any, paths: tuple[Path, ...]) -> Any:
    """Return a JSON value in which what the paths name is replaced.

    A path that leads into something of another shape (an index into an object, a key of a text)
    replaces that: the client may have put there what was meant.
    """
    if any(_ends_at(value, path) for path in paths):
        return REDACTED
    if not paths or value is None:
        return value
    if isinstance(value, dict):
        return {key: redacted(item, _below(paths, key)) for key, item in value.items()}
    return [redacted(item, _below(paths, index)) for index, item in enumerate(value)]


def _ends_at(value: Any, path: Path) -> bool:
    """Say whether a path leads no further than to this value. Null holds nothing, nor more."""
    if not path or value is None:
        return not path
    is_object = isinstance(value, dict)
    if not is_object and not isinstance(value, list):
        return True
    return path[0] != "*" and isinstance(path[0], str) != is_object


def _step(found: re.Match[str]) -> str | int:
    index = found["index"]
    if index is None:
        return found["key"]
    return index if index == "*" else int(index)


def _below(paths: tuple[Path, ...], step: str | int) -> tuple[Path, ...]:
    return tuple(_tails(paths, step))


def _tails(paths: tuple[Path, ...], step: str | int) -> Iterator[Path]:
    for path in paths:
        if path[0] in ("*", step):
            yield path[1:]
