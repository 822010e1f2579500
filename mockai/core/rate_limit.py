"""A rate limiter with real buckets, and the six headers in which it counts down.

Buckets refill evenly, as the real API's do; failed requests count too. Told the time.
"""

from __future__ import annotations

from dataclasses import dataclass

from mockai.core.errors import ScriptedError

_MINUTE_S = 60.0
_VISIT = "Visit https://platform.openai.com/account/rate-limits to learn more."


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
        """Take one request of so many tokens; return the 429 if a bucket has too little."""
        wanted = {"requests": 1, "tokens": tokens}
        short: ScriptedError | None = None
        for kind, bucket in self._buckets.items():
            bucket.refill(now_s)
            units = min(wanted[kind], bucket.limit)
            if bucket.left < units:
                short = short or self._refusal(kind, bucket, units, model)
            else:
                bucket.left -= units
        if short is not None:
            short.headers = {**short.headers, **self.headers()}
        return short

    def headers(self) -> dict[str, str]:
        """Return the headers: limit, what remains, and when it is full again (a Go duration)."""
        shown: dict[str, str] = {}
        for kind, bucket in self._buckets.items():
            shown[f"x-ratelimit-limit-{kind}"] = str(bucket.limit)
            shown[f"x-ratelimit-remaining-{kind}"] = str(int(bucket.left))
            shown[f"x-ratelimit-reset-{kind}"] = go_duration(bucket.wait_s(bucket.limit))
        return shown

    @staticmethod
    def _refusal(kind: str, bucket: Bucket, units: float, model: str) -> ScriptedError:
        wait_s = bucket.wait_s(units)
        unit = {"requests": "requests per min (RPM)", "tokens": "tokens per min (TPM)"}[kind]
        return ScriptedError(
            429,
            f"Rate limit reached for {model} in organization org-mockai on {unit}: "
            f"Limit {bucket.limit}, Used {bucket.limit - int(bucket.left)}, "
            f"Requested {int(units)}. Please try again in {go_duration(wait_s)}. {_VISIT}",
            type=kind,
            code="rate_limit_exceeded",
            headers={
                "retry-after": str(max(1, -int(-wait_s // 1))),
                "retry-after-ms": str(max(1, round(wait_s * 1000))),
            },
        )


def go_duration(seconds: float) -> str:
    """Return a duration as Go writes it: `0s`, `120ms`, `8.64s`, `6m0s`, `1h12m0s`."""
    if seconds <= 0:
        return "0s"
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))}ms"
    minutes, rest = divmod(seconds, _MINUTE_S)
    if not minutes:
        return f"{rest:.3g}s"
    hours, minutes = divmod(int(minutes), 60)
    return (f"{hours}h" if hours else "") + f"{minutes}m{rest:.0f}s"
