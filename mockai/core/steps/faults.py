"""Steps that go wrong on purpose: an error, a cut, a silence, mangled bytes.

Each says where (`at_token`, `at` a time; without, at its place in the list) and how often (`nth`
plays of the scenario, a seeded `probability`; without, always).
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from mockai.core.mangling import MANGLES
from mockai.core.mistakes import meant, shown
from mockai.core.model import Model, Nth
from mockai.core.scripted_errors import ERRORS
from mockai.core.steps.base import Builder, Step, shorthand
from mockai.core.units import Duration


class Fault(Model):
    """Where and how often."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["at_token", "at"]}})

    at_token: int | None = Field(default=None, ge=0, description="after this many tokens")
    at: Duration | None = Field(default=None, description="this long after the start")
    probability: float = Field(default=1.0, gt=0, le=1)
    nth: Nth | None = Field(
        default=None, description="only on this play (or these) of the scenario, from 1"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.at_token is not None and self.at is not None:
            raise ValueError("happens at one place: either at_token or at")
        if self.headless and self.at_token is not None:
            raise ValueError("happens before the headers, when no token is out: no at_token")
        return self

    @property
    def headless(self) -> bool:
        """True when it happens before even the headers are out."""
        return False

    @property
    def always(self) -> bool:
        """True when it happens on every play."""
        return self.nth is None and self.probability == 1

    def happens(self, ordinal: int, draw: Random) -> bool:
        """Say whether it happens on this play; draws once, so that the order of faults counts."""
        drawn = draw.random() < self.probability
        plays = (self.nth,) if isinstance(self.nth, int) else self.nth
        return drawn and (plays is None or ordinal in plays)


def _within_a_year(seconds: float) -> float:
    if seconds > _YEAR_S:
        raise ValueError("must be a year at most")
    return seconds


_YEAR_S = 366 * 86_400.0


def _known(what: str, allowed: Collection[str], otherwise: str = "") -> AfterValidator:
    def check(word: str) -> str:
        if word not in allowed:
            hint = meant(word, allowed)
            raise ValueError(
                f"unknown {what} {word!r}; allowed are {', '.join(allowed)}{otherwise}{hint}"
            )
        return word

    return AfterValidator(check)


def _no_status(value: Any) -> Any:
    """Tell who writes `error: 429` what to write: there are several errors of that status."""
    if isinstance(value, int) and not isinstance(value, bool):
        codes = [code for code, facts in ERRORS.items() if facts.status == value]
        instead = f"{{status: {value}}}" + "".join(f", or {code}" for code in codes)
        raise ValueError(f"{shown(value)} is a status, not a code: write {instead}")
    return value


Code = Annotated[
    str,
    BeforeValidator(_no_status, json_schema_input_type=str),
    _known("code", ERRORS, "; or no code and a status"),
    Field(json_schema_extra={"enum": [*ERRORS]}),
]
"""One of the API's own errors, by its code."""


def _not_framing(name: str) -> str:
    if name.lower() in _FRAMING:
        raise ValueError(f"'{name}' belongs to the connection; a script cannot set it")
    return name


_FRAMING = frozenset({"connection", "content-length", "date", "transfer-encoding"})
HeaderName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), AfterValidator(_not_framing)
]
HeaderValue = Annotated[str, Field(pattern=r"^[\t\x20-\x7e]*$")]


class Error(Fault):
    """An error: before the first byte its status and body, later an event in the stream."""

    code: Code | None = Field(default=None, description="one of the API's own errors, by its code")
    status: int | None = Field(default=None, ge=400, le=599)
    message: str | None = None
    type: str | None = None
    param: str | None = None
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    retry_after: Annotated[Duration, AfterValidator(_within_a_year)] | None = None


class ErrorStep(Step):
    """Answer with an error; `error: rate_limit_exceeded` is short for `{code: ...}`."""

    kind: ClassVar[str] = "error"
    error: Annotated[Error, shorthand("code", Error | Code | None)]

    def build(self, to: Builder) -> None:
        """Let it happen."""
        to.fault(self.error)


Cutting = Literal["fin", "reset", "in_chunk"]


class Cut(Fault):
    """The connection ends early."""

    how: Cutting = "fin"
    headers: bool = Field(default=False, description="before the headers: no answer at all")

    @property
    def headless(self) -> bool:
        """True when there is no answer at all."""
        return self.headers


class CutStep(Step):
    """Cut the connection: `cut: reset`; `in_chunk` ends it inside an HTTP chunk.

    Before the first token the headers are out; `{headers: true}` cuts before them.
    """

    kind: ClassVar[str] = "cut"
    cut: Annotated[Cut, shorthand("how", Cut | Cutting)]

    def build(self, to: Builder) -> None:
        """Let it happen."""
        to.fault(self.cut)


class Silence(Fault):
    """Nothing more comes; the connection stays open."""

    headers: bool = Field(default=False, description="not even the headers come")

    @property
    def headless(self) -> bool:
        """True when not even the headers come."""
        return self.headers


class SilenceStep(Step):
    """Fall silent for good: `silence: {at_token: 5}`, `silence: {headers: true}`."""

    kind: ClassVar[str] = "silence"
    silence: Silence

    def build(self, to: Builder) -> None:
        """Let it happen."""
        to.fault(self.silence)


Mangling = Annotated[str, _known("way", MANGLES), Field(json_schema_extra={"enum": [*MANGLES]})]


class Mangle(Fault):
    """The bytes of one event (or of all) are not what they should be."""

    how: Mangling


class MangleStep(Step):
    """Mangle an event: `mangle: {how: malformed_json, at_token: 5}`."""

    kind: ClassVar[str] = "mangle"
    mangle: Annotated[Mangle, shorthand("how", Mangle | Mangling)]

    def build(self, to: Builder) -> None:
        """Let it happen."""
        to.fault(self.mangle)
