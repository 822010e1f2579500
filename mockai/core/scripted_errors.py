"""The API's own errors, as a script can ask for them by code: status, body and headers.

Sources: OpenAI's error guide and API description, recordings, and clients that quote the texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mockai.core.errors import OpenAIError

if TYPE_CHECKING:
    from mockai.core.steps.faults import Error


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error consists of."""

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_RATE = "Visit https://platform.openai.com/account/rate-limits to learn more."
_RETRY = {"retry-after": "20", "retry-after-ms": "20000"}
_QUOTA = "insufficient_quota"
_BAD = "invalid_request_error"


def _limit(kind: str, unit: str, limit: int) -> ErrorFacts:
    message = (
        f"Rate limit reached for gpt-4o in organization org-mockai on {unit}: Limit {limit}, "
        f"Used {limit}, Requested 1. Please try again in 20s. {_RATE}"
    )
    reset = {f"x-ratelimit-remaining-{kind}": "0", f"x-ratelimit-reset-{kind}": "20s"}
    return ErrorFacts(429, kind, "rate_limit_exceeded", message, headers={**_RETRY, **reset})


ERRORS: dict[str, ErrorFacts] = {
    "invalid_api_key": ErrorFacts(
        401,
        _BAD,
        "invalid_api_key",
        "Incorrect API key provided: sk-mocka***wxyz. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    ),
    "unsupported_country_region_territory": ErrorFacts(
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    "model_not_found": ErrorFacts(
        404,
        _BAD,
        "model_not_found",
        "The model `gpt-4o` does not exist or you do not have access to it.",
    ),
    "conversation_locked": ErrorFacts(
        409,
        _BAD,
        "conversation_locked",
        "Another process is currently operating on this conversation. Please retry in a few "
        "seconds.",
    ),
    "rate_limit_exceeded": _limit("requests", "requests per min (RPM)", 500),
    "tokens_per_minute_exceeded": _limit("tokens", "tokens per min (TPM)", 30_000),
    "slow_down": ErrorFacts(
        429,
        "rate_limit_error",
        "slow_down",
        "Your traffic has increased too quickly. Please slow down and ramp up gradually.",
        headers=_RETRY,
    ),
    "insufficient_quota": ErrorFacts(
        429,
        _QUOTA,
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, read the docs: "
        "https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
    "credit_balance_exhausted": ErrorFacts(
        429,
        _QUOTA,
        "credit_balance_exhausted",
        "Your credit balance is exhausted. Please add credits to continue.",
    ),
    "context_length_exceeded": ErrorFacts(
        400,
        _BAD,
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "130000 tokens. Please reduce the length of the messages.",
        param="messages",
    ),
    "server_error": ErrorFacts(
        500,
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "server_is_overloaded": ErrorFacts(
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "The engine is currently overloaded, please try again later",
    ),
}


def scripted_error(error: Error, model: str) -> OpenAIError:
    """Return the error as it goes out: the API's own facts, with what the script says instead."""
    status = error.status or 500
    facts = ERRORS[error.code or "server_error"]
    if error.code is None and error.status is not None:
        facts = ErrorFacts(status, facts.type if status >= _SERVER else _BAD, None, facts.message)
    headers = {**facts.headers, **error.headers}
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
        headers["retry-after-ms"] = f"{error.retry_after * 1000:g}"
    return OpenAIError(
        error.status or facts.status,
        error.message or facts.message.replace("gpt-4o", model),
        type=error.type or facts.type,
        param=error.param or facts.param,
        code=facts.code,
        headers=headers,
    )


_SERVER = 500
