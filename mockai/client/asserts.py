"""The assertions, once for all faces: one-liners over the checks.

`Done` is what a face answers when an assertion holds: `None`, or a coroutine to be awaited.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, Unpack

from mockai.client import terms
from mockai.client.tracebacks import hidden
from mockai.client.views import Mark
from mockai.core.checks.base import DEFAULT_QUIET_S
from mockai.core.checks.open import DEFAULT_WITHIN_S

__tracebackhide__ = hidden

Done = TypeVar("Done")

DEFAULT_TIMEOUT_S = 5.0


class Assertions(ABC, Generic[Done]):
    """What can be asserted of a session, or of the exchanges of one script.

    Every exchange that fits must comply, and at least one must fit. `timeout` is how long the
    call may wait for that, in seconds. What is not met is an `AssertionError` that explains.
    """

    @abstractmethod
    def demand(self, kind: str, expected: Mapping[str, Any], timeout: float) -> Done:
        """Have a check judged, and raise its report unless it passes."""

    def assert_cancelled(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.CancelledTerms]
    ) -> Done:
        """Assert that the client left before the end, soon enough, with little enough sent."""
        return self.demand("cancelled", expected, timeout)

    def assert_completed(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.WhereTerms]
    ) -> Done:
        """Assert that the answer was read to its end."""
        return self.demand("completed", expected, timeout)

    def assert_requests(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.RequestsTerms]
    ) -> Done:
        """Assert how many requests came, and that for `quiet` seconds no more come."""
        return self.demand("requests", expected, timeout)

    def assert_open(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.OpenTerms]
    ) -> Done:
        """Assert that at most `max` exchanges (none, if not said) are open, in time."""
        return self.demand("open", expected, timeout)

    def assert_sent(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.SentTerms]
    ) -> Done:
        """Assert what each request said: fields of the body, headers, tools, messages."""
        return self.demand("sent", expected, timeout)

    def assert_delivered(
        self,
        text: str,
        *,
        timeout: float = DEFAULT_TIMEOUT_S,
        **how: Unpack[terms.DeliveredTerms],
    ) -> Done:
        """Assert that the text which the client kept is what was sent to it, and no more."""
        return self.demand("delivered", {"text": text, **how}, timeout)

    def assert_order(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.OrderTerms]
    ) -> Done:
        """Assert that requests came in this order of `scenarios`, or of `tags`."""
        return self.demand("order", expected, timeout)

    def assert_billed(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.BilledTerms]
    ) -> Done:
        """Assert that each exchange costs at most so much under its policy."""
        return self.demand("billed", expected, timeout)

    def assert_wasted(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.WastedTerms]
    ) -> Done:
        """Assert that at most so much (nothing, if not said) was billed after the stop."""
        return self.demand("wasted", expected, timeout)

    def assert_usage(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **booked: Unpack[terms.UsageTerms]
    ) -> Done:
        """Assert that the usage which the client booked is the usage that was billed."""
        return self.demand("usage", booked, timeout)

    # ── old acquaintances ────────────────────────────────────────────────────────────────────

    def assert_no_retry_after_cancel(
        self,
        *,
        quiet: terms.Seconds = DEFAULT_QUIET_S,
        timeout: float = DEFAULT_TIMEOUT_S,
        **where: Unpack[terms.ChoiceTerms],
    ) -> Done:
        """Assert that nothing asks again what was cancelled; something must have been."""
        return self.assert_requests(
            only="retries_after_cancel", quiet=quiet, timeout=timeout, **where
        )

    def assert_no_requests_after(
        self,
        mark: str | Mark,
        *,
        quiet: terms.Seconds = DEFAULT_QUIET_S,
        timeout: float = DEFAULT_TIMEOUT_S,
        **where: Unpack[terms.ChoiceTerms],
    ) -> Done:
        """Assert that no request came after a mark: no retry, no agent that goes on."""
        name = mark if isinstance(mark, str) else mark.name
        return self.assert_requests(after=name, max=0, quiet=quiet, timeout=timeout, **where)

    def assert_no_open_streams(
        self,
        *,
        within: terms.Seconds = DEFAULT_WITHIN_S,
        timeout: float = DEFAULT_TIMEOUT_S,
        **where: Unpack[terms.ChoiceTerms],
    ) -> Done:
        """Assert that nothing is left open: every connection has been given back."""
        return self.assert_open(max=0, within=within, timeout=timeout, **where)

    def assert_survived_disconnect(
        self, *, timeout: float = DEFAULT_TIMEOUT_S, **expected: Unpack[terms.WhereTerms]
    ) -> Done:
        """Assert that the answer was read to its end though its reader's own client had left."""
        return self.assert_completed(timeout=timeout, **expected)

    def assert_called_once(
        self,
        *,
        quiet: terms.Seconds = DEFAULT_QUIET_S,
        timeout: float = DEFAULT_TIMEOUT_S,
        **where: Unpack[terms.ChoiceTerms],
    ) -> Done:
        """Assert that exactly one request came, and for `quiet` seconds no other comes."""
        return self.assert_requests(count=1, quiet=quiet, timeout=timeout, **where)
