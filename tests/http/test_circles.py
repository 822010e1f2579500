"""What a request leaves behind goes at once: while the collector works, all streams wait."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.control import Control
from tests.support.raw import Connect


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector keeps what it finds, and looks only when it is told to."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("leaves", [True, False], ids=["cancelled", "completed"])
def test_nothing_of_ours_is_left_to_the_collector(
    control: Control, connect: Connect, *, stream: bool, leaves: bool
) -> None:
    """Records, plans and sinks hold each other in circles only while they are needed."""
    control.script(hold={"at": "headers"} if leaves else None)
    for times in range(1, 4):
        client = connect()
        client.chat(control.path, stream=stream)
        if leaves:
            control.wait_held()
        else:
            client.response()
        client.close()
        control.wait_for(times, outcome="cancelled" if leaves else "completed")
    gc.collect()
    ours = [item for item in gc.garbage if type(item).__module__.startswith("mockai.")]
    assert Counter(type(item).__name__ for item in ours) == {}
