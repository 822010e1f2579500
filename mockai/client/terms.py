"""What can be said to `script()` and to the assertions, and the checks that the latter become.

One list of words for the sync and the async face. What the words may be worth is the server's to
say: it validates, and its error is the user's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, TypedDict

from mockai.client.tracebacks import hidden
from mockai.core.exchange import How, Outcome, Phase
from mockai.core.leaving import HalfClose

__tracebackhide__ = hidden

HoldAt = int | Literal["headers", "first_token", "done"]
Seconds = float | str
"""Seconds as a number, or text such as `"500ms"`."""

DEFAULT_TOKENS = 100


class SessionTerms(TypedDict, total=False):
    """How a session is made; what is left out is as the server was started."""

    speed: float | Literal["inf"]
    """How many times as fast as written; infinity removes all waiting and keeps the order."""
    seed: int
    strict_match: bool
    policy: str | Mapping[str, Any]
    """A preset's name, or its own knobs: `{"notice": "200ms", "charge": "generated"}`."""
    half_close: HalfClose
    """What a FIN means while an answer is under way: the client has left, or only asks no more."""


class ScriptTerms(TypedDict, total=False):
    """What a script replies (one of `text`, `tokens`, `reply`, `turns`), and to which requests."""

    text: str
    tokens: int
    """Exactly so many tokens of seeded filler; 100 when nothing is said about the reply."""
    reply: Sequence[Mapping[str, Any]]
    """Steps as in a scenario file: `[{"text": "Hi"}, {"hold": "middle"}, {"text": " you"}]`."""
    turns: Sequence[Sequence[Mapping[str, Any]]]
    """Such steps for each of several calls: a loop of tools."""
    hold_at: HoldAt | Sequence[HoldAt]
    finish: Literal["stop", "length", "content_filter"]
    ttft: Seconds
    tokens_per_second: float
    pace: Mapping[str, Any]
    """The pace as in a file, for `jitter` and `tokens_per_chunk` too."""
    match: Mapping[str, Any]
    """Which requests, as in a file: `{"tools": ["get_weather"], "nth": 2}`."""
    model: str
    """A glob over the requested model."""
    last_user: str | Mapping[str, str]
    """Text that the last user message contains, or `{"equals": …}`."""
    stream: bool
    policy: str | Mapping[str, Any]
    """A preset's name, or its own knobs; left out: the session's."""
    seed: int
    times: int
    rate_limit: Mapping[str, int]
    obey_limits: bool
    expect: Sequence[Mapping[str, Any]]
    """Checks that `mockai run` and reports judge, as in a file."""


class FilterTerms(TypedDict, total=False):
    """Which exchanges are meant; what is left out selects all."""

    outcome: Outcome
    scenario: str
    model: str
    tag: str
    request_id: str
    trace_id: str
    """The trace that the request's `traceparent` names."""


class ChoiceTerms(TypedDict, total=False):
    """Which exchanges an assertion judges."""

    scenario: str
    model: str
    tag: str
    endpoint: str
    nth: int


class WhereTerms(ChoiceTerms, total=False):
    """Which exchanges an assertion judges, and how many they must be."""

    count: int


class CancelledTerms(WhereTerms, total=False):
    """How the client must have left."""

    within: Seconds
    since: str | Mapping[str, int]
    max_tokens: int
    max_tokens_after: int
    phase: Phase
    while_held: bool | str
    how: How


class BilledTerms(WhereTerms, total=False):
    """What each exchange may cost at most."""

    max_tokens: int
    max_cost_usd: Decimal | float | str
    policy: str | Mapping[str, Any]
    """Judge by this one instead of the exchange's own."""


class WastedTerms(BilledTerms, total=False):
    """What may be billed after the stop at most; with no limit named, nothing."""


class UsageTerms(WhereTerms, total=False):
    """What the client booked, in the field names of OpenAI's `usage`."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    tolerance: int
    """Tokens by which a figure may be off."""
    in_all: bool
    """The figures are for all selected exchanges together."""
    policy: str | Mapping[str, Any]
    """Judge by this one instead of the exchange's own."""


class RequestsTerms(WhereTerms, total=False):
    """How many requests may come; with only `after` or `only` said, none. `count`: exactly."""

    max: int
    after: str
    """Only those after the newest mark of this name count."""
    only: Literal["retries", "retries_after_cancel"]
    """Only those count that ask again what was asked, or cancelled, before."""
    quiet: Seconds
    """For how long no more must come: 1 s if not said, 0 judges what there is so far."""


class OpenTerms(WhereTerms, total=False):
    """How many exchanges may be open, and when; without a number, none."""

    max: int
    within: Seconds
    """From when on: counted from `after`, else from the call; 1 s if not said."""
    after: str
    """A mark: from then on it must stay so."""
    quiet: Seconds
    """With `after`: for how long it must stay so; 1 s if not said."""


class SentTerms(WhereTerms, total=False):
    """What each request must have said."""

    body: Mapping[str, Any]
    """Dotted path in the body to the value there: `{"messages.-1.role": "user"}`."""
    headers: Mapping[str, str | None]
    """Header name to a glob over its value; `None`: it must not have been sent."""
    tools: Sequence[str]
    """Names of tools that were offered; `[]` for none at all."""
    last_user: str | Mapping[str, str]
    """Text that the last user message contains, or `{"equals": …}`, `{"regex": …}`."""
    any_message: str | Mapping[str, str]
    system: str | Mapping[str, str]


class DeliveredTerms(WhereTerms, total=False):
    """How the client's own text is compared with what was sent."""

    exact: bool
    """Whether it must be equal; if not said, where the stream was held."""
    choice: int


class DeliveredText(DeliveredTerms, total=False):
    """The same, with the text, which is said by position."""

    text: str


class OrderTerms(WhereTerms, total=False):
    """In which order requests must have come."""

    scenarios: Sequence[str]
    tags: Sequence[str]


_WHERE = ("scenario", "model", "tag", "endpoint", "nth")
CHECK_TERMS: dict[str, type] = {
    "cancelled": CancelledTerms,
    "completed": WhereTerms,
    "requests": RequestsTerms,
    "open": OpenTerms,
    "billed": BilledTerms,
    "wasted": WastedTerms,
    "sent": SentTerms,
    "delivered": DeliveredText,
    "usage": UsageTerms,
    "order": OrderTerms,
}
_TEXTS = ("last_user", "any_message", "system")


def only(word: str, terms: Mapping[str, Any], allowed: type) -> None:
    """Raise `TypeError` for a word that is not among the allowed."""
    unknown = sorted(terms.keys() - allowed.__annotations__.keys())
    if unknown:
        raise TypeError(
            f"{word}() does not know {', '.join(unknown)}; "
            f"it knows {', '.join(sorted(allowed.__annotations__))}"
        )


def check(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a check in its single-key form. Raises `TypeError` for a word that it lacks."""
    only(f"assert_{kind}", said, CHECK_TERMS[kind])
    asked = given(said)
    for key in _TEXTS if kind == "sent" else ():
        if isinstance(asked.get(key), str):
            asked[key] = {"contains": asked[key]}
    where = {key: asked.pop(key) for key in _WHERE if key in asked}
    return {kind: {"where": where, **asked}}


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said; `None` is nothing."""
    return {key: value for key, value in values.items() if value is not None}
