"""Every field of every check decides: it holds for a right program and fails for a wrong one.

The text of each failure is pinned in `tests/golden/checks/CHECK.txt`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mockai.core.checks import CHECKS, CheckEntry, check_of
from mockai.core.checks.base import Check, Verdict, Where
from mockai.core.checks.evaluate import evaluate
from mockai.core.exchange import Disconnect, Exchange, RequestFacts, Schedule, Tokens
from mockai.core.prices import shipped_prices
from tests.support.facts import (
    ASKED,
    RECEIVED_NS,
    SECOND,
    billed,
    cancelled_exchange,
    completed_exchange,
    evidence_of,
    hold_at,
    mark_at,
    open_exchange,
    schedule_of,
    stamp_at,
)
from tests.support.golden import golden

ENTRY: TypeAdapter[Any] = TypeAdapter(CheckEntry)
STOP = (mark_at(0.45),)


def left(at_s: float = 0.5, token: int = 12, seq: int = 1, **facts: Any) -> Exchange:
    """Return one that was left, after the mark unless told otherwise."""
    known = {"id": f"ex_{seq}", "seq": seq, "marks": STOP, "schedule": schedule_of(), **facts}
    return billed(cancelled_exchange(at_s, token, **known))


def read(seq: int = 1, **facts: Any) -> Exchange:
    """Return one that was read to its end in spite of the mark."""
    known = {"id": f"ex_{seq}", "seq": seq, "marks": STOP, "schedule": schedule_of(), **facts}
    return billed(completed_exchange(**known))


def still_open(seq: int = 1, **facts: Any) -> Exchange:
    """Return one that has not ended."""
    return open_exchange(id=f"ex_{seq}", seq=seq, **facts)


def asks(*messages: Any, headers: Any = None, **body: Any) -> RequestFacts:
    """Return a request with this body."""
    said = json.dumps({"messages": messages, **body}).encode()
    return replace(ASKED, body=said, headers=headers or {})


def at(at_s: float, exchange: Exchange) -> Exchange:
    """Return an exchange as received at an instant."""
    return replace(exchange, received_ns=RECEIVED_NS + round(at_s * SECOND))


@dataclass(frozen=True, slots=True)
class Case:
    """A demand, a right program, a wrong one, and what else the evidence holds."""

    demand: dict[str, Any]
    right: tuple[Exchange, ...]
    wrong: tuple[Exchange, ...]
    stamps: tuple[Any, ...] = ()
    now_s: float = 30.0

    def verdict(self, name: str, *exchanges: Exchange, **changed: Any) -> Verdict:
        """Judge these exchanges."""
        check: Check = check_of(ENTRY.validate_python({name: {**self.demand, **changed}}))
        evidence = evidence_of(
            *exchanges, now_s=self.now_s, marks=self.stamps, prices=shipped_prices()
        )
        return evaluate(check, evidence)


USER, SYSTEM = {"role": "user", "content": "A story"}, {"role": "system", "content": "Be brief"}
POEM = {"role": "user", "content": "A poem"}
TOOL = {"type": "function", "function": {"name": "weather"}}
TOLD, OTHER = left(request=asks(SYSTEM, USER)), left(request=asks(POEM))
TWO = (left(), left(seq=2))
AGAIN = at(1.0, left(seq=2, marks=(), retry_of="ex_1"))
TEXT = "".join(delta.text for delta in schedule_of().reply.deltas[:12])
STAMP = (stamp_at(0.45),)
STORY_POEM = (left(), left(seq=2, scenario="poem"))
SAME_COUNT = Case({"count": 1}, (left(),), TWO)
LONGER, SHORT = Tokens(99, 400, 12, 12), Tokens(21, planned=12, generated=12, written=12)
UNSEEN = left(0.1, 0, marks=(), schedule=schedule_of(ttft=1.0))


def second_choice() -> Schedule:
    """Return a schedule whose text is all of the second choice."""
    schedule = schedule_of()
    deltas = tuple(delta._replace(choice=1) for delta in schedule.reply.deltas)
    return replace(schedule, reply=replace(schedule.reply, deltas=deltas))


OTHER_CHOICE = left(schedule=second_choice())
CASES: dict[str, Case] = {
    "cancelled.count": SAME_COUNT,
    "cancelled.within": Case({"within": 0.25}, (left(0.6),), (left(0.8),)),
    "cancelled.since": Case({"since": {"token": 9}}, (left(),), (left(0.5, 5),)),
    "cancelled.max_tokens": Case({"max_tokens": 12}, (left(),), (left(0.6, 13),)),
    "cancelled.max_tokens_after": Case({"max_tokens_after": 4}, (left(0.5, 16),), (left(0.6, 17),)),
    "cancelled.phase": Case({"phase": "streaming"}, (left(),), (left(phase="before_headers"),)),
    "cancelled.while_held": Case(
        {"while_held": "hold-1"}, (left(holds=(hold_at(0.4),)),), (left(),)
    ),
    "cancelled.how": Case(
        {"how": "fin"}, (left(),), (left(disconnect=Disconnect("reset", 104, 0.5, 12)),)
    ),
    "completed.count": Case({"count": 1}, (read(),), (read(), read(2))),
    "requests.count": Case({"count": 1}, (left(),), TWO),
    "requests.max": Case({"max": 1}, (left(),), TWO),
    "requests.after": Case(
        {"after": "stop"}, (left(),), (left(), at(0.6, left(seq=2))), stamps=STAMP
    ),
    "requests.only": Case({"only": "retries_after_cancel"}, TWO, (left(), AGAIN)),
    "requests.quiet": Case({"max": 1, "quiet": 2}, (left(),), (left(), at(10.5, left(seq=2)))),
    "open.count": Case({"count": 1, "max": 1}, (still_open(),), (still_open(), left(seq=2))),
    "open.max": Case({"max": 1}, (still_open(),), (still_open(), still_open(2))),
    "open.within": Case({"within": 0.5, "after": "stop"}, (left(0.9),), (left(1.2),), stamps=STAMP),
    "open.after": Case({"after": "stop"}, (left(1.4),), (left(1.5),), stamps=STAMP),
    "open.quiet": Case(
        {"after": "stop", "quiet": 2}, (left(),), (left(), at(10.5, read(2))), stamps=STAMP
    ),
    "billed.count": Case({"count": 1, "max_tokens": 12}, (left(),), TWO),
    "billed.max_tokens": Case({"max_tokens": 12}, (left(),), (left(0.6, 13),)),
    "billed.max_cost_usd": Case({"max_cost_usd": "0.0000104"}, (left(),), (left(0.6, 13),)),
    "billed.policy": Case({"max_tokens": 12, "policy": "stop-lag"}, (UNSEEN,), (left(),)),
    "wasted.count": SAME_COUNT,
    "wasted.max_tokens": Case({"max_tokens": 1}, (left(0.6, 13),), (left(0.6, 14),)),
    "wasted.max_cost_usd": Case({"max_cost_usd": "0.0000006"}, (left(0.6, 13),), (left(0.6, 14),)),
    "wasted.policy": Case({"policy": "stop-lag"}, (UNSEEN,), (left(),)),
    "sent.count": Case(
        {"count": 1, "body": {"temperature": None}},
        (TOLD,),
        (TOLD, replace(TOLD, id="ex_2", seq=2)),
    ),
    "sent.body": Case({"body": {"messages.-1.content": "A story"}}, (TOLD,), (OTHER,)),
    "sent.headers": Case(
        {"headers": {"X-Stainless-Lang": "py*"}},
        (left(request=asks(headers={"x-stainless-lang": "python"})),),
        (left(request=asks(headers={"x-stainless-lang": "js"})),),
    ),
    "sent.tools": Case({"tools": ["weather"]}, (left(request=asks(tools=[TOOL])),), (OTHER,)),
    "sent.last_user": Case({"last_user": {"contains": "story"}}, (TOLD,), (OTHER,)),
    "sent.any_message": Case({"any_message": {"equals": "A story"}}, (TOLD,), (OTHER,)),
    "sent.system": Case({"system": {"regex": "brief|short"}}, (TOLD,), (OTHER,)),
    "delivered.count": Case({"count": 1, "text": TEXT}, (left(),), TWO),
    "delivered.text": Case({"text": TEXT}, (left(),), (left(0.4, 5),)),
    "delivered.exact": Case({"text": TEXT, "exact": True}, (left(),), (left(0.6, 13),)),
    "delivered.choice": Case({"text": TEXT, "choice": 1}, (OTHER_CHOICE,), (left(),)),
    "usage.count": Case({"count": 1, "completion_tokens": 12}, (left(),), TWO),
    "usage.prompt_tokens": Case({"prompt_tokens": 21}, (left(),), (left(tokens=LONGER),)),
    "usage.completion_tokens": Case({"completion_tokens": 12}, (left(),), (left(0.6, 13),)),
    "usage.total_tokens": Case({"total_tokens": 33}, (left(),), (left(0.6, 13),)),
    "usage.tolerance": Case(
        {"completion_tokens": 12, "tolerance": 1}, (left(0.6, 13),), (left(0.6, 14),)
    ),
    "usage.in_all": Case({"completion_tokens": 12, "in_all": True}, (left(),), TWO),
    "usage.policy": Case(
        {"completion_tokens": 12, "policy": "bill-in-full"},
        (left(tokens=SHORT),),
        (left(),),
    ),
    "order.count": Case(
        {"count": 2, "scenarios": ["story", "poem"]},
        STORY_POEM,
        (*STORY_POEM, left(seq=3, scenario="poem")),
    ),
    "order.scenarios": Case(
        {"scenarios": ["story", "poem"]},
        STORY_POEM,
        (left(scenario="poem"), left(seq=2)),
    ),
    "order.tags": Case(
        {"tags": ["a", "b"]},
        tuple(left(seq=n, request=replace(ASKED, tag=tag)) for n, tag in ((1, "a"), (2, "b"))),
        tuple(left(seq=n, request=replace(ASKED, tag=tag)) for n, tag in ((1, "b"), (2, "a"))),
    ),
}

WHERE: dict[str, Any] = {
    "scenario": {"scenario": "poem"},
    "model": {"request": replace(ASKED, model="gpt-4.1")},
    "tag": {"request": replace(ASKED, tag="draft")},
    "endpoint": {"request": replace(ASKED, endpoint="models")},
    "nth": {},
}
"""What tells a second exchange from the first, by each field of `where`."""
CHOSEN = {"scenario": "story", "model": "gpt-4o-mini", "tag": "final", "nth": 1}
CHOSEN["endpoint"] = "chat.completions"


def where_case(field: str) -> Case:
    """Return a case in which only the first of two is chosen: to be read to its end."""
    first, other = {"request": replace(ASKED, tag="final")}, WHERE[field]
    return Case(
        {"where": {field: CHOSEN[field]}},
        (read(**first), left(seq=2, **other)),
        (left(**first), read(2, **other)),
    )


ALL = {name: (name.partition(".")[0], case) for name, case in CASES.items()}
ALL |= {f"where.{field}": ("completed", where_case(field)) for field in WHERE}
EVER = {"requests.quiet", "open.quiet"}
"""These decide how long is watched, not what is seen: see the last test."""


def test_every_field_has_its_case() -> None:
    """A new check or field is not finished before it stands here."""
    fields = {f"{name}.{field}" for name, check in CHECKS.items() for field in check.model_fields}
    fields -= {f"{name}.where" for name in CHECKS}
    assert set(ALL) == fields | {f"where.{field}" for field in Where.model_fields}


@pytest.mark.parametrize("named", ALL)
def test_a_field_holds_for_a_right_program_and_fails_for_a_wrong_one(named: str) -> None:
    """And it is the field that decides: without it one of the two verdicts is another."""
    name, case = ALL[named]
    right, wrong = case.verdict(name, *case.right), case.verdict(name, *case.wrong)
    assert (right.passed, wrong.passed) == (True, False), wrong.report + right.report
    field = named.partition(".")[2] if name in named else "where"
    rest = {key: value for key, value in case.demand.items() if key != field}
    try:
        ENTRY.validate_python({name: rest})
    except ValidationError:
        return  # it says nothing without the field
    if named in EVER:
        return
    without = replace(case, demand=rest)
    verdicts = [without.verdict(name, *seen).passed for seen in (case.right, case.wrong)]
    assert verdicts != [True, False]


@pytest.mark.parametrize("check", [*CHECKS, "where"])
def test_the_text_of_every_failure_is_pinned(check: str) -> None:
    """One file for each check: what is demanded, and what its reader is told."""
    texts = [
        f"== {json.dumps({name: case.demand})}\n\n{case.verdict(name, *case.wrong).report}\n"
        for named, (name, case) in ALL.items()
        if named.startswith(f"{check}.")
    ]
    assert "\n".join(texts).removesuffix("\n") == golden(f"checks/{check}.txt")


@pytest.mark.parametrize("name", ["requests", "open"])
def test_quiet_is_how_long_an_absence_is_watched(name: str) -> None:
    """From the call on; then it is settled, and not before."""
    case = CASES[f"{name}.quiet"]
    early, late = replace(case, now_s=10.9), replace(case, now_s=11.0)
    assert not early.verdict(name, *case.right).settled
    assert late.verdict(name, *case.right).settled
    assert early.verdict(name, *case.right, quiet=1).settled
