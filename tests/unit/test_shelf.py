"""What has been made once is kept, up to a size."""

from __future__ import annotations

import sys
import threading

from mockai.core.shelf import Shelf


def taken(shelf: Shelf[str], *keys: str, size: int = 2) -> list[str]:
    """Ask for keys; return those that had to be made."""
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key * size

    for key in keys:
        assert shelf.get(key, lambda key=key: make(key)) == key * size
    return made


def test_what_is_there_is_not_made_again() -> None:
    """That is what it is for."""
    assert taken(Shelf(most=10), "a", "b", "a", "b") == ["a", "b"]


def test_the_least_used_goes_first() -> None:
    """Being asked for is use."""
    assert taken(Shelf(most=4), "a", "b", "a", "c", "a", "b") == ["a", "b", "c", "b"]


def test_what_is_larger_than_the_shelf_is_not_kept() -> None:
    """Nor does it push the others out."""
    shelf = Shelf[str](most=4)
    assert taken(shelf, "a", "b") == ["a", "b"]
    assert taken(shelf, "x", "x", size=5) == ["x", "x"]
    assert taken(shelf, "a", "b") == []


def test_what_cannot_be_made_leaves_nothing_behind() -> None:
    """The next one tries again."""
    shelf = Shelf[str](most=4)
    try:
        shelf.get("a", lambda: str(1 // 0))
    except ZeroDivisionError:
        assert shelf.get("a", lambda: "ok") == "ok"


def test_several_threads_can_share_a_shelf() -> None:
    """Servers and their helpers do; none may find it changed under its hands."""
    shelf, failed = Shelf[str](most=400), list[Exception]()
    before = sys.getswitchinterval()

    def take(step: int) -> None:
        try:
            for number in range(6_000):
                shelf.get(number * step % 997, lambda: "xx")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            failed.append(error)

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=take, args=(step,)) for step in (3, 5, 7, 11)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert failed == []
