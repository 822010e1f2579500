"""A block without the cyclic garbage collector, so that a leaked stream cannot pass by its luck.

A client that forgets a stream without closing it keeps its connection until the collector comes
by: after a millisecond in a busy program, never in an idle one (measured with openai-python, whose
streams are reference cycles). A cancel test must not depend on that.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_gc() -> Iterator[None]:
    """Collect what earlier code has left, and then nothing until the end of the block.

    It concerns this process only, all of its threads. Blocks may be nested.

    >>> with no_gc():
    ...     gc.isenabled()
    False
    """
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
