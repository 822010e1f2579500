"""A session's exchanges in order of receipt, bounded: the oldest ended ones go first."""

from __future__ import annotations

from collections.abc import Iterator

from mockai.core.exchange import Exchange
from mockai.core.recorder import Recorder

MOST = 10_000


class Journal:
    """Running recorders and ended exchanges, by sequence number."""

    def __init__(self, most: int = MOST) -> None:
        self._entries: dict[int, Recorder | Exchange] = {}
        self._most = most
        self.received = 0
        self.evicted = 0

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
        if len(self._entries) <= self._most:
            return
        for seq, entry in self._entries.items():
            if isinstance(entry, Exchange):
                del self._entries[seq]
                self.evicted += 1
                return
