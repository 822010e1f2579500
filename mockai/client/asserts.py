"""The assertions, once for all faces: one-liners over the checks.

`Done` is what a face answers when an assertion holds: `None`, or a coroutine to be awaited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, Unpack

from mockai.client import terms

Done = TypeVar("Done")

DEFAULT_TIMEOUT_S = 5.0


class Assertions(Generic[Done]):
    """What can be asserted of a session, or of the exchanges of one script.

    Every exchange that fits must comply, and at least one must fit. `timeout` is how long the
    call may wait for that, in seconds. What is not met is an `AssertionError` that explains.
    """

    def demand(self, kind: str, expected: Mapping[str, Any], timeout: float) -> Done:
        """Have a check judged, and raise its report unless it passes."""
        raise NotImplementedError

    def assert_cancelled(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.CancelledTerms]
    ) -> Done:
        """Assert that the client left before the end, soon enough, with little enough sent."""
        __tracebackhide__ = True
        return self.demand("cancelled", expected, timeout)

    def assert_completed(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.WhereTerms]
    ) -> Done:
        """Assert that the answer was read to its end."""
        __tracebackhide__ = True
        return self.demand("completed", expected, timeout)

    def assert_billed(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.BilledTerms]
    ) -> Done:
        """Assert that each exchange costs at most so much under its policy."""
        __tracebackhide__ = True
        return self.demand("billed", expected, timeout)

    def assert_wasted(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.WastedTerms]
    ) -> Done:
        """Assert that at most so much (nothing, if not said) was billed after the stop."""
        __tracebackhide__ = True
        return self.demand("wasted", expected, timeout)

    def assert_usage(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **booked: Unpack[terms.UsageTerms]
    ) -> Done:
        """Assert that the usage which the client booked is the usage that was billed."""
        __tracebackhide__ = True
        return self.demand("usage", booked, timeout)
