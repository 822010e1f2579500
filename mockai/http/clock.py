"""A server needs a clock that moves. On a thread of a test it may stand still: say so at once.

A frozen clock (freezegun) stops every pace and every wait for good, without a word.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from mockai.core.errors import OpenAIError
from mockai.http.control_calls import ROOT
from mockai.http.control_errors import ControlError

_LOOKS, _STEP_S = 1_000, 0.02  # no clock that moves keeps still for so long
_CODE = "clock_stands_still"
STANDING = (
    "the clock of this process stands still (freezegun?), and a server on a thread of it cannot "
    "do without: use process=True, MockAI(process=True) or `mockai_process = true` for pytest"
)


def require_ticking(path: str) -> None:
    """Refuse to serve while no time passes. Raises the error of the surface that was asked."""
    if not stands_still(time.monotonic_ns):
        return
    if path.startswith(ROOT):
        raise ControlError(503, STANDING, code=_CODE)
    raise OpenAIError(
        503, STANDING, type="server_error", code=_CODE, headers={"x-should-retry": "false"}
    )


def stands_still(clock: Callable[[], int]) -> bool:
    """Say whether a clock does not move; that it does is seen by two looks."""
    begin = clock()
    if clock() != begin or any(clock() != begin for _ in range(_LOOKS)):
        return False
    select.select([], [], [], _STEP_S)  # the kernel's wait, which nobody freezes
    return clock() == begin
