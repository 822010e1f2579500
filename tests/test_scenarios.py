"""The library: every scenario loads, compiles, plays to its end, and its `expect` can hold.

The client is a memory sink in virtual time: it reads on, but leaves where it stands at a gate,
and after twenty seconds. One call for each exchange that the expectations speak of.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Exchange
from mockai.core.loading import read_scenarios
from mockai.core.scenario import Scenario
from tests.support.world import World, digest

FOLDER = Path(__file__).parents[1] / "scenarios"
LIBRARY = {scenario.name: scenario for scenario in read_scenarios([FOLDER])}
MODELINE = "# yaml-language-server: $schema=./scenario.schema.json"


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


def test_two_processes_have_the_same_bytes() -> None:
    """Whatever the order of a set and the hash of a text: for streams, bodies, several choices."""
    code = (
        "from tests.support.world import digest; from tests.test_scenarios import LIBRARY;"
        "print(digest(LIBRARY.values()))"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=FOLDER.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    assert other.stdout.strip() == digest(LIBRARY.values())


@pytest.mark.parametrize("name", ["slow-story", "bursty", "json-answer", "japanese"])
def test_another_seed_has_other_bytes(name: str) -> None:
    """Of the scenario, or of the session in its place: the words too, not only the ids."""
    scenario = LIBRARY[name]
    other = scenario.model_copy(update={"seed": scenario.seed + 1})
    plain, own, session = (
        said(world) for world in (World(scenario), World(other), World(scenario, seed=99))
    )
    assert len({plain, own, session}) == 3
    assert said(World(scenario, seed=scenario.seed)) == plain


def said(world: World) -> str:
    """Return the content of an answer in one body, or of as much of it as came."""
    body = world.call().body.decode()
    return "".join(re.findall(r'"content":"((?:[^"\\\\]|\\\\.)*)"', body))


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
