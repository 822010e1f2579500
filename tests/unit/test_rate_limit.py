"""Buckets that refill, the six headers that count down, and the 429."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockai.core.rate_limit import PLENTY, RateLimiter, go_duration


def limiter(requests: int | None = None, tokens: int | None = None) -> RateLimiter:
    """Return full buckets at time 0."""
    return RateLimiter(requests_per_minute=requests, tokens_per_minute=tokens, now_s=0.0)


def outcomes(of: RateLimiter, *calls: tuple[float, int]) -> list[str]:
    """Return what becomes of calls (time, tokens): `ok`, or the bucket that is short."""
    found = [of.take(tokens, model="m", now_s=at_s) for at_s, tokens in calls]
    return ["ok" if error is None else error.type for error in found]


def test_so_many_requests_and_then_no_more() -> None:
    """The third in the same minute is too many."""
    assert outcomes(limiter(requests=2), (0, 5), (1, 5), (2, 5)) == ["ok", "ok", "requests"]


def test_so_many_tokens_and_then_no_more() -> None:
    """Whatever the number of requests."""
    assert outcomes(limiter(tokens=100), (0, 60), (0, 40), (0, 1)) == ["ok", "ok", "tokens"]


def test_buckets_refill_evenly() -> None:
    """A request every 20 s at three a minute, and never more than a minute's worth."""
    calls = [(at, 1) for at in (0, 0, 0, 19.9, 20, 20, 1000, 1000, 1000, 1000)]
    assert outcomes(limiter(requests=3), *calls) == [
        "ok",
        "ok",
        "ok",
        "requests",
        "ok",
        "requests",
        "ok",
        "ok",
        "ok",
        "requests",
    ]


def test_a_refused_request_takes_no_tokens() -> None:
    """It never came as far as the model."""
    of = limiter(requests=1, tokens=100)
    assert outcomes(of, (0, 60), (0, 40)) == ["ok", "requests"]
    assert of.headers()["x-ratelimit-remaining-tokens"] == "40"


def test_a_request_of_too_many_tokens_has_counted_as_a_request() -> None:
    """Failed requests count, says the vendor's guide."""
    of = limiter(requests=5, tokens=100)
    assert outcomes(of, (0, 90), (0, 90)) == ["ok", "tokens"]
    assert of.headers()["x-ratelimit-remaining-requests"] == "3"


def test_a_request_larger_than_a_minute_takes_a_full_bucket() -> None:
    """Else it could never be answered."""
    assert outcomes(limiter(tokens=100), (0, 500), (30, 500), (60, 500)) == ["ok", "tokens", "ok"]


def test_who_waits_as_long_as_told_is_answered() -> None:
    """To the millisecond, for limits that do not divide a minute."""
    for per_minute in (1, 3, 7, 499):
        of = limiter(requests=per_minute)
        now_s = 0.0
        for _ in range(per_minute):
            assert of.take(1, model="m", now_s=now_s) is None
        refused = of.take(1, model="m", now_s=now_s)
        assert refused is not None
        now_s += int(refused.headers["retry-after-ms"]) / 1000
        assert of.take(1, model="m", now_s=now_s) is None


def test_the_six_headers_count_down() -> None:
    """Limit, what remains, and when the bucket is full again."""
    of = limiter(requests=3, tokens=60)
    of.take(25, model="m", now_s=0.0)
    assert of.headers() == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "20s",
        "x-ratelimit-limit-tokens": "60",
        "x-ratelimit-remaining-tokens": "35",
        "x-ratelimit-reset-tokens": "25s",
    }


@pytest.mark.parametrize("one", [{"requests": 3}, {"tokens": 60}, {}], ids=str)
def test_all_six_are_there_with_one_limit_too(one: dict[str, Any]) -> None:
    """A client that reads the others finds plenty."""
    assert list(limiter(**one).headers()) == list(PLENTY)


def test_the_refusal_says_all_that_the_real_one_says() -> None:
    """Word for word, with the headers of both buckets."""
    of = limiter(requests=3, tokens=100)
    for _ in range(3):
        of.take(1, model="gpt-4o", now_s=0.0)
    refused = of.take(1, model="gpt-4o", now_s=0.0)
    assert refused is not None
    assert refused.status == 429
    assert refused.body()["error"] == {
        "message": "Rate limit reached for gpt-4o in organization org-mockai on requests per min "
        "(RPM): Limit 3, Used 3, Requested 1. Please try again in 20s. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert refused.headers["retry-after"] == "20"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.headers["x-ratelimit-remaining-tokens"] == "97"


@pytest.mark.parametrize(
    "seconds,text",
    [
        (0, "0s"),
        (-1, "0s"),
        (0.0004, "1ms"),
        (0.001, "1ms"),
        (0.12, "120ms"),
        (0.9995, "1s"),
        (1, "1s"),
        (8.64, "8.64s"),
        (59.9991, "1m0s"),
        (60, "1m0s"),
        (119.7, "2m0s"),
        (360, "6m0s"),
        (4320, "1h12m0s"),
        (3600, "1h0m0s"),
        (90_061, "25h1m1s"),
    ],
)
def test_a_duration_is_written_as_go_writes_it(seconds: float, text: str) -> None:
    """Milliseconds below a second, no unit above 59."""
    assert go_duration(seconds) == text


@given(st.floats(min_value=0, max_value=1e6))
def test_any_duration_reads_back_and_is_never_too_short(seconds: float) -> None:
    """Who waits that long has waited enough; at most a second more than needed."""
    found = re.fullmatch(
        r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d{1,3})?)s)?(?:(\d+)ms)?", go_duration(seconds)
    )
    assert found is not None
    hours, minutes, whole, millis = (float(part or 0) for part in found.groups())
    assert minutes < 60
    assert whole < 60
    read = hours * 3600 + minutes * 60 + whole + millis / 1000
    assert seconds <= read + 1e-9 < seconds + 1.001
