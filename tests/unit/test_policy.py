"""Policies: nine presets with their sources, three knobs, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mockai.core.policy import PRESETS, STOP_NOW, Policy, PolicyChoice, TokenNotice
from mockai.core.scenario import Scenario

CHOICE: TypeAdapter[Policy] = TypeAdapter(PolicyChoice)

# name: (notice, non_stream, charge), as published in the README
KNOBS = {
    "stop-now": ("now", None, "generated"),
    "stop-lag": (0.2, None, "generated"),
    "bill-in-full": ("never", None, "full"),
    "prefill-blind": ("next_token", None, "generated"),
    "background": ("never", None, "generated"),
    "nonstream-runs-on": ("now", "never", "generated"),
    "charged-499": ("now", None, "delivered"),
    "drain-for-usage": ("never", None, "generated"),
    "unreported-free": ("now", None, "reported"),
}


def refusal(value: Any) -> str:
    """Return what is said to a policy that cannot be used: place and reason."""
    with pytest.raises(ValidationError) as caught:
        CHOICE.validate_python(value)
    (fault, *_) = caught.value.errors()
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def test_the_presets_have_the_published_knobs() -> None:
    """There are nine presets, and each means what the README says."""
    seen = {
        name: (preset.policy.notice, preset.policy.non_stream, preset.policy.charge)
        for name, preset in PRESETS.items()
    }
    assert seen == KNOBS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_names_its_source_its_day_and_how_far_to_trust_it(name: str) -> None:
    """Nobody need believe us: the source can be looked up, and who disagrees is named."""
    preset = PRESETS[name]
    assert "https://" in preset.source
    assert preset.date == "2026-11-23"
    assert preset.disputed or preset.confidence == "high"


def test_the_default_is_exact() -> None:
    """A test of a cancel is a test of the cancel: nothing runs on by default."""
    assert PRESETS["stop-now"].policy == STOP_NOW == Policy(name="stop-now")


@pytest.mark.parametrize(
    "written, notice",
    [
        ("200ms", 0.2),
        (2, 2.0),
        (0, 0.0),
        ({"tokens": 3}, TokenNotice(tokens=3)),
        ("next_token", "next_token"),
    ],
)
def test_a_notice_is_a_word_a_duration_or_tokens(written: Any, notice: Any) -> None:
    """All forms of the design are read."""
    assert CHOICE.validate_python({"notice": written}).notice == notice


def test_an_answer_in_one_body_can_have_a_notice_of_its_own() -> None:
    """`non_stream` holds for answers in one body only; without it `notice` holds for both."""
    own = PRESETS["nonstream-runs-on"].policy
    assert (own.notice_for(stream=True), own.notice_for(stream=False)) == ("now", "never")
    both = PRESETS["stop-lag"].policy
    assert both.notice_for(stream=False) == both.notice_for(stream=True) == 0.2


@pytest.mark.parametrize(
    "value, said",
    [
        ("stop-nwo", "unknown policy 'stop-nwo'; allowed are stop-now, stop-lag, bill-in-full, "),
        ({"notice": "-5ms"}, "not a duration: '-5ms'"),
        ({"notice": -1}, "not negative"),
        ({"notice": {"tokens": -3}}, "greater than or equal to 0"),
        (
            {"notice": "soon"},
            'a notice is one of: now, next_token, never, a duration such as "200ms", or {tokens',
        ),
        ({"notice": True}, "not a duration: True"),
        ({"charge": "half"}, "'generated', 'delivered', 'full', 'prompt', 'reported' or 'none'"),
        ({"notise": "now"}, "notise: Extra inputs are not permitted"),
        ({"settle": {"usage": "often"}}, "'final', 'continuous' or 'none'"),
        (
            {"name": "stop-now", "charge": "none"},
            "'stop-now' is a preset: write `policy: stop-now`",
        ),
        (3, "a policy is one of stop-now, stop-lag"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_is_allowed(value: Any, said: str) -> None:
    """A typo never becomes another policy in silence."""
    assert said in refusal(value)


def test_a_scenario_is_refused_for_its_policy_at_load() -> None:
    """The place in the scenario is told."""
    with pytest.raises(ValidationError) as caught:
        Scenario.model_validate({"name": "a", "reply": [{"text": "b"}], "policy": "stopnow"})
    assert caught.value.errors()[0]["loc"] == ("policy",)


@pytest.mark.parametrize(
    "written",
    [
        *KNOBS,
        {"notice": "200ms", "charge": "prompt", "name": "ours"},
        {"notice": {"tokens": 3}, "settle": {"delay": "5m", "correct": {"after": 1, "tokens": -2}}},
    ],
)
def test_what_was_read_can_be_written_and_read_again(written: Any) -> None:
    """A preset is written as its name, a policy of one's own as its knobs."""
    data = {"name": "a", "reply": [{"text": "b"}], "policy": written}
    scenario = Scenario.model_validate(data)
    dumped = json.loads(json.dumps(scenario.model_dump(mode="json", exclude_defaults=True)))
    assert Scenario.model_validate(dumped) == scenario
    if isinstance(written, str):
        assert dumped["policy"] == written


def test_the_json_schema_offers_the_presets_and_the_knobs() -> None:
    """An editor completes both forms."""
    schema = CHOICE.json_schema()
    assert schema["anyOf"] == [{"enum": list(PRESETS)}, {"$ref": "#/$defs/Policy"}]
