"""Every check has all its faces: model, JSON key, Python word, row in the README, and its text."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mockai.client import AsyncMockAI, AsyncScript, MockAI, Script, terms
from mockai.client.asserts import Assertions
from mockai.core.checks import CHECKS, CheckEntry, check_of
from mockai.core.checks.base import Check, Where
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Exchange
from mockai.core.findings import FINDINGS
from mockai.core.prices import shipped_prices
from mockai.core.scenario import Scenario
from tests.support.facts import (
    ASKED,
    billed,
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    hold_at,
    mark_at,
    open_exchange,
    schedule_of,
)
from tests.support.golden import GOLDEN, golden

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
ENTRY: TypeAdapter[Any] = TypeAdapter(CheckEntry)
NAMES = list(CHECKS)


STOP = (mark_at(0.45),)
ASKS = replace(ASKED, body=b'{"temperature": 1}')
TEXT = schedule_of().reply.text
LEFT = billed(cancelled_exchange(0.5, marks=STOP, schedule=schedule_of(), request=ASKS))
READ = billed(completed_exchange(marks=STOP, schedule=schedule_of(), request=ASKS))
OPEN = open_exchange(marks=STOP, holds=(hold_at(0.44),))
LATER = replace(LEFT, id="ex_2", seq=2, scenario="second")

CASES: dict[str, tuple[dict[str, Any], tuple[Exchange, ...], tuple[Exchange, ...], str]] = {
    # what is demanded, of whom it holds, of whom it does not, and the text that says so
    "cancelled": ({}, (LEFT,), (READ,), "cancelled_drained.txt"),
    "completed": ({}, (READ,), (LEFT,), "completed_left.txt"),
    "requests": ({"max": 1}, (LEFT,), (LEFT, LATER), "requests_too_many.txt"),
    "open": ({}, (LEFT,), (OPEN,), "open_left.txt"),
    "billed": ({"max_tokens": 12}, (LEFT,), (READ,), "billed_too_much.txt"),
    "wasted": ({}, (LEFT,), (READ,), "wasted_drained.txt"),
    "sent": ({"body": {"temperature": 1}}, (LEFT,), (OPEN,), "sent_other.txt"),
    "delivered": ({"text": TEXT[:20]}, (LEFT,), (OPEN,), "delivered_less.txt"),
    "usage": ({"total_tokens": 33}, (LEFT,), (READ,), "usage_wrong.txt"),
    "order": ({"scenarios": ["story", "second"]}, (LEFT, LATER), (LATER, LEFT), "order_wrong.txt"),
}


def check_named(name: str) -> Check:
    """Return the check of the example."""
    return check_of(ENTRY.validate_python({name: CASES[name][0]}))


def test_every_check_has_an_example() -> None:
    """A new check is not finished before it stands here."""
    assert list(CASES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_check_passes_on_a_right_program_and_fails_on_a_wrong_one(name: str) -> None:
    """A check that cannot fail is a defect, and so is one that cannot pass."""
    _, right, wrong, _ = CASES[name]
    prices = shipped_prices()
    assert evaluate(check_named(name), evidence_of(*right, now_s=30, prices=prices)).passed
    failed = evaluate(check_named(name), evidence_of(*wrong, now_s=30, prices=prices))
    assert not failed.passed
    assert failed.message.startswith("expected the client to ")
    assert "<<<<<" in failed.report
    assert "timeline" in failed.report


@pytest.mark.parametrize("name", NAMES)
def test_every_text_is_pinned(name: str) -> None:
    """What people read when something is wrong is looked at before it changes."""
    assert (GOLDEN / CASES[name][3]).exists()


def test_the_text_for_waste() -> None:
    """What was billed after the stop."""
    verdict = evaluate(check_named("wasted"), evidence_of(READ, prices=shipped_prices()))
    assert verdict.report == golden("wasted_drained.txt")


def test_the_text_for_usage_that_was_booked_wrong() -> None:
    """Both figures, one beside the other."""
    booked = {"usage": {"prompt_tokens": 21, "completion_tokens": 10}}
    verdict = evaluate(
        check_of(ENTRY.validate_python(booked)), evidence_of(LEFT, prices=shipped_prices())
    )
    assert verdict.report == golden("usage_wrong.txt")


# ── HTTP and YAML ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
def test_every_check_is_one_key_in_json_and_yaml(name: str) -> None:
    """Over HTTP and in a scenario's `expect`."""
    said = CASES[name][0]
    assert check_of(ENTRY.validate_python({name: said})).name == name
    scenario = {"name": "story", "reply": [], "expect": [{name: said}]}
    (check,) = Scenario.model_validate(scenario).checks
    assert (check.name, check.where.scenario) == (name, "story")
    with pytest.raises(ValidationError, match="wrogn"):
        ENTRY.validate_python({name: {**said, "wrogn": 1}})


# ── Python ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("face", [MockAI, AsyncMockAI, Script, AsyncScript])
def test_every_check_is_a_word_in_python(name: str, face: type) -> None:
    """With a docstring of its own."""
    word = getattr(face, f"assert_{name}")
    assert word.__doc__.startswith("Assert ")


@pytest.mark.parametrize("name", NAMES)
def test_the_word_takes_what_the_check_has(name: str) -> None:
    """Each field can be said, and nothing that the server would refuse."""
    fields = set(CHECKS[name].model_fields) - {"where"}
    wanted = fields | set(Where.model_fields)
    assert set(terms.CHECK_TERMS[name].__annotations__) == wanted


def words_of(face: type) -> dict[str, list[Any]]:
    """Return the public words of a face, each with what it takes."""
    public = {name: value for name, value in inspect.getmembers(face) if name[0] != "_"}
    return {
        name: [
            (one.name, one.kind, one.default, one.annotation)
            for one in inspect.signature(value).parameters.values()
        ]
        if callable(value)
        else []
        for name, value in public.items()
    }


@pytest.mark.parametrize("sync,other", [(MockAI, AsyncMockAI), (Script, AsyncScript)])
def test_both_faces_have_the_same_words(sync: type, other: type) -> None:
    """With the same arguments and defaults; what is said in one test can be said in the other."""
    assert words_of(sync) == words_of(other)


# ── the README ───────────────────────────────────────────────────────────────────────────────


def rows(heading: str) -> dict[str, str]:
    """Return the rows of the tables in a section, by what they are about."""
    section = README[README.index(f"\n## {heading}\n") :]
    section = section[: section.index("\n## ", 1)]
    return dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", section, re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_every_check_has_its_row_with_all_that_it_takes(name: str) -> None:
    """What is not described is not found."""
    row = rows("Checks")[name]
    fields = set(CHECKS[name].model_fields) - {"where"}
    if not CHECKS[name].counts_itself:
        fields -= {"count"}  # said once for all
    missing = {field for field in fields if not re.search(rf"`[^`]*\b{field}\b[^`]*`", row)}
    assert missing == set()


def test_every_convenience_has_its_row() -> None:
    """The one-line words, too."""
    words = {word for word, _ in inspect.getmembers(Assertions) if word.startswith("assert_")}
    conveniences = words - {f"assert_{name}" for name in NAMES}
    assert len(conveniences) == 5
    shown = {word.partition("(")[0] for word in rows("Checks")}
    assert conveniences <= shown


def test_every_finding_has_its_row() -> None:
    """In the words in which it is told."""
    assert rows("Findings") == FINDINGS


def test_the_readme_names_no_check_or_finding_that_is_not_there() -> None:
    """A word that went away is taken out."""
    words = {name for name in rows("Checks") if re.fullmatch(r"\w+", name)}
    assert words == set(NAMES)
