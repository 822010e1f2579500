"""The step `choices`: what each of several answers to one request says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockai.core.errors import ScenarioError
from mockai.core.loading import dump_scenario, parse_scenarios, validate_scenarios
from mockai.core.playable import unplayable
from tests.support.facts import scenario_of
from tests.support.world import World

VOTES: dict[str, Any] = {
    "choices": [
        [{"text": "yes"}],
        [{"text": "no, never"}, {"finish": "length"}],
        [{"tool_call": {"name": "vote", "arguments": {"for": 1}}}],
    ]
}


def answers(*steps: Any, **asked: Any) -> list[tuple[Any, ...]]:
    """Return content, tools and the reason of each choice of an answer in one body."""
    body = json.loads(World(scenario_of(*steps)).call(stream=False, **asked).body)
    return [
        (
            choice["message"]["content"],
            [call["function"]["name"] for call in choice["message"].get("tool_calls", ())],
            choice["finish_reason"],
        )
        for choice in body["choices"]
    ]


def test_each_choice_has_its_own_words_and_its_own_end() -> None:
    """What stands around the step is said in each."""
    assert answers({"text": "I say "}, VOTES, n=3) == [
        ("I say yes", [], "stop"),
        ("I say no, never", [], "length"),
        ("I say ", ["vote"], "tool_calls"),
    ]


@pytest.mark.parametrize("n,said", [(None, ["yes"]), (2, ["yes", "no, never"])])
def test_fewer_are_asked_for_than_there_are(n: int | None, said: list[str]) -> None:
    """The first of them answer."""
    assert [content for content, *_ in answers(VOTES, **({"n": n} if n else {}))] == said


def test_more_are_asked_for_than_there_are() -> None:
    """Then the first comes again."""
    said = [content for content, *_ in answers(VOTES, n=5)]
    assert said == ["yes", "no, never", None, "yes", "no, never"]


def test_a_choice_may_look_at_the_request() -> None:
    """As any step may."""
    reply = {"choices": [[{"text": "a"}], [{"text": "{request.model}"}]]}
    assert [content for content, *_ in answers(reply, n=2)] == ["a", "gpt-4o-mini"]


@pytest.mark.parametrize("fault", [{"hold": {"at_token": 9}}, {"cut": {"at_token": 9}}])
def test_gates_and_faults_count_the_first_choice(fault: dict[str, Any]) -> None:
    """The others may be shorter; a first one that is too short is refused as it is read."""
    long, short = [{"faker": 20}], [{"text": "no"}]
    assert unplayable(scenario_of({"choices": [long, short]}, fault)) == []
    assert unplayable(scenario_of({"choices": [short, long]}, fault)) != []
    stage = World(scenario_of({"choices": [long, short]}, fault)).call(n=2)
    assert stage.body


@pytest.mark.parametrize(
    "choices,why",
    [
        ("[[{finish: stop}, {text: a}]]", "choices.0.0.finish: must be the last step"),
        (
            "[[], [{hold: x}]]",
            "choices.1.0: a step of a choice is a mapping with one key of: te",
        ),
        ("[[{faker: -1}]]", "choices.0.0.faker.tokens: must be greater than 0 (got -1)"),
        ("[]", "choices: must have at least 1 of them (got [])"),
        ("[{text: a}]", "choices.0: must be a list (got {'text': 'a'})"),
        ("[[], [{faker: {tokens: 1, locale: xx_XX}}]]", "choices: locale: no text for 'xx_XX'"),
        ("[[], [{faker: 600000}, {reasoning: 500000}]]", "must be 1,000,000 tokens at most in all"),
        ("[[{finish: stop}]]}, {text: a", "choices: must be the last step: nothing can follow it"),
    ],
)
def test_what_is_wrong_in_a_choice_is_named_with_its_place(choices: str, why: str) -> None:
    """Also in one that not every request asks for."""
    text = f"name: a\nreply: [{{choices: {choices}}}]\n"
    with pytest.raises(ScenarioError) as caught:
        parse_scenarios(text, source="s.yaml", playable=True)
    assert str(caught.value).startswith("s.yaml:2:")
    assert why in str(caught.value)


def test_a_step_of_a_choice_keeps_its_key_when_it_is_shown() -> None:
    """Also where its value is the default: what is shown can be sent again."""
    told = {"name": "a", "reply": [{"choices": [[{"json": None}], [{"text": "a"}, {"faker": 3}]]}]}
    (scenario,) = validate_scenarios(told, source="s")
    assert dump_scenario(scenario)["reply"][0]["choices"][0] == [{"json": None}]
    assert validate_scenarios(dump_scenario(scenario), source="s") == [scenario]


def test_in_a_stream_they_take_turns() -> None:
    """Index by index, each with its role first and its end last, as the real API does."""
    body = World(scenario_of(VOTES)).call(n=2).body.decode()
    chunks = [json.loads(line[6:]) for line in body.split("\n\n")[:-2]]
    seen = [(choice["index"], *choice["delta"]) for chunk in chunks for choice in chunk["choices"]]
    assert [(index, keys) for index, *keys in seen] == [
        (0, ["role", "content", "refusal"]),
        (0, ["content"]),
        (1, ["role", "content", "refusal"]),
        (1, ["content"]),
        (1, ["content"]),
        (1, ["content"]),
        (0, []),
        (1, []),
    ]


def test_two_steps_of_one_choice_do_not_say_the_same_words() -> None:
    """Each draws anew, though they stand in one step."""
    ((said, *_),) = answers({"choices": [[{"faker": 8}, {"faker": 8}]]})
    words = said.split()
    assert words[:8] != words[8:]
