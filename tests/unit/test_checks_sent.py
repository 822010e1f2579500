"""The check `sent`: what the client asked, field by field."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from mockai.core.checks.base import Verdict
from mockai.core.checks.evaluate import evaluate
from mockai.core.checks.sent import Sent
from mockai.core.exchange import Exchange
from tests.support.facts import ASKED, completed_exchange, evidence_of, open_exchange
from tests.support.golden import golden

TOOL = {"type": "function", "function": {"name": "weather"}}
BODY: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "temperature": 1,
    "stream": True,
    "messages": [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "Tell me a story"}]},
    ],
    "tools": [TOOL],
}
HEADERS = {"user-agent": "OpenAI/Python 3", "authorization": None}


def asked(body: Any = BODY, **facts: Any) -> Exchange:
    """Return an exchange whose client has said this."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return completed_exchange(request=replace(ASKED, body=raw, headers=HEADERS, **facts))


def judge(check: dict[str, Any], *exchanges: Exchange) -> Verdict:
    """Judge."""
    return evaluate(Sent.model_validate(check), evidence_of(*(exchanges or (asked(),))))


@pytest.mark.parametrize(
    "right,wrong",
    [
        ({"body": {"temperature": 1}}, {"body": {"temperature": 2}}),
        ({"body": {"stream": True}}, {"body": {"stream": 1}}),
        ({"body": {"messages.0.role": "system"}}, {"body": {"messages.1.role": "system"}}),
        ({"body": {"messages.-1.role": "user"}}, {"body": {"messages.-2.role": "user"}}),
        ({"body": {"tools": [TOOL]}}, {"body": {"tools": []}}),
        ({"body": {"seed": None}}, {"body": {"stream": None}}),
        ({"headers": {"User-Agent": "OpenAI/*"}}, {"headers": {"user-agent": "curl/*"}}),
        ({"headers": {"authorization": "*"}}, {"headers": {"authorization": "Bearer *"}}),
        ({"headers": {"x-debug": None}}, {"headers": {"user-agent": None}}),
        ({"headers": {"x-debug": None}}, {"headers": {"x-debug": "*"}}),
        ({"tools": ["weather"]}, {"tools": ["weather", "search"]}),
        ({"tools": ["weather"]}, {"tools": []}),
        ({"last_user": {"contains": "story"}}, {"last_user": {"contains": "poem"}}),
        ({"last_user": {"equals": "Tell me a story"}}, {"last_user": {"equals": "story"}}),
        ({"system": {"regex": "^Be"}}, {"system": {"regex": "^be"}}),
        ({"any_message": {"contains": "brief"}}, {"any_message": {"contains": "long"}}),
    ],
)
def test_every_field_can_pass_and_can_fail(right: dict[str, Any], wrong: dict[str, Any]) -> None:
    """Bodies by value, headers by glob, tools by name, messages by text."""
    assert judge(right).passed
    assert not judge(wrong).passed


@pytest.mark.parametrize(
    "check",
    [{}, {"count": 1}, {"last_user": {}}, {"body": {}}, {"system": {"regex": "("}}, {"bodies": {}}],
)
def test_a_check_that_says_nothing_is_refused(check: dict[str, Any]) -> None:
    """It could not fail."""
    with pytest.raises(ValidationError):
        Sent.model_validate(check)


@pytest.mark.parametrize(
    "exchange,why",
    [
        (asked(b"{", body_truncated=True), "only its first 1 bytes are recorded"),
        (asked(b"", body_truncated=True), "it is not recorded"),
        (asked(b""), "no body"),
        (asked(b"[]"), "no JSON object"),
        (asked(b"{"), "no JSON object"),
    ],
)
def test_a_body_that_is_not_known_fails_and_says_why(exchange: Exchange, why: str) -> None:
    """What was not recorded is not what was expected; headers can be judged all the same."""
    verdict = judge({"body": {"seed": None}}, exchange)
    assert not verdict.passed
    assert f"body: {why}" in verdict.message
    assert judge({"headers": {"x-debug": None}}, exchange).passed


@pytest.mark.parametrize("body", [{"messages": "x", "tools": "x"}, {"messages": [1]}, {}])
def test_a_body_of_another_shape_has_no_messages(body: dict[str, Any]) -> None:
    """Whatever came, a verdict can be given."""
    assert not judge({"last_user": {"contains": "story"}}, asked(body)).passed


def test_a_body_on_its_way_may_still_say_it() -> None:
    """The headers are here, the body is not."""
    arriving = open_exchange(phase="receiving", request=ASKED)
    verdict = judge({"tools": []}, arriving)
    assert (verdict.passed, verdict.settled) == (False, False)


def test_the_text_shows_each_field_that_differs() -> None:
    """Expected and seen, one under the other."""
    check = {
        "body": {"temperature": 0.2, "messages.-1.role": "user"},
        "headers": {"user-agent": "curl/*"},
        "tools": ["search"],
        "where": {"scenario": "story"},
    }
    assert judge(check).report == golden("sent_other.txt")
