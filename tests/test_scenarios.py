"""The library: every scenario loads, compiles, plays to its end, and its `expect` can hold.

The client is a memory sink in virtual time: it reads on, but leaves where it stands at a gate,
and after twenty seconds. One call for each exchange that the expectations speak of.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mockai.core.checks.base import Evidence
from mockai.core.checks.evaluate import evaluate
from mockai.core.dialects.chat import plan_chat
from mockai.core.dialects.chat_request import ChatRequest, parse_chat_request
from mockai.core.exchange import Connection, Exchange, RequestFacts
from mockai.core.loading import read_scenarios
from mockai.core.matching import Incoming
from mockai.core.scenario import Scenario
from mockai.core.tokens import get_encoding
from mockai.engine.pacer import VirtualPacer
from mockai.engine.sessions import Session, Settings
from mockai.engine.sink import MemorySink
from mockai.engine.stream import Stream

FOLDER = Path(__file__).parents[1] / "scenarios"
LIBRARY = {scenario.name: scenario for scenario in read_scenarios([FOLDER])}
MODELINE = "# yaml-language-server: $schema=./scenario.schema.json"
PATIENCE_S = 20
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "rain": {"type": "boolean"}},
    "required": ["city", "rain"],
    "additionalProperties": False,
}


def request(*, stream: bool = True) -> ChatRequest:
    """Return what the client asks: it fits every scenario of the library."""
    schema = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA}}
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Tell me a story"}],
        "stream": stream,
        "response_format": schema,
    }
    return parse_chat_request(json.dumps(body).encode())


class World:
    """A session in virtual time, and the clients that call it."""

    def __init__(self, scenario: Scenario) -> None:
        self.pacer = VirtualPacer()
        self.session = Session("test", self.pacer, [scenario], Settings())

    def call(self, *, stream: bool = True) -> MemorySink:
        """Make one call, and leave at a gate or when patience is at its end."""
        chat, sink = request(stream=stream), MemorySink()
        recorder = self.session.receive(
            RequestFacts(model=chat.model, stream=stream), Connection("c1"), wall_s=0.0
        )
        served = Stream(recorder, sink, self.pacer, self.session)
        chosen = self.session.scripts.match(Incoming(chat))
        recorder.scenario = chosen.entry.scenario.name
        encoding = get_encoding("o200k_base")
        staged = self.session.scripts.stage(chosen, chat, encoding)
        plan = plan_chat(
            chat, staged, seed=chosen.seed, created=1, prompt_tokens=9, encoding=encoding
        )
        served.play(plan, ())
        started_ns = self.pacer.now_ns()
        while served.exchange is None and recorder.standing_at is None:
            self.pacer.advance(0.1)
            if self.pacer.now_ns() - started_ns > PATIENCE_S * 1e9:
                break
        if served.exchange is None:
            sink.hang_up()
        return sink

    def evidence(self) -> Evidence:
        """Return all that a verdict may look at."""
        return Evidence(self.session.exchanges(), now_ns=self.pacer.now_ns())


def calls_of(scenario: Scenario) -> int:
    """Return how many calls the expectations speak of."""
    numbers = [check.where.nth or check.count or 1 for check in scenario.checks]
    return max([*numbers, len(scenario.turns or ())])


def test_there_are_scripts_for_many_a_day() -> None:
    """The library is for copying: it has a script for each thing that happens to a client."""
    assert len(LIBRARY) >= 25


@pytest.mark.parametrize("name", LIBRARY)
def test_a_scenario_is_commented_and_named_as_its_file(name: str) -> None:
    """Who copies a file sees what it is for, and his editor knows its schema."""
    first, second = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[:2]
    assert first == MODELINE
    assert second.startswith("# ")
    assert second.endswith((".", "?"))


@pytest.mark.parametrize("name", LIBRARY)
def test_what_a_scenario_expects_holds(name: str) -> None:
    """Each has an `expect`, and a client that behaves meets it."""
    scenario = LIBRARY[name]
    world = World(scenario)
    for _ in range(calls_of(scenario)):
        world.call()
    assert scenario.checks
    for check in scenario.checks:
        verdict = evaluate(check, world.evidence())
        assert verdict.passed, verdict.report


@pytest.mark.parametrize("name", LIBRARY)
def test_a_scenario_answers_without_a_stream_too(name: str) -> None:
    """The same script for a client that does not stream: every call has an end."""
    if LIBRARY[name].match.stream:
        return  # this one asks for a stream
    world = World(LIBRARY[name])
    sink = world.call(stream=False)
    (exchange,) = world.session.exchanges()
    assert exchange.ended
    if exchange.outcome == "completed":
        assert json.loads(sink.body)["choices"]


@pytest.mark.parametrize("name", LIBRARY)
def test_the_same_play_has_the_same_bytes(name: str) -> None:
    """Same arguments, same bytes."""
    one, other = (World(LIBRARY[name]).call() for _ in range(2))
    assert one.frames == other.frames


def outcomes(name: str, calls: int) -> list[Exchange]:
    """Return the exchanges of so many calls."""
    world = World(LIBRARY[name])
    for _ in range(calls):
        world.call()
    return list(world.session.exchanges())


def test_a_flaky_scenario_lets_a_retry_through() -> None:
    """The nth match draws anew: about one in five fails, not always the same."""
    statuses = [exchange.status for exchange in outcomes("flaky-one-in-five", 200)]
    assert 20 <= statuses.count(500) <= 60
    assert statuses.count(500) + statuses.count(200) == 200


def test_a_scenario_that_is_rate_limited_answers_the_second_call() -> None:
    """`nth` names the plays on which a fault happens."""
    assert [e.status for e in outcomes("rate-limited-then-fine", 3)] == [429, 200, 200]
