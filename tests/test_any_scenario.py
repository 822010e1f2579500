"""Any valid scenario, made up from the model: it loads, reads back, and plays to its end."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import jsonschema
import yaml
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from mockai.core.errors import ScenarioError
from mockai.core.loading import dump_scenario, parse_scenarios, scenario_schema, validate_scenarios
from mockai.core.match_fields import Match
from mockai.core.matching import Incoming
from mockai.core.playable import unplayable
from mockai.core.scenario import Scenario
from mockai.core.steps.faults import Cut, Error, Mangle
from mockai.core.tokens import get_encoding
from tests.support.strategies import scenarios
from tests.support.world import REQUESTS, World, request

SCHEMA = jsonschema.Draft202012Validator(scenario_schema())
whatever = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


CONTRADICTIONS = (
    "either at_token or at",
    "when no token is out: no at_token",
    "needs either tokens or text",
    "needs requests_per_minute or tokens_per_minute",
    "cached_tokens are some of prompt_tokens",
    "never reached: every play ends",
    "there is nothing to count from",
    "no reply has a hold",
    "no gate '",
)
"""What the schema cannot say, or not where a null stands in a field. Nothing else is refused."""
UNHARMED = frozenset({"bytewise", "split_field", "split_character", "no_space", "crlf"})
"""Mangles after which the events are what they were, for who reads them as the standard says."""


class Plain(yaml.SafeDumper):
    """Writes as people do, quoting only what YAML 1.2 would take for something else."""


Plain.yaml_implicit_resolvers = {}
Plain.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), None)
Plain.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), None
)
Plain.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), None)
Plain.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"),
    None,
)
Plain.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), None)


def _text(dumper: Plain, text: str) -> yaml.ScalarNode:
    # PyYAML takes U+0085 for a line's end and would not quote it so that it stays.
    style = '"' if "\x85" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


Plain.add_representer(str, _text)


def loaded(data: dict[str, Any]) -> Scenario:
    """Return the scenario; one that contradicts itself is passed over."""
    assert SCHEMA.is_valid(data)
    try:
        (scenario,) = validate_scenarios(data, source="data")
    except ScenarioError as error:
        for line in str(error).splitlines():
            assert any(known in line for known in CONTRADICTIONS), line
        event("contradicts itself")
        assume(False)
        raise
    return scenario


@whatever
@given(data=scenarios())
def test_it_reads_back_equal_from_yaml(data: dict[str, Any]) -> None:
    """What is dumped is what was meant; also as JSON."""
    scenario = loaded(data)
    dumped = dump_scenario(scenario)
    for style in ({"Dumper": Plain}, {"Dumper": yaml.SafeDumper, "default_style": '"'}):
        text = yaml.dump(dumped, allow_unicode=True, **style)
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
        if exchange.outcome == "completed" and not harmed(scenario):
            assert_whole(sink.body, stream=exchange.request.stream)


@whatever
@given(data=scenarios(), asked=st.sampled_from(REQUESTS))
def test_its_timeline_is_in_order(data: dict[str, Any], asked: dict[str, Any]) -> None:
    """Nothing is due before what comes before it, and no token is taken back."""
    scenario = loaded(data)
    assume(not unplayable(scenario))
    world, chat = World(scenario.model_copy(update={"match": Match()})), request(**asked)
    scripts = world.session.scripts
    reply = scripts.stage(scripts.match(Incoming(chat)), chat, get_encoding("o200k_base")).reply
    assert len(reply.due_ns) == len(reply.tokens) == len(reply.sent) == len(reply.deltas) + 2
    for column in (reply.due_ns, reply.tokens, reply.sent):
        assert column[0] == 0
        assert all(before <= after for before, after in pairwise(column))
    assert all(sent <= made for sent, made in zip(reply.sent, reply.tokens, strict=True))
    frames = [hold.frame for hold in reply.holds]
    assert frames == sorted(frames)
    assert all(
        hold.token == (reply.tokens[hold.frame - 1] if hold.frame else 0) for hold in reply.holds
    )


def harmed(scenario: Scenario) -> bool:
    """Say whether a fault, or raw bytes, may make of the answer what no client can read."""
    steps = [step for turn in (scenario.turns or (scenario.reply or (),)) for step in turn]
    # (a choice has neither faults nor raw bytes of its own)
    faults = [getattr(step, step.kind, None) for step in steps]
    return any(step.kind == "raw" for step in steps) or any(
        isinstance(fault, Error | Cut) or (isinstance(fault, Mangle) and fault.how not in UNHARMED)
        for fault in faults
    )


def assert_whole(body: bytes, *, stream: bool) -> None:
    """The bytes are what a client reads without a complaint."""
    if not stream:
        assert json.loads(body)["choices"]
        return
    *events, done, rest = body.decode().replace("\r\n", "\n").split("\n\n")
    assert (re.sub("^data: ?", "", done), rest) == ("[DONE]", "")
    chunks = [json.loads(each.removeprefix("data:")) for each in events if each[0] != ":"]
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
