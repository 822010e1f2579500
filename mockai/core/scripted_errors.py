"""The API's own errors, as a script can ask for them by code: status, body and headers.

Sources: OpenAI's error guide and API description, recordings, and clients that quote the texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from mockai.core.errors import ScriptedError
from mockai.core.rate_limit import VISIT, go_duration, retry_headers

if TYPE_CHECKING:
    from mockai.core.steps.faults import Error

_SERVER = 500
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error consists of; `{model}` and `{wait}` in the message are filled in.

    One that names a `bucket` says that it is empty, of `limit`; `retry_s` is when to try again.
    """

    status: int
    type: str
    code: str | None
    message: str
    param: str | None = None
    bucket: Literal["requests", "tokens"] | None = None
    limit: int = 0
    retry_s: float | None = None


_QUOTA, _BAD, _FAILED = "insufficient_quota", "invalid_request_error", "server_error"
_SORRY = "The server had an error while processing your request. Sorry about that!"


def _limit(kind: Literal["requests", "tokens"], unit: str, limit: int) -> ErrorFacts:
    message = (
        f"Rate limit reached for {{model}} in organization org-mockai on {unit}: Limit {limit}, "
        f"Used {limit}, Requested 1. Please try again in {{wait}}. {VISIT}"
    )
    return ErrorFacts(429, kind, "rate_limit_exceeded", message, None, kind, limit, 20)


def _spent(code: str, message: str) -> ErrorFacts:
    """Return a 429 that no retry cures: without a retry-after."""
    return ErrorFacts(429, _QUOTA, code, message)


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
        "The model `{model}` does not exist or you do not have access to it.",
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
        retry_s=20,
    ),
    "insufficient_quota": _spent(
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, read the docs: "
        "https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
    "credit_balance_exhausted": _spent(
        "credit_balance_exhausted",
        "Your credit balance is exhausted. Please add credits to continue.",
    ),
    "organization_spend_limit_exceeded": _spent(
        "organization_spend_limit_exceeded",
        "Your organization has reached its spend limit. Raise it to continue.",
    ),
    "project_spend_limit_exceeded": _spent(
        "project_spend_limit_exceeded",
        "Your project has reached its spend limit. Raise it to continue.",
    ),
    "organization_usage_limit_exceeded": _spent(
        "organization_usage_limit_exceeded",
        "Your organization has reached its usage limit. Request a higher one to continue.",
    ),
    "context_length_exceeded": ErrorFacts(
        400,
        _BAD,
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "130000 tokens. Please reduce the length of the messages.",
        param="messages",
    ),
    "server_error": ErrorFacts(_SERVER, _FAILED, None, _SORRY),
    "server_is_overloaded": ErrorFacts(
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "The engine is currently overloaded, please try again later",
    ),
}


def scripted_error(error: Error, model: str) -> ScriptedError:
    """Return the error as it goes out: the API's own facts, with what the script says instead."""
    facts = ERRORS[error.code] if error.code is not None else _by_status(error.status or _SERVER)
    retry_s = facts.retry_s if error.retry_after is None else error.retry_after
    wait = go_duration(retry_s or 0)
    headers = {} if retry_s is None else retry_headers(retry_s)
    if facts.bucket is not None:
        headers[f"x-ratelimit-limit-{facts.bucket}"] = str(facts.limit)
        headers[f"x-ratelimit-remaining-{facts.bucket}"] = "0"
        headers[f"x-ratelimit-reset-{facts.bucket}"] = wait
    own = {name.lower(): value for name, value in error.headers.items()}
    return ScriptedError(
        error.status or facts.status,
        error.message or facts.message.format(model=model, wait=wait),
        type=error.type or facts.type,
        param=error.param or facts.param,
        code=facts.code,
        headers=headers | own,
    )


def _by_status(status: int) -> ErrorFacts:
    """Return the facts of an error that has only a status."""
    if status >= _SERVER:
        return ErrorFacts(status, _FAILED, None, _SORRY)
    return ErrorFacts(status, _BAD, None, _PHRASES.get(status, f"Error {status}"))
