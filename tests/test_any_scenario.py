"""Any valid scenario, made up from the model: it loads, reads back, and plays to its end."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import yaml
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from mockai.core.errors import ScenarioError
from mockai.core.loading import dump_scenario, parse_scenarios, scenario_schema, validate_scenarios
from mockai.core.match_fields import Match
from mockai.core.playable import unplayable
from mockai.core.scenario import Scenario
from mockai.core.steps.faults import Cut, Error, Mangle
from tests.support.strategies import scenarios
from tests.support.world import REQUESTS, World

SCHEMA = jsonschema.Draft202012Validator(scenario_schema())
whatever = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def loaded(data: dict[str, Any]) -> Scenario:
    """Return the scenario; the few that are not valid after all are passed over."""
    assert SCHEMA.is_valid(data)
    try:
        (scenario,) = validate_scenarios(data, source="data")
    except ScenarioError as error:
        event(str(error).partition(": ")[2][:40])
        assume(False)
        raise
    return scenario


@whatever
@given(data=scenarios())
def test_it_reads_back_equal_from_yaml(data: dict[str, Any]) -> None:
    """What is dumped is what was meant; also as JSON."""
    scenario = loaded(data)
    dumped = dump_scenario(scenario)
    text = yaml.safe_dump(dumped, default_style='"', allow_unicode=True)
    assert parse_scenarios(text, source="s.yaml") == [scenario]
    assert parse_scenarios(json.dumps(dumped), source="s.json") == [scenario]
    assert SCHEMA.is_valid(dumped)


@whatever
@given(data=scenarios(), calls=st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=3))
def test_it_plays_to_its_end(data: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    """Every call has an end, none by a bug of ours; what goes wrong is what was asked for."""
    scenario = loaded(data)
    mistakes = unplayable(scenario)
    if mistakes:
        event("cannot be played")
        assert all(mistake.loc[0] in {"reply", "turns", "pace"} for mistake in mistakes)
        return
    world = World(scenario.model_copy(update={"match": Match(), "times": len(calls)}))
    sinks = [world.call(**fields) for fields in calls]
    for sink, exchange in zip(sinks, world.session.exchanges(), strict=True):
        event(f"{exchange.outcome} {exchange.cause or ''}")
        assert exchange.ended
        assert exchange.cause in {None, "scripted"}
        assert 0 <= exchange.tokens.written <= exchange.tokens.generated <= exchange.tokens.planned
        if exchange.outcome == "completed" and not has(scenario, Mangle, Error, Cut):
            assert_whole(sink.body, stream=exchange.request.stream)


def has(scenario: Scenario, *faults: type[Any]) -> bool:
    """Say whether such a fault, or raw bytes, are among the steps."""
    steps = [step for turn in (scenario.turns or (scenario.reply or (),)) for step in turn]
    return any(
        step.kind == "raw" or isinstance(getattr(step, step.kind, 0), faults) for step in steps
    )


def assert_whole(body: bytes, *, stream: bool) -> None:
    """The bytes are what a client reads without a complaint."""
    if not stream:
        assert json.loads(body)["choices"]
        return
    *events, done, rest = body.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    chunks = [json.loads(each[6:]) for each in events if not each.startswith(": ")]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    ends = [choice["index"] for choice in choices if choice["finish_reason"]]
    assert ends == sorted({choice["index"] for choice in choices})


@whatever
@given(data=scenarios())
def test_it_has_the_same_bytes_twice(data: dict[str, Any]) -> None:
    """Whatever it consists of."""
    scenario = loaded(data)
    assume(not unplayable(scenario))
    one, other = (
        World(scenario.model_copy(update={"match": Match()})).call().frames for _ in range(2)
    )
    assert one == other
