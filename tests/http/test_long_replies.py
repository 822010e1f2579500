"""A long reply, or one of many choices, is much to compile: other streams must not feel it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mockai.engine.scripts import Entry
from tests.support.control import Control
from tests.support.raw import RawClient


@pytest.mark.parametrize(
    "tokens, choices, is_on_the_loop",
    [(20, 1, True), (20, 128, True), (400, 64, False), (20_000, 1, False)],
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_what_is_much_is_compiled_off_the_loop_the_first_time(
    control: Control,
    connect: Callable[..., RawClient],
    monkeypatch: pytest.MonkeyPatch,
    tokens: int,
    choices: int,
    *,
    is_on_the_loop: bool,
    stream: bool,
) -> None:
    """What is little, or known, is not worth a hop to another thread."""
    staged, threads = Entry.staged, list[str]()

    def noted(self: Entry, *args: Any, **named: Any) -> Any:
        threads.append(threading.current_thread().name)
        return staged(self, *args, **named)

    monkeypatch.setattr(Entry, "staged", noted)
    control.script(tokens=tokens)
    client = connect()
    for _ in range(2):
        client.chat(control.path, stream=stream, n=choices)
        assert client.response().status == 200
    assert [name == "mockai" for name in threads] == [is_on_the_loop, True]
    last = control.wait_for(2, outcome="completed")[-1]
    assert last["tokens"]["written"] == tokens * choices
