"""The JSON Schema tells an editor what the loader accepts."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from mockai.core.errors import ScenarioError
from mockai.core.loading import scenario_schema, validate_scenarios

SCHEMA = jsonschema.Draft202012Validator(scenario_schema())


def scenario(**fields: Any) -> dict[str, Any]:
    """Return a scenario with some of its fields changed."""
    return {"name": "a", "reply": [{"text": "hi"}], **fields}


def test_the_schema_is_a_schema() -> None:
    """It is valid JSON Schema and says of which draft."""
    jsonschema.Draft202012Validator.check_schema(scenario_schema())
    assert scenario_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


GOOD = [
    scenario(),
    [scenario(), scenario(name="b")],
    scenario(reply=[{"faker": 400}, {"faker": {"tokens": 400}}]),
    scenario(reply=[{"hold": "middle"}, {"hold": {"at_token": 3, "timeout": "5m"}}]),
    scenario(reply=[{"hold": None}]),
    scenario(reply=[{"pause": "2s"}, {"pause": 0.5}, {"finish": "stop"}]),
    scenario(pace={"ttft": "200ms", "tokens_per_second": 50}),
    scenario(policy="stop-now"),
    scenario(policy={"notice": "200ms", "charge": "generated"}),
    scenario(
        expect=[{"cancelled": {"within": "500ms", "since": {"token": 3}, "while_held": True}}]
    ),
    scenario(expect=[{"billed": {"max_cost_usd": "0.01"}}]),
    scenario(match={"model": "gpt-4*", "last_user": {"contains": "story"}, "stream": True}),
]
BAD = [
    {},
    [],
    "hello",
    scenario(name="a b"),
    scenario(sede=1),
    scenario(reply=[{"faker": 0}]),
    scenario(reply=[{"faker": {"toknes": 1}}]),
    scenario(reply=[{"txet": "hi"}]),
    scenario(reply=[{"text": "hi", "faker": 1}]),
    scenario(reply=[{"text": 5}]),
    scenario(reply=[{"hold": "a b"}]),
    scenario(reply=[{"pause": "soon"}]),
    scenario(reply=[{"pause": -1}]),
    scenario(policy="stop-nwo"),
    scenario(expect=[{"nope": {}}]),
    scenario(expect=[{"cancelled": {"since": 3}}]),
]


@pytest.mark.parametrize("data", GOOD, ids=str)
def test_what_the_loader_takes_the_schema_takes(data: Any) -> None:
    """Short forms and durations as text are no errors in an editor."""
    assert validate_scenarios(data, source="data")
    assert [error.message for error in SCHEMA.iter_errors(data)] == []


@pytest.mark.parametrize("data", BAD, ids=str)
def test_what_the_loader_refuses_the_schema_refuses(data: Any) -> None:
    """An editor shows the fault before the loader does."""
    with pytest.raises(ScenarioError):
        validate_scenarios(data, source="data")
    assert not SCHEMA.is_valid(data)
