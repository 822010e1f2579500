"""Steps that cannot all be meant are refused where they stand, as the scenario is read."""

from __future__ import annotations

from typing import Any

import pytest

from mockai.core.errors import ScenarioError
from mockai.core.loading import parse_scenarios, validate_scenarios
from mockai.core.scenario import Scenario
from mockai.core.steps.base import MOST_TOKENS

GATE = "{hold: {at_token: 9}}"


def wrong(text: str) -> str:
    """Return what is said of a text that is refused."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenarios(text, source="s.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    "fault,end",
    [
        ("cut: {at_token: 4}", "at token 4, by the cut"),
        ("error: {code: server_error, at_token: 4}", "at token 4, by the error"),
        ("silence: {at_token: 4}", "at token 4, by the silence"),
        ("silence: {headers: true}", "before the first token, by the silence"),
        ("cut: {headers: true, how: reset}", "before the first token, by the cut"),
    ],
)
@pytest.mark.parametrize("gate_first", [True, False])
def test_a_gate_behind_the_end_of_every_play_is_refused(
    fault: str, end: str, *, gate_first: bool
) -> None:
    """At it nobody would ever stand; the order in which the two are written does not matter."""
    two = [GATE, f"{{{fault}}}"][:: 1 if gate_first else -1]
    text = f"name: a\nreply: [{{faker: 20}}, {', '.join(two)}]\n"
    place = two.index(GATE) + 1
    column = text.split("\n")[1].index("at_token: 9") + 1
    why = f"reply.{place}.hold.at_token: never reached: every play ends {end}"
    assert wrong(text) == f"s.yaml:2:{column}: {why}"


@pytest.mark.parametrize(
    "fault",
    [
        {"cut": {"at_token": 9}},
        {"cut": {"at_token": 4, "nth": 1}},
        {"silence": {"headers": True, "probability": 0.5}},
        {"error": {"at_token": 10}},
        {"cut": {"at": "1s"}},
        {"mangle": {"how": "crlf", "at_token": 4}},
    ],
)
def test_a_gate_that_some_play_reaches_is_none(fault: dict[str, Any]) -> None:
    """A fault that may not happen, comes later, or at a time that only the timeline knows."""
    reply = [{"faker": 20}, fault, {"hold": {"at_token": 9}}]
    assert validate_scenarios({"name": "a", "reply": reply}, source="s")


def test_it_is_named_in_the_turn_in_which_it_stands() -> None:
    """Of several replies, this one."""
    text = f"name: a\nturns:\n- [{{faker: 20}}, {GATE}]\n- [{{cut: {{at_token: 1}}}}, {GATE}]\n"
    assert wrong(text).startswith("s.yaml:4:34: turns.1.1.hold.at_token: never reached")
    text = "name: a\nturns:\n- [{finish: stop}]\n- [{finish: stop}, {text: a}]\n"
    assert wrong(text).startswith("s.yaml:4:5: turns.1.0.finish: must be the last step")


@pytest.mark.parametrize("key", ["reply", "turns"])
def test_a_scenario_asks_for_a_million_tokens_at_most(key: str) -> None:
    """In all, however they are spread: a file of one line must not fill the memory."""

    def asking(tokens: int) -> dict[str, Any]:
        steps = [{"faker": 600_000}, {"reasoning": tokens}]
        return {"name": "a", key: steps if key == "reply" else [[step] for step in steps]}

    assert Scenario.model_validate(asking(MOST_TOKENS - 600_000))
    with pytest.raises(ScenarioError) as caught:
        validate_scenarios(asking(MOST_TOKENS - 600_000 + 1), source="s")
    said = f"s: {key}: must be 1,000,000 tokens at most in all (got 1,000,001)"
    assert str(caught.value) == said


@pytest.mark.parametrize("policy", ["stop-nwo", "bill-ful"])
def test_a_misspelt_policy_is_told_the_one_that_is_meant(policy: str) -> None:
    """As keys and kinds are."""
    meant = {"stop-nwo": "stop-now", "bill-ful": "bill-in-full"}[policy]
    text = f"name: a\nreply: []\npolicy: {policy}\n"
    assert wrong(text).endswith(f"; did you mean '{meant}'?")


def test_a_rate_limit_limits_something() -> None:
    """One without figures would let everything through."""
    said = "s.yaml:3:1: rate_limit: needs requests_per_minute or tokens_per_minute"
    assert wrong("name: a\nreply: []\nrate_limit: {}\n") == said


def test_the_scenarios_of_one_load_ask_for_five_million_tokens_at_most() -> None:
    """All are compiled before one is kept: a small file must not keep us busy for hours."""
    text = "".join(f"- {{name: s{n}, reply: [{{faker: 1000000}}]}}\n" for n in range(9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mockai.core.loading.unplayable", lambda _: [])
        with pytest.raises(ScenarioError) as caught:
            parse_scenarios(text, source="s.yaml", playable=True)
    said = str(caught.value).splitlines()
    assert said[0] == "s.yaml:6:3: 5: up to here 6,000,000 tokens; 5,000,000 in all is the most"
    assert len(said) == 4
