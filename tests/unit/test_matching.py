"""Which scenario answers, field by field, and what a miss says."""

from __future__ import annotations

from typing import Any

import pytest

from mockai.core.match_fields import Match
from mockai.core.matching import Incoming, at_path, difference, miss, never_asked
from tests.support.facts import request_of, scenario_of
from tests.support.golden import golden

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}
TALK = [
    {"role": "system", "content": "Be brief"},
    {"role": "user", "content": "First"},
    {"role": "assistant", "content": "Well"},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Tell me "}, {"type": "text", "text": "a story"}],
    },
]
CALLED = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
AFTER_A_TOOL = [
    {"role": "user", "content": "Rain?"},
    {"role": "assistant", "content": None, "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "c", "content": "Rain."},
]


def asked(**fields: Any) -> Incoming:
    """Return a request for a story, with this in its body."""
    return Incoming(
        request_of("Tell me a story", **fields),
        path="/v1/chat/completions",
        headers={"user-agent": "OpenAI/Python 2.0", "x-user": "ann"},
        nth=2,
    )


def words(match: dict[str, Any], incoming: Incoming | None = None) -> list[str]:
    """Return the differences."""
    found = difference(Match.model_validate(match), incoming or asked(messages=TALK, n=1))
    return [str(item) for item in found]


FIELDS = [
    ({"model": "gpt-4*"}, {"model": "o3"}, "model: expected 'o3', got 'gpt-4o-mini'"),
    (
        {"model": "gpt-?o-[m]ini"},
        {"model": "GPT-4*"},
        "model: expected 'GPT-4*', got 'gpt-4o-mini'",
    ),
    (
        {"path": "/v1/*"},
        {"path": "*/models"},
        "path: expected '*/models', got '/v1/chat/completions'",
    ),
    ({"stream": True}, {"stream": False}, "stream: expected false, got true"),
    (
        {"headers": {"User-Agent": "OpenAI/Python*", "x-user": "ann"}},
        {"headers": {"X-User": "bob"}},
        "headers.X-User: expected 'bob', got 'ann'",
    ),
    (
        {"headers": {"x-other": ""}},
        {"headers": {"x-other": "?*"}},
        "headers.x-other: expected '?*', got ''",
    ),
    (
        {"last_user": {"contains": "a story"}},
        {"last_user": {"contains": "First"}},
        "last_user.contains: expected 'First', got 'Tell me a story'",
    ),
    (
        {"last_user": {"equals": "Tell me a story"}},
        {"last_user": {"equals": "tell me a story"}},
        "last_user.equals: expected 'tell me a story', got 'Tell me a story'",
    ),
    (
        {"last_user": {"regex": r"(?i)TELL .* story$"}},
        {"last_user": {"regex": "^story"}},
        "last_user.regex: expected '^story', got 'Tell me a story'",
    ),
    (
        {"any_message": {"equals": "First"}},
        {"any_message": {"equals": "Second"}},
        "any_message.equals: expected 'Second', got 'Tell me a story'",
    ),
    (
        {"system": {"contains": "brief"}},
        {"system": {"contains": "First"}},
        "system.contains: expected 'First', got 'Be brief'",
    ),
    ({"tool_result": False}, {"tool_result": True}, "tool_result: expected true, got false"),
    ({"tools": []}, {"tools": ["weather"]}, "tools: expected weather, got none"),
    ({"nth": 2}, {"nth": 3}, "nth: expected 3, got 2"),
    ({"nth": [1, 2]}, {"nth": [1, 3]}, "nth: expected 1 or 3, got 2"),
    (
        {"json": {"messages.0.role": "system"}},
        {"json": {"messages.1.role": "system"}},
        'json.messages.1.role: expected "system", got "user"',
    ),
    ({"json": {"user": None}}, {"json": {"stream": None}}, "json.stream: expected null, got true"),
    ({"json": {"stream": True}}, {"json": {"stream": 1}}, "json.stream: expected 1, got true"),
    ({"json": {"n": 1}}, {"json": {"n": True}}, "json.n: expected true, got 1"),
    ({"json": {"n": 1}}, {"json": {"n": False}}, "json.n: expected false, got 1"),
]


@pytest.mark.parametrize(
    "right,wrong,told", FIELDS, ids=[told.split(":")[0] for *_, told in FIELDS]
)
def test_each_field_can_match_and_can_differ(
    right: dict[str, Any], wrong: dict[str, Any], told: str
) -> None:
    """What was expected and what came, in the words of the scenario."""
    assert words(right) == []
    assert words(wrong) == [told]


def test_what_is_left_out_matches_everything() -> None:
    """And a match without a field matches all."""
    assert words({}) == words({"last_user": {}}) == words({"headers": {}}) == []


def test_all_differences_are_told() -> None:
    """Who mends one does not run into the next."""
    match = {"model": "o3", "stream": False, "last_user": {"contains": "x", "equals": "y"}}
    assert [item.split(":")[0] for item in words(match)] == [
        "model",
        "last_user.contains",
        "last_user.equals",
        "stream",
    ]


@pytest.mark.parametrize(
    "offered,wanted,told",
    [
        ([WEATHER], ["weather"], []),
        ([WEATHER], [], ["tools: expected none, got weather"]),
        ([WEATHER], ["weather", "clock"], ["tools: expected weather, clock, got weather"]),
    ],
)
def test_tools_must_be_offered(offered: Any, wanted: list[str], told: list[str]) -> None:
    """All that are named; others may be there too; `[]` means none at all."""
    assert words({"tools": wanted}, asked(tools=offered)) == told


def test_the_result_of_a_tool_is_seen() -> None:
    """The second request of an agent's loop."""
    assert words({"tool_result": True}, asked(messages=AFTER_A_TOOL)) == []
    assert words({"tool_result": False}, asked(messages=AFTER_A_TOOL)) != []


def test_a_long_text_is_cut() -> None:
    """A prompt of a megabyte does not fill the error."""
    long = asked(messages=[{"role": "user", "content": "long " * 1000}])
    (told,) = words({"last_user": {"equals": "x"}}, long)
    assert told.endswith("long long…'")
    assert len(told) < 150


def test_a_pattern_that_backtracks_for_ever_does_not_match() -> None:
    """It is given up, and the miss says why: a stream next door must not stand still."""
    slow = asked(messages=[{"role": "user", "content": "a" * 4000 + "!"}])
    (told,) = words({"last_user": {"regex": r"^(a|a?)+$"}}, slow)
    assert told.endswith("got no answer within 0.05 s: the pattern backtracks")


def test_a_slow_pattern_is_not_tried_on_every_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand messages would be a thousand times 50 ms, in which nobody else is served."""
    looked: list[str] = []

    def found(_pattern: str, text: str, _within_s: float) -> bool | None:
        looked.append(text)
        return None if text == "slow" else text == "fits"

    match = Match.model_validate({"any_message": {"regex": "x"}})
    monkeypatch.setattr("mockai.core.boxed_regex.found", found)
    for texts, expected in ((["no", "slow", "fits"], ["no", "slow"]), (["no", "fits"], [])):
        looked.clear()
        talk = asked(messages=[{"role": "user", "content": text} for text in texts])
        assert bool(difference(match, talk)) == bool(expected)
        assert looked == (expected or texts)


@pytest.mark.parametrize(
    "path,value",
    [
        ("a", {"b": [10, {"c": None}]}),
        ("a.b.0", 10),
        ("a.b.1.c", None),
        ("a.b.2", None),
        ("a.b.-1.c", None),
        ("a.b.-2", 10),
        ("a.b.-3", None),
        ("a.b.x", None),
        ("a.b.0.x", None),
        ("", None),
        ("a..b", None),
    ],
)
def test_a_path_leads_to_a_value_or_to_nothing(path: str, value: Any) -> None:
    """Names and places, with dots between; what is not there is null."""
    assert at_path({"a": {"b": [10, {"c": None}]}}, path) == value


# ── a miss ───────────────────────────────────────────────────────────────────────────────────


def test_a_miss_names_the_nearest_and_what_differs() -> None:
    """The least to mend comes first; three are enough; a spent one says so."""
    far = {"model": "o3", "stream": False}
    scenarios = [
        (scenario_of(1, name="far", match=far), False),
        (scenario_of(1, name="poem", match={"last_user": {"contains": "poem"}}), False),
        (scenario_of(1, name="once", times=1), True),
        (scenario_of(1, name="farther", match=far, times=2), True),
    ]
    assert miss(scenarios, asked()) == golden("miss.txt")


def test_a_miss_without_scenarios_says_so() -> None:
    """There is nothing to be near to."""
    text = "No scenario answers this request: none is registered and the default is off."
    assert miss([], asked()) == text


# ── what can never answer ────────────────────────────────────────────────────────────────────


def test_what_stands_behind_an_answer_to_everything_is_never_asked() -> None:
    """The first that matches answers: one without a match hides all that come later."""
    story = scenario_of(1, name="story", match={"last_user": {"contains": "story"}})
    later = [scenario_of(1, name=f"s{number}") for number in range(5)]
    assert never_asked([story, *later]) == (
        "'s0' answers every request, so these never will: 's1', 's2', 's3' and 1 more"
    )
    assert never_asked([*later[:1], story]) == (
        "'s0' answers every request, so these never will: 'story'"
    )


def test_an_answer_to_everything_hides_nothing_when_it_is_last_or_runs_out() -> None:
    """`times` and `turns` are spent one day."""
    story = scenario_of(1, name="story", match={"last_user": {"contains": "story"}})
    assert never_asked([story, scenario_of(1, name="rest")]) is None
    assert never_asked([scenario_of(1, name="once", times=1), story]) is None
    assert never_asked([]) is None
