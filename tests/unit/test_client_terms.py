"""What is said in Python becomes the JSON of a scenario or of a check, or a plain refusal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_type_hints

import pytest

from mockai.client import scripting, terms
from mockai.core.checks import CHECKS
from mockai.core.checks.base import Where
from mockai.core.errors import MockaiError
from mockai.core.scenario import Scenario
from mockai.http.exchange_routes import _FILTERS
from mockai.http.session_routes import SessionSettings
from mockai.pytest_plugin import settings

SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"reply": [{"faker": 100}]}),
    ({"tokens": 400}, {"reply": [{"faker": 400}]}),
    ({"text": ""}, {"reply": [{"text": ""}]}),
    ({"text": "Hi", "finish": "length"}, {"reply": [{"text": "Hi"}, {"finish": "length"}]}),
    ({"reply": [{"text": "Hi"}, {"hold": "x"}]}, {"reply": [{"text": "Hi"}, {"hold": "x"}]}),
    ({"tokens": 9, "hold_at": 0}, {"reply": [{"hold": {"at_token": 0}}, {"faker": 9}]}),
    ({"tokens": 9, "hold_at": "done"}, {"reply": [{"hold": {"at": "done"}}, {"faker": 9}]}),
    (
        {"tokens": 9, "hold_at": ["headers", 3]},
        {"reply": [{"hold": {"at": "headers"}}, {"hold": {"at_token": 3}}, {"faker": 9}]},
    ),
    (
        {"reply": [{"text": "Hi"}, {"finish": "stop"}], "hold_at": 1},
        {"reply": [{"hold": {"at_token": 1}}, {"text": "Hi"}, {"finish": "stop"}]},
    ),
    (
        {"tokens": 1, "ttft": "200ms", "tokens_per_second": 50},
        {"reply": [{"faker": 1}], "pace": {"ttft": "200ms", "tokens_per_second": 50}},
    ),
    (
        {"tokens": 1, "model": "gpt-4*", "last_user": "story", "stream": False},
        {
            "match": {"model": "gpt-4*", "stream": False, "last_user": {"contains": "story"}},
            "reply": [{"faker": 1}],
        },
    ),
    (
        {"tokens": 1, "last_user": {"equals": "story"}},
        {"match": {"last_user": {"equals": "story"}}, "reply": [{"faker": 1}]},
    ),
    (
        {"tokens": 1, "policy": "stop-now", "seed": 0, "times": 2},
        {"reply": [{"faker": 1}], "policy": "stop-now", "seed": 0, "times": 2},
    ),
    (
        {"turns": [[{"text": "a"}], [{"text": "b"}]], "obey_limits": False},
        {"turns": [[{"text": "a"}], [{"text": "b"}]], "obey_limits": False},
    ),
    (
        {"tokens": 1, "match": {"tools": ["f"], "model": "x"}, "model": "gpt-4*", "stream": True},
        {
            "reply": [{"faker": 1}],
            "match": {"tools": ["f"], "model": "gpt-4*", "stream": True},
        },
    ),
    (
        {"tokens": 1, "pace": {"jitter": "10%", "ttft": "9s"}, "ttft": "1s"},
        {"reply": [{"faker": 1}], "pace": {"jitter": "10%", "ttft": "1s"}},
    ),
    (
        {
            "tokens": 1,
            "rate_limit": {"requests_per_minute": 3},
            "expect": [{"completed": {}}],
        },
        {
            "reply": [{"faker": 1}],
            "rate_limit": {"requests_per_minute": 3},
            "expect": [{"completed": {}}],
        },
    ),
]


def test_every_word_of_a_file_can_be_said_in_python() -> None:
    """Else what was begun as a script has to be moved to a file to get on."""
    fields = {name.rstrip("_") for name in Scenario.model_fields} - {"name", "description"}
    assert fields <= set(terms.ScriptTerms.__annotations__)


@pytest.mark.parametrize("said,expected", SAID, ids=[str(said) for said, _ in SAID])
def test_a_script_is_the_scenario_that_a_file_would_hold(
    said: Any, expected: dict[str, Any]
) -> None:
    """Every word has one place in the scenario; what is not said is left to the server."""
    scenario = scripting.scenario("story", said)
    assert scenario == {"name": "story", **expected}
    assert Scenario.model_validate(scenario).name == "story"


@pytest.mark.parametrize(
    "said,text",
    [
        (
            {"token": 4},
            r"does not know token; it knows expect, finish, hold_at, .*tokens",
        ),
        ({"text": "Hi", "tokens": 4}, r"text, tokens, reply and turns \(got text and tokens\)"),
        ({"turns": [[]], "hold_at": 3}, "are for one reply: say them in the turns"),
        ({"turns": [[]], "finish": "stop"}, "are for one reply: say them in the turns"),
        ({"reply": [], "text": "Hi"}, r"\(got text and reply\)"),
    ],
)
def test_unusable_words_are_refused_before_anything_is_sent(said: Any, text: str) -> None:
    """A slip of the pen is a `TypeError` that lists what is known."""
    with pytest.raises(TypeError, match=text):
        scripting.scenario("story", said)


def test_a_word_of_none_is_not_said() -> None:
    """Options that a caller passes on as `None` mean the default."""
    unsaid: Any = dict.fromkeys(terms.ScriptTerms.__annotations__)
    assert scripting.scenario("story", unsaid) == {"name": "story", "reply": [{"faker": 100}]}


def test_a_hold_without_a_name_is_named_by_its_place() -> None:
    """Gates are `hold-1`, `hold-2`, … in the order of the holds, unless a hold has a name."""
    steps = [
        {"hold": {"at_token": 3}},
        {"text": "Hi"},
        {"hold": "middle"},
        {"hold": {"at": "done"}},
        {"hold": {"name": "end"}},
    ]
    assert scripting.gates(steps) == ("hold-1", "middle", "hold-3", "end")


def test_the_gates_of_several_turns_are_known_once_each() -> None:
    """A gate is a label: many streams can stand at it."""
    turns = [[{"hold": "a"}, {"hold": "b"}], [{"text": "x"}, {"hold": "a"}], [{"hold": {}}]]
    assert scripting.gates_of({"turns": turns}) == ("a", "b", "hold-1")
    assert scripting.gates_of({"reply": [{"text": "x"}]}) == ()


def test_a_script_with_one_gate_needs_no_name_for_it() -> None:
    """The only gate is meant; with several the error says what to write."""
    assert scripting.only_gate("story", ["middle"], None) == "middle"
    assert scripting.only_gate("story", ["hold-1", "hold-2"], "hold-2") == "hold-2"
    with pytest.raises(MockaiError, match="has the gates hold-1, hold-2: say gate="):
        scripting.only_gate("story", ["hold-1", "hold-2"], None)


def test_a_gate_that_the_script_does_not_have_is_a_mistake() -> None:
    """Nothing would ever stand there, so it is neither waited for nor opened in silence."""
    assert scripting.own_gates("story", ["hold-1", "hold-2"], None) == ("hold-1", "hold-2")
    assert scripting.own_gates("story", ["hold-1", "hold-2"], "hold-1") == ("hold-1",)
    with pytest.raises(MockaiError, match="no gate 'midle': the script 'story' has middle, end"):
        scripting.own_gates("story", ["middle", "end"], "midle")
    with pytest.raises(MockaiError, match="the script 'story' has no hold: give it one, as hold_"):
        scripting.own_gates("story", [], None)
    with pytest.raises(MockaiError, match="has no hold"):
        scripting.only_gate("story", [], "elsewhere")


def test_an_assertion_is_a_check_in_its_single_key_form() -> None:
    """Words that select go to `where`, the others to the check; `None` and what is left out go."""
    said = {"scenario": "story", "nth": 2, "within": "250ms", "max_tokens": 0, "since": None}
    assert terms.check("cancelled", said) == {
        "cancelled": {
            "where": {"scenario": "story", "nth": 2},
            "within": "250ms",
            "max_tokens": 0,
        }
    }
    assert terms.check("completed", {}) == {"completed": {"where": {}}}
    cost = Decimal("0.01")
    assert terms.check("billed", {"max_cost_usd": cost, "count": 1}) == {
        "billed": {"where": {}, "max_cost_usd": cost, "count": 1}
    }


def test_an_assertion_lists_the_words_that_it_knows() -> None:
    """A misspelt limit must not be an assertion that asserts less."""
    with pytest.raises(TypeError, match=r"assert_billed\(\) does not know max_token; it knows"):
        terms.check("billed", {"max_token": 3})


@pytest.mark.parametrize("kind", ["cancelled", "completed", "billed"])
def test_python_knows_every_word_of_a_check(kind: str) -> None:
    """The keyword arguments are the fields of the check's model, with `where` spread out."""
    words = {"cancelled": terms.CancelledTerms, "billed": terms.BilledTerms}
    said = get_type_hints(words.get(kind, terms.WhereTerms)).keys()
    fields = CHECKS[kind].model_fields.keys() - {"where"}
    assert said == fields | Where.model_fields.keys()


def test_python_and_pytest_say_of_a_session_what_the_control_api_understands() -> None:
    """Its own end (`ttl`) alone is nothing for a test: the session ends with it."""
    there = SessionSettings.model_fields.keys() - {"ttl"}
    assert set(terms.SessionTerms.__annotations__) == there
    assert set(settings._SESSION) == there  # noqa: SLF001 - the list that the marker knows
    assert there <= set(settings.Config.__annotations__)


def test_python_finds_exchanges_by_what_the_control_api_finds_them_by() -> None:
    """A filter that a language lacks is looked for in the list by hand."""
    assert set(terms.FilterTerms.__annotations__) == set(_FILTERS)
