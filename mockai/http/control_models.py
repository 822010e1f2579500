"""What the control API takes and answers, as models: from them its description is made.

Nothing else needs them, and a start need not make them: so calls name them only, and what a call
takes stands here if no handler reads it by its model.
The parts of an exchange are the core's own nouns, so that what the record gains is described too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model

from mockai.core.exchange import INTERNAL, Exchange, RequestFacts
from mockai.core.model import Name
from mockai.core.scenario import Scenario
from mockai.core.timeline import Event

_make: Any = create_model


class Answer(BaseModel):
    """The base of all answers: an answer may gain members, so unknown ones are no fault."""

    model_config = ConfigDict(frozen=True, defer_build=True)  # only the description needs them


def _noun(name: str, facts: type, about: str, **changed: Any) -> Any:
    """Return the model of what `to_json` makes of the facts; `changed` are (type, ...) pairs."""
    hints = get_type_hints(facts)
    shown = {f.name: (hints[f.name], ...) for f in fields(facts) if f.name not in INTERNAL}
    return _make(name, __base__=Answer, __doc__=about, **{**shown, **changed})


RequestShown = _noun(
    "Request", RequestFacts, "What the client asked.", body=(Any, ...), path=(str, ...)
)
ExchangeShown = _noun(
    "Exchange",
    Exchange,
    "The facts of one request, from receipt to end, as they stand now.",
    request=(RequestShown, ...),
    timeline=(str, ...),
)


ExchangeWhole: Any = _make(
    "ExchangeWhole",
    __base__=ExchangeShown,
    __doc__="The same, with its events one by one.",
    events=(list[Event], ...),
)


class ErrorDetail(Answer):
    """What went wrong, and with what."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(Answer):
    """The answer to a call that could not be done."""

    error: ErrorDetail


class Health(Answer):
    """The server is up."""

    status: Literal["ok"]
    sessions: int


class SessionShown(Answer):
    """A session: where its clients find it, how much has happened, how much of it was dropped."""

    id: str
    base_url: str
    api_key: str
    generation: int
    requests: int
    evicted: int


class SessionsShown(Answer):
    """The live sessions, oldest first."""

    sessions: list[SessionShown]


class FindingShown(Answer):
    """A likely cause; without an exchange it is about the session."""

    name: str
    exchange: str | None
    seq: int | None
    explanation: str
    evidence: list[str]
    cure: str


class FindingsShown(Answer):
    """What can be said unasked."""

    findings: list[FindingShown]


class Report(Answer):
    """What a generation of a session has to report."""

    session: str
    generation: int
    outcomes: dict[str, int]
    results: list[VerdictShown]
    exchanges: list[ExchangeShown]  # type: ignore[valid-type]  # made of the core's nouns
    findings: list[FindingShown]


class ExchangesShown(Answer):
    """Exchanges, oldest first."""

    exchanges: list[ExchangeShown]  # type: ignore[valid-type]


class ScenarioShown(Answer):
    """A scenario as it was registered, without what is left at its default, and its plays."""

    model_config = ConfigDict(extra="allow")

    name: str
    played: int


class ScenariosShown(Answer):
    """The session's own scenarios, then those loaded at start."""

    scenarios: list[ScenarioShown]


class Registered(Answer):
    """The name under which a scenario was registered, or the names."""

    name: str | None = None
    names: list[str] | None = None


class Deleted(Answer):
    """What was dropped, or was not there."""

    deleted: str


class HeldShown(Answer):
    """A stream that stands at a gate."""

    exchange: str
    token: int
    since_s: float


class GateShown(Answer):
    """A gate, and who stands at it."""

    name: str
    open: bool
    held: list[HeldShown]


class GatesShown(Answer):
    """The gates that were reached or opened."""

    gates: list[GateShown]


class Released(Answer):
    """How many streams were let go."""

    released: int


class MarkShown(Answer):
    """A mark that has been set."""

    name: str
    seq: int


class VerdictShown(Answer):
    """The result of a check; `report` explains a failure in full."""

    check: str
    passed: bool
    message: str
    report: str
    measured_from: str | None
    inconclusive: bool


class VerdictsShown(Answer):
    """The results of checks, in their order."""

    passed: bool
    results: list[VerdictShown]


class Ended(Answer):
    """A command that has ended."""

    session: str
    ended: bool


class Advanced(Answer):
    """By how much the settlement clock was moved, in all."""

    advanced_s: float


class Ledger(Answer):
    """What everything cost: sums, and each exchange that the journal still has."""

    model_config = ConfigDict(extra="allow")

    session: str
    generation: int
    totals: Mapping[str, Any]
    entries: list[Mapping[str, Any]]


# ── what it takes ────────────────────────────────────────────────────────────────────────────


class Scenarios(RootModel[Scenario | tuple[Scenario, ...]]):
    """One scenario, or several; in YAML they may be documents, too."""


NamedByUrl: type[BaseModel] = _make(
    "NamedByUrl",
    __base__=Scenario,
    __doc__="A scenario whose name is the URL's; another one inside is refused.",
    name=(Name, Field(default="", description="may be left out")),
)
