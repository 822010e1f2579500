"""A session's exchanges in order of receipt, bounded: what ended longest ago goes first.

Not what came first: a stream that was open for an hour is asked about once it has ended. Bounded
by count and by the bytes of the bodies, for a thousand long conversations weigh more than ten
thousand short ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from mockai.core.exchange import Exchange
from mockai.core.recorder import Recorder

MOST = 10_000
MOST_BYTES = 64 * 1024 * 1024


class Journal:
    """Running recorders and ended exchanges, by sequence number."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._entries: dict[int, Recorder | Exchange] = {}
        self._ended: deque[int] = deque()
        self._most, self._most_bytes = most, most_bytes
        self.received = 0
        self.evicted = 0
        self.bytes = 0
        """Bytes of the bodies of the exchanges that have ended."""

    def next_seq(self) -> int:
        """Count one more request and return its number, from 1."""
        self.received += 1
        return self.received

    def open(self, recorder: Recorder) -> None:
        """Take in a request that has just been received."""
        self._entries[recorder.seq] = recorder
        self._make_room()

    def close(self, exchange: Exchange) -> None:
        """Replace a running record by its final facts."""
        self._entries[exchange.seq] = exchange
        self.bytes += len(exchange.request.body)
        self._ended.append(exchange.seq)
        self._make_room()

    def running(self) -> Iterator[Recorder]:
        """Return the recorders of the exchanges that are open."""
        return (entry for entry in self._entries.values() if isinstance(entry, Recorder))

    def exchanges(self, now_ns: int) -> tuple[Exchange, ...]:
        """Return every exchange, oldest first; open ones as they stand now."""
        return tuple(
            entry.snapshot(now_ns) if isinstance(entry, Recorder) else entry
            for entry in self._entries.values()
        )

    def _make_room(self) -> None:
        entries = self._entries
        while self._ended and (len(entries) > self._most or self.bytes > self._most_bytes):
            entry = entries.pop(self._ended.popleft())
            self.bytes -= len(entry.request.body)
            self.evicted += 1
