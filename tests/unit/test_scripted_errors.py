"""The API's own errors: exact bodies and headers, word for word in a golden file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockai.core.scripted_errors import ERRORS, scripted_error
from mockai.core.steps.faults import Error
from tests.support.golden import golden

FORTY = {400, 401, 403, 404, 409, 429, 500, 503}


def shown(**asked: Any) -> str:
    """Return status, headers and body as they go out."""
    error = scripted_error(Error.model_validate(asked), "gpt-4o-mini")
    headers = "".join(f"{name}: {value}\n" for name, value in error.headers.items())
    return f"{error.status}\n{headers}{json.dumps(error.body(), indent=2)}"


def test_every_error_is_word_for_word_the_golden_one() -> None:
    """Sources are in the module; a change here changes what every user's test sees."""
    texts = [f"== {code}\n{shown(code=code)}" for code in ERRORS]
    assert "\n".join(texts) == golden("scripted_errors.txt")


def test_there_is_one_for_each_status_that_the_api_is_known_to_send() -> None:
    """And a 429 of each kind."""
    assert {facts.status for facts in ERRORS.values()} == FORTY
    assert sum(facts.status == 429 for facts in ERRORS.values()) == 8


@pytest.mark.parametrize("code", ERRORS)
def test_all_four_members_are_there(code: str) -> None:
    """Always, and the message is filled in."""
    error = scripted_error(Error(code=code), "my-model").body()["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert "{" not in error["message"]


@pytest.mark.parametrize(
    "asked,expected",
    [
        ({"status": 503}, (503, "server_error", None, "The server had an error while")),
        ({"status": 418}, (418, "invalid_request_error", None, "I'm a Teapot")),
        ({"status": 499}, (499, "invalid_request_error", None, "Error 499")),
        ({"status": 599}, (599, "server_error", None, "The server had an error while")),
        ({}, (500, "server_error", None, "The server had an error while")),
        ({"code": "slow_down", "status": 503}, (503, "rate_limit_error", "slow_down", "Your tra")),
        ({"message": "{model} is {broken}"}, (500, "server_error", None, "{model} is {broken}")),
        ({"type": "odd", "param": "p", "status": 400}, (400, "odd", None, "Bad Request")),
    ],
    ids=str,
)
def test_a_script_can_say_it_differently(asked: dict[str, Any], expected: Any) -> None:
    """By a status alone, or the parts of a known error changed one by one."""
    error = scripted_error(Error.model_validate(asked), "gpt-4o")
    *facts, beginning = expected
    assert [error.status, error.type, error.code] == facts
    assert error.message.startswith(beginning)
    assert error.param == asked.get("param")


@pytest.mark.parametrize(
    "asked,seconds,millis,wait",
    [
        (None, "20", "20000", "20s"),
        ("1s", "1", "1000", "1s"),
        ("100ms", "1", "100", "100ms"),
        ("90s", "90", "90000", "1m30s"),
    ],
)
def test_when_to_try_again_is_the_same_in_every_place(
    asked: str | None, seconds: str, millis: str, wait: str
) -> None:
    """Two headers, the reset of the bucket, and the sentence."""
    fault = Error.model_validate({"code": "rate_limit_exceeded", "retry_after": asked})
    error = scripted_error(fault, "gpt-4o")
    headers = error.headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == (seconds, millis)
    assert headers["x-ratelimit-reset-requests"] == wait
    assert f"Please try again in {wait}. " in error.message


def test_an_error_that_no_retry_cures_has_no_retry_after_unless_asked() -> None:
    """As the real API's."""
    assert scripted_error(Error(code="insufficient_quota"), "m").headers == {}
    asked = Error.model_validate({"code": "insufficient_quota", "retry_after": 2})
    assert scripted_error(asked, "m").headers["retry-after"] == "2"


def test_own_headers_come_last() -> None:
    """In any case; they replace what would be there."""
    headers = {"Retry-After": "soon", "X-Should-Retry": "false"}
    error = scripted_error(Error(code="slow_down", headers=headers), "m")
    assert error.headers == {
        "retry-after": "soon",
        "retry-after-ms": "20000",
        "x-should-retry": "false",
    }


def test_a_wait_of_more_than_a_year_is_refused() -> None:
    """No header could say it."""
    for asked in (1e300, "10000h"):
        with pytest.raises(ValueError, match="must be a year at most"):
            Error.model_validate({"code": "slow_down", "retry_after": asked})
