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
    scenario(reply=[{"reasoning": 5}, {"reasoning": {"text": "hm"}}, {"refusal": "no"}]),
    scenario(reply=[{"json": None}, {"json": {"a": [1]}}, {"pace": {"tokens_per_second": 5}}]),
    scenario(reply=[{"tool_call": {"name": "x"}}, {"tool_call": {"name": "y", "arguments": "{"}}]),
    scenario(reply=[{"tool_call": [{"name": "x"}, {"name": "y"}]}]),
    scenario(reply=[{"error": "server_error"}, {"error": {"status": 500, "retry_after": "1s"}}]),
    scenario(reply=[{"cut": "reset"}, {"cut": {"at_token": 3, "nth": [1, 2]}}, {"silence": {}}]),
    scenario(reply=[{"mangle": "crlf"}, {"raw": "data"}, {"keepalive": "ok"}, {"usage": {}}]),
    {"name": "a", "turns": [[{"text": "hi"}], []]},
    scenario(pace={"ttft": "200ms", "tokens_per_second": 50, "jitter": "10%"}),
    scenario(pace={"jitter": 0.1}),
    scenario(match={"json": {"metadata.user": "ann"}, "nth": [1, 3]}),
    scenario(policy="stop-now"),
    scenario(policy={"notice": "200ms", "charge": "generated"}),
    scenario(
        expect=[{"cancelled": {"within": "500ms", "since": {"token": 3}, "while_held": False}}]
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
    scenario(reply=[{"cut": "rest"}]),
    scenario(reply=[{"error": "server_eror"}]),
    scenario(reply=[{"error": {"code": "server_eror"}}]),
    scenario(reply=[{"mangle": "crfl"}]),
    scenario(reply=[{"mangle": {"how": "crfl"}}]),
    scenario(reply=[{"tool_call": []}]),
    scenario(reply=[{"tool_call": {"nmae": "x"}}]),
    scenario(reply=[{"reasoning": 0}]),
    scenario(reply=[{"keepalive": 5}]),
    scenario(turns=[[{"text": "hi"}]]),
    {"name": "a"},
    scenario(pace={"jitter": "much"}),
    scenario(pace={"jitter": 3}),
    scenario(match={"json_": {}}),
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
    """An editor shows the mistake before the loader does."""
    with pytest.raises(ScenarioError):
        validate_scenarios(data, source="data")
    assert not SCHEMA.is_valid(data)
