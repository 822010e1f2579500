"""What has been compiled before, kept by content: sessions that play one script share its reply.

Bounded by size, the least used goes first. Knows neither scenarios nor replies.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sized
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT", bound=Sized)


class Shelf(Generic[ItemT]):
    """Keeps items up to `most` in sum of their lengths; one that is longer is never kept.

    Servers on several threads may share one: each step is a single operation on a dict (a copy too,
    where going through it would not be), and what two of them make at once is made twice.

    >>> shelf = Shelf[str](most=5)
    >>> [shelf.get("a", lambda: "one"), shelf.get("a", lambda: "two")]
    ['one', 'one']
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: dict[Hashable, ItemT] = {}  # the least used is the first

    def __contains__(self, key: Hashable) -> bool:
        return key in self._items

    def get(self, key: Hashable, make: Callable[[], ItemT]) -> ItemT:
        """Return what stands under `key`; made now, if it is not there."""
        item = self._items.pop(key, None)
        if item is not None:
            self._items[key] = item
            return item
        item = make()
        if len(item) <= self._most:
            self._items[key] = item
            self._make_room()
        return item

    def _make_room(self) -> None:
        kept = self._items.copy()
        size = sum(map(len, kept.values()))
        for key, item in kept.items():
            if size <= self._most:
                return
            self._items.pop(key, None)
            size -= len(item)
