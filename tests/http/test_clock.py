"""A clock that stands still is told of, and one that moves is not suspected."""

from __future__ import annotations

import itertools
import time

import pytest

from mockai.http.clock import stands_still
from tests.support.control import Control, send


def test_a_clock_that_moves_is_not_suspected() -> None:
    """The real one; one with coarse steps; one that moves only during the wait."""
    steps = itertools.count()
    assert not stands_still(time.monotonic_ns)
    assert not stands_still(lambda: next(steps) // 500)
    assert not stands_still(lambda: time.monotonic_ns() // 10_000_000)


def test_a_frozen_clock_is_told_of_on_both_surfaces(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the words that help, and so that an official client does not try again."""
    with monkeypatch.context() as frozen:
        frozen.setattr(time, "monotonic_ns", lambda: 5)
        told = control.try_call("GET", "exchanges")
        answer = send(control.url, "POST", f"{control.path}/chat/completions", {})
    for refused in (told, answer):
        assert (refused.status, refused.error["code"]) == (503, "clock_stands_still")
        assert "use process=True" in refused.error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert control.try_call("GET", "exchanges").status == 200
