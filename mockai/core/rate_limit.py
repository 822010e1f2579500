"""A rate limiter with real buckets, and the six headers in which it counts down.

Buckets refill evenly, as the real API's do; failed requests count too. Told the time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mockai.core.errors import ScriptedError

_MINUTE_S = 60.0
_SECOND_MS = 1000
_ROUNDING = 1e-6
VISIT = "Visit https://platform.openai.com/account/rate-limits to learn more."


@dataclass(slots=True)
class Bucket:
    """So many units a minute; `left` of them at `at_s`."""

    limit: int
    left: float
    at_s: float

    def refill(self, now_s: float) -> None:
        """Put in what has come since."""
        self.left = min(self.limit, self.left + (now_s - self.at_s) * self.limit / _MINUTE_S)
        self.at_s = now_s

    def wait_s(self, units: float) -> float:
        """Return how long until so many units are there."""
        return max(0.0, (units - self.left) * _MINUTE_S / self.limit)


PLENTY: Mapping[str, str] = {
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "1999999",
    "x-ratelimit-reset-tokens": "0s",
}
"""The six headers where there is no limit."""
_UNITS = {"requests": "requests per min (RPM)", "tokens": "tokens per min (TPM)"}


class RateLimiter:
    """Requests and tokens per minute; either may be without limit."""

    def __init__(
        self, *, requests_per_minute: int | None, tokens_per_minute: int | None, now_s: float
    ) -> None:
        self._buckets: dict[str, Bucket] = {}
        for kind, limit in (("requests", requests_per_minute), ("tokens", tokens_per_minute)):
            if limit is not None:
                self._buckets[kind] = Bucket(limit, limit, now_s)

    def take(self, tokens: int, *, model: str, now_s: float) -> ScriptedError | None:
        """Take one request of so many tokens; return the 429 if a bucket has too little.

        A request that is refused for its tokens has counted as a request; one that is refused as
        a request takes no tokens. One of more tokens than a minute has takes a full bucket.
        """
        for kind, bucket in self._buckets.items():  # requests come first
            bucket.refill(now_s)
            units = min({"requests": 1, "tokens": tokens}[kind], bucket.limit)
            if bucket.left + _ROUNDING < units:
                return self._refusal(kind, bucket, units, model)
            bucket.left -= units
        return None

    def headers(self) -> dict[str, str]:
        """Return the six headers: limit, what remains, when it is full again (a Go duration)."""
        shown = dict(PLENTY)
        for kind, bucket in self._buckets.items():
            shown[f"x-ratelimit-limit-{kind}"] = str(bucket.limit)
            shown[f"x-ratelimit-remaining-{kind}"] = str(int(bucket.left))
            shown[f"x-ratelimit-reset-{kind}"] = go_duration(bucket.wait_s(bucket.limit))
        return shown

    def _refusal(self, kind: str, bucket: Bucket, units: int, model: str) -> ScriptedError:
        wait_s = bucket.wait_s(units)
        return ScriptedError(
            429,
            f"Rate limit reached for {model} in organization org-mockai on {_UNITS[kind]}: "
            f"Limit {bucket.limit}, Used {bucket.limit - int(bucket.left)}, "
            f"Requested {units}. Please try again in {go_duration(wait_s)}. {VISIT}",
            type=kind,
            code="rate_limit_exceeded",
            headers={**retry_headers(wait_s), **self.headers()},
        )


def retry_headers(seconds: float) -> dict[str, str]:
    """Return when to try again: in whole seconds, at least one, and in milliseconds."""
    return {
        "retry-after": str(max(1, math.ceil(seconds))),
        "retry-after-ms": str(math.ceil(seconds * 1000)),
    }


def go_duration(seconds: float) -> str:
    """Return a duration as Go writes it: `0s`, `120ms`, `8.64s`, `6m0s`, `1h12m0s`.

    Below a minute it is exact to a millisecond, from there on to a second.
    """
    millis = math.ceil(seconds * 1000)
    if millis < _SECOND_MS:
        return f"{millis}ms" if millis > 0 else "0s"
    if millis < _MINUTE_S * _SECOND_MS:
        return f"{millis / _SECOND_MS:g}s"
    minutes, rest = divmod(math.ceil(seconds), int(_MINUTE_S))
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + f"{minutes}m{rest}s"
