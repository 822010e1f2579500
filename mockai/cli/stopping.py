"""When a server's process stops: at a signal, or once nobody holds its standard input any more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading


def stop_events(*, with_stdin: bool) -> tuple[asyncio.Event, asyncio.Event]:
    """Return what is set when the server is to stop, and when it is to hurry with that.

    SIGINT and SIGTERM stop it; a second one hurries.
    """
    loop, stop, hurry = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def signalled() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled)
    if with_stdin:
        threading.Thread(target=_follow, args=(loop, stop), name="stdin", daemon=True).start()
    return stop, hurry


def _follow(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Read standard input to its end: who held the other side has closed it, or has ended."""
    with contextlib.suppress(OSError):  # it was closed from the start
        while os.read(0, 4_096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(stop.set)
