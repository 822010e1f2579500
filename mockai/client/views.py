"""What the control API answers, as read-only nouns. A server may know more than they do.

The parts of an exchange are the core's own nouns; `Exchange.json` keeps all that was answered.
Nothing here sends or waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

from mockai.core.exchange import (
    Bill,
    Cause,
    Connection,
    Delivery,
    Disconnect,
    Hold,
    MarkSeen,
    Outcome,
    PaceError,
    Phase,
    Timing,
    Tokens,
)
from mockai.core.timeline import Event
from mockai.core.units import counted, show_seconds

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Noun = TypeVar("Noun", bound="DataclassInstance")


def build(noun: type[Noun], data: Mapping[str, Any]) -> Noun:
    """Return a noun from its JSON; keys that it does not know are left out."""
    return noun(**{f.name: _part(f.name, data[f.name]) for f in fields(noun) if f.name in data})


def _part(name: str, value: Any) -> Any:
    noun = _PARTS.get(name)
    if isinstance(value, list):
        return tuple(build(noun, item) if noun else item for item in value)
    return build(noun, value) if noun and value is not None else value


@dataclass(frozen=True, slots=True)
class Request:
    """What the client asked; header values are kept by allowlist, others are `None`."""

    method: str = "POST"
    path: str = ""
    endpoint: str | None = None
    model: str | None = None
    stream: bool = False
    headers: Mapping[str, str | None] = field(default_factory=dict)
    key_id: str | None = None
    tag: str | None = None
    traceparent: str | None = None
    body: Any = None
    """The JSON that was sent, or text where it was none."""
    body_truncated: bool = False
    peer: str | None = None
    http_version: str = "1.1"
    sdk_retry_count: int | None = None
    session_via: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """The facts of one request, from receipt to end, as they stood when they were asked for."""

    id: str
    seq: int
    session: str = ""
    generation: int = 1
    scenario: str | None = None
    seed: int | None = None
    ordinal: int | None = None
    request_id: str = ""
    completion_id: str | None = None
    request: Request = field(default_factory=Request)
    status: int | None = None
    outcome: Outcome = "open"
    cause: Cause | None = None
    error: str | None = None
    phase: Phase = "receiving"
    disconnect: Disconnect | None = None
    marks: tuple[MarkSeen, ...] = ()
    holds: tuple[Hold, ...] = ()
    tokens: Tokens = field(default_factory=Tokens)
    paced: bool = False
    delivery: Delivery = field(default_factory=Delivery)
    timing: Timing = field(default_factory=Timing)
    connection: Connection = field(default_factory=Connection)
    half_closed_s: float | None = None
    retry_of: str | None = None
    bill: Bill | None = None
    timeline: str = ""
    """The events as one line for people, in seconds since receipt."""
    events: tuple[Event, ...] = ()
    """The same one by one, when the exchange was asked for by its id."""
    json: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Exchange:
        """Return the view of one exchange of the control API."""
        return replace(build(cls, data), json=data)

    @property
    def ended(self) -> bool:
        """True once the outcome is final."""
        return self.outcome != "open"

    @property
    def standing_at(self) -> str | None:
        """The gate at which the stream stands, if it does."""
        last = self.holds[-1] if self.holds and not self.ended else None
        return last.name if last is not None and last.for_s is None else None

    def __repr__(self) -> str:
        what = self.scenario or f"{self.request.method} {self.request.path}"
        return f"<Exchange #{self.seq} {what} {self._fate()}>"

    def _fate(self) -> str:
        match self.outcome:
            case "completed":
                return f"completed {self._progress()}"
            case "failed":
                return f"failed ({self.cause}, status {self.status})"
            case "cancelled":
                return f"cancelled {self._progress()} ({self._leaving()})"
            case _:
                held = f" (held at '{self.standing_at}')" if self.standing_at else ""
                return f"open {self._progress()}{held}"

    def _progress(self) -> str:
        if not self.tokens.planned:
            return f"while {self.phase}"
        return f"at token {self.tokens.written} of {self.tokens.planned}"

    def _leaving(self) -> str:
        left = self.disconnect
        if left is None:
            return "how is unknown"
        if self.marks:
            newest = self.marks[-1]
            return f"{left.how}, {show_seconds(left.at_s - newest.at_s)} after mark '{newest.name}'"
        return f"{left.how}, while held at '{left.while_held}'" if left.while_held else left.how


class Exchanges(list[Exchange]):
    """Exchanges, oldest first, as they stood when they were asked for.

    A list that can be narrowed, and that shows what became of each:

    >>> Exchanges([Exchange("ex_1", 1, scenario="story"), Exchange("ex_2", 2)])
    <2 exchanges: #1 story open while receiving · #2 POST  open while receiving>
    """

    def where(self, **facts: Any) -> Exchanges:
        """Return those whose facts are equal to these: `where(outcome="cancelled", seq=2)`.

        Raises `AttributeError` for a fact that an exchange does not have.
        """
        unknown = sorted(facts.keys() - {fact.name for fact in fields(Exchange)})
        if unknown:
            raise AttributeError(f"an exchange has no {', '.join(unknown)}")
        return Exchanges(
            item
            for item in self
            if all(getattr(item, name) == value for name, value in facts.items())
        )

    def __repr__(self) -> str:
        lines = [repr(item).removeprefix("<Exchange ").removesuffix(">") for item in self]
        count = counted(len(lines), "exchange") if lines else "no exchanges"
        return f"<{count}: {' · '.join(lines)}>" if lines else f"<{count}>"


@dataclass(frozen=True, slots=True)
class Held:
    """One stream that stands at a gate, for `since_s` seconds, with `token` tokens written."""

    exchange: str
    token: int
    since_s: float


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate: whether it is open for good, and which streams stand at it."""

    name: str
    open: bool
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark that has been set. `with mockai.mark("stop"):` shows what belongs to it."""

    name: str
    seq: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: a mark is an instant, and it has passed."""


_PARTS: dict[str, type[DataclassInstance]] = {
    "bill": Bill,
    "connection": Connection,
    "delivery": Delivery,
    "disconnect": Disconnect,
    "events": Event,
    "held": Held,
    "holds": Hold,
    "marks": MarkSeen,
    "pace_error_ms": PaceError,
    "request": Request,
    "timing": Timing,
    "tokens": Tokens,
}
