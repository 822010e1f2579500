"""Many choices of one answer are much to compile: other streams must not feel it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mockai.engine.scripts import Entry
from tests.support.control import Control
from tests.support.raw import RawClient


@pytest.mark.parametrize("choices, is_on_the_loop", [(1, True), (4, True), (5, False)])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_many_choices_are_compiled_off_the_loop(
    control: Control,
    connect: Callable[..., RawClient],
    monkeypatch: pytest.MonkeyPatch,
    choices: int,
    *,
    is_on_the_loop: bool,
    stream: bool,
) -> None:
    """A few are done at once, where a hop to another thread would cost more than it saves."""
    staged, threads = Entry.staged, list[str]()

    def noted(self: Entry, *args: Any, **named: Any) -> Any:
        threads.append(threading.current_thread().name)
        return staged(self, *args, **named)

    monkeypatch.setattr(Entry, "staged", noted)
    control.script()
    client = connect()
    client.chat(control.path, stream=stream, n=choices)
    assert client.response().status == 200
    assert [name == "mockai" for name in threads] == [is_on_the_loop]
    assert control.ended("completed")["tokens"]["written"] == 20 * choices
