"""A clock that stands still is told of, and one that moves is not suspected."""

from __future__ import annotations

import itertools
import time

import pytest

from mockai.http.clock import stands_still
from tests.support.control import Control, send
from tests.support.raw import Connect

DAY_S = 86_400.0


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


def test_a_clock_that_jumps_moves_stamps_only(
    control: Control, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day to and fro while a stream runs, and between streams: no duration has a day."""
    now, off_s = time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: now() + off_s)
    control.call("PUT", "", {"ttl": "10m"})
    control.script(hold={"at_token": 3}, tokens=20)
    for off_s in (0.0, -DAY_S, DAY_S):
        client = connect()
        client.chat(control.path, stream=True)
        control.wait_held()
        off_s = -2 * off_s  # noqa: PLW2901
        control.mark()
        client.close()
        control.wait_for(outcome="open", count=0)
    found = control.wait_for(outcome="cancelled", count=3)
    stamps = {item["timing"]["received_at"][:10] for item in found}
    assert len(stamps) == 3
    for item in found:
        left = item["disconnect"]
        assert 0 <= left["since_mark_s"]["stop"] <= left["at_s"] < DAY_S / 2
        assert item["bill"]["completion_tokens"] == 3
    assert control.check("cancelled", since="stop")["passed"]
