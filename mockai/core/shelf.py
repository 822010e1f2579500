"""What has been compiled before, kept by content: sessions that play one script share its reply.

Bounded by size, the least used goes first. Knows neither scenarios nor replies.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sized
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT", bound=Sized)


class Shelf(Generic[ItemT]):
    """Keeps items up to `most` in sum of their lengths; one that is longer is never kept.

    Servers on several threads may share one.

    >>> shelf = Shelf[str](most=5)
    >>> [shelf.get("a", lambda: "one"), shelf.get("a", lambda: "two")]
    ['one', 'one']
    """

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._items: OrderedDict[str, ItemT] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], ItemT]) -> ItemT:
        """Return what stands under `key`; made now, if it is not there."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key]
        item = make()
        with self._lock:
            self._keep(key, item)
        return item

    def _keep(self, key: str, item: ItemT) -> None:
        if key in self._items or len(item) > self._most:
            return
        self._items[key] = item
        self._size += len(item)
        while self._size > self._most:
            self._size -= len(self._items.popitem(last=False)[1])
