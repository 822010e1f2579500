"""The facts of one request, from receipt to end, as immutable nouns.

An `Exchange` is what every check, bill, timeline and report is computed from. It knows no
socket and no clock: stamps are nanoseconds of a monotonic clock, and what people read are
seconds since the request was received.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from math import floor
from typing import Any, Literal

from mockai.core.making import maker_from, maker_of
from mockai.core.policy import STOP_NOW, Policy
from mockai.core.reply import Reply

NS = 1_000_000_000
Outcome = Literal["open", "completed", "cancelled", "failed"]
Cause = Literal["refused", "scripted", "shutdown", "internal"]
How = Literal["fin", "reset", "timeout", "lost", "h2_rst_stream", "h2_goaway", "api_cancel"]
Phase = Literal[
    "receiving", "before_headers", "before_first_token", "streaming", "after_last_token", "done"
]


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the client asked. Header values are kept by allowlist, others are `None`."""

    method: str = "POST"
    path: str = ""
    endpoint: str | None = None
    model: str | None = None
    stream: bool = False
    headers: Mapping[str, str | None] = field(default_factory=dict)
    key_id: str | None = None
    tag: str | None = None
    traceparent: str | None = None
    body: bytes = b""
    body_truncated: bool = False
    peer: str | None = None
    http_version: str = "1.1"
    sdk_retry_count: int | None = None
    session_via: str | None = None

    @property
    def trace_id(self) -> str | None:
        """What all requests of one trace have in common: the second part of `traceparent`."""
        parts = (self.traceparent or "").split("-")
        return parts[1] if len(parts) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; a body that is not JSON is shown as text."""
        shown = {name: getattr(self, name) for name in _names(RequestFacts)}
        shown["headers"] = dict(self.headers)
        shown["body"] = _shown_body(self.body)
        return shown


_OF_BODY = {"endpoint", "model", "stream", "body", "body_truncated"}
make_request_facts = maker_of(RequestFacts)
facts_asking = maker_from(RequestFacts, {f.name for f in fields(RequestFacts)} - _OF_BODY)
"""Takes facts, and `_OF_BODY` by name; returns the facts with what the body said."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """How and when the client left: `at_s` since receipt, `token` written by then."""

    how: How
    errno: int | None
    at_s: float
    token: int
    while_held: str | None = None
    since_mark_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MarkSeen:
    """A mark that was set while the exchange was open, and how far the exchange was."""

    name: str
    seq: int
    at_s: float
    token: int
    generated: int


@dataclass(frozen=True, slots=True)
class Hold:
    """One stay at a gate. `for_s` is `None` while it lasts."""

    name: str
    token: int
    at_s: float
    for_s: float | None = None
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens: `written` were taken by the kernel; `exact` says that the peer's has them too."""

    prompt: int = 0
    planned: int = 0
    generated: int = 0
    written: int = 0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """Bytes on the way to the client: evidence, on which no verdict and no bill rests.

    This system's kernel took `written_bytes`; the peer's had confirmed `acked_bytes` when the
    client left or the answer ended, and `unsent_bytes` were on the way. `None` says in `note` why.
    `stalled_s` is how long written bytes were refused because the client did not read.
    """

    written_bytes: int = 0
    acked_bytes: int | None = None
    unsent_bytes: int | None = None
    stalled_s: float = 0.0
    note: str | None = None


@dataclass(frozen=True, slots=True)
class PaceError:
    """Lateness of writes against the shifted timeline, in milliseconds."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Timing:
    """Instants in seconds since receipt; `received_at` is UTC wall time."""

    received_at: str = ""
    headers_s: float | None = None
    first_token_s: float | None = None
    last_write_s: float | None = None
    ended_s: float | None = None
    pace_error_ms: PaceError | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """When tokens were due: the reply's columns (shared, not copied) and how they shifted.

    `shifts` are (frame, ns) pairs: from that frame on, the timeline is this much later in all.
    """

    reply: Reply
    start_s: float
    shifts: tuple[tuple[int, int], ...] = ()

    def token_at_s(self, token: int) -> float:
        """Return when the frame that completes `token` was due, in seconds since receipt.

        Of the tokens on the wire: hidden reasoning is not among them.
        """
        frame = min(bisect_left(self.reply.sent, token), len(self.reply) - 1)
        moved = [by_ns for start, by_ns in self.shifts if start <= frame]
        return self.start_s + (self.reply.due_ns[frame] + (moved[-1] if moved else 0)) / 1e9

    def tokens_after(self, tokens: int, at_s: float, span_s: float) -> int:
        """Return the tokens that the plan reaches `span_s` of its own time after `at_s`.

        `tokens` are out at `at_s`. Holds that were still to come do not count. What is overdue
        then (the reader stalled) counts as due at once: a stall shifts the timeline.
        """
        upcoming = bisect_right(self.reply.tokens, tokens)
        if upcoming == len(self.reply):
            return tokens
        shift_ns = self.shifts[-1][1] if self.shifts else 0
        elapsed_ns = round((at_s - self.start_s) * NS) - shift_ns
        begun_ns = min(elapsed_ns, self.reply.due_ns[upcoming])
        return max(tokens, self.reply.tokens_by(begun_ns + round(span_s / self.reply.speed * NS)))


@dataclass(frozen=True, slots=True)
class Connection:
    """Which connection carried the request, and the how-manieth request on it this was."""

    id: str = ""
    nth_request: int = 1


@dataclass(frozen=True, slots=True)
class Bill:
    """What an exchange costs under a policy, in tokens and in exact US dollars.

    `wasted` is the part of the completion that came after the stop, `cached` the discounted part
    of the prompt. Money is `None` without a known price, and `note` says so.
    """

    policy: str
    prompt_tokens: int
    completion_tokens: int
    wasted_tokens: int
    cost_usd: str | None = None
    wasted_usd: str | None = None
    cached_tokens: int = 0
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """An immutable snapshot of one request and its fate."""

    id: str
    seq: int
    session: str
    generation: int
    received_ns: int
    request: RequestFacts
    scenario: str | None = None
    seed: int | None = None
    ordinal: int | None = None
    request_id: str = ""
    completion_id: str | None = None
    status: int | None = None
    outcome: Outcome = "open"
    cause: Cause | None = None
    error: str | None = None
    phase: Phase = "receiving"
    disconnect: Disconnect | None = None
    marks: tuple[MarkSeen, ...] = ()
    holds: tuple[Hold, ...] = ()
    tokens: Tokens = Tokens()
    paced: bool = False
    delivery: Delivery = Delivery()
    timing: Timing = Timing()
    connection: Connection = Connection()
    half_closed_s: float | None = None
    """When the client sent a FIN and was served on (`half_close: continue`)."""
    retry_of: str | None = None
    bill: Bill | None = None
    schedule: Schedule | None = None
    policy: Policy = STOP_NOW
    cached_tokens: int = 0
    """Prompt tokens that the provider had in its cache; the bill shows them."""
    process: int | None = None
    """The process that asked, as `mockai run` knows it."""

    @property
    def ended(self) -> bool:
        """True once the outcome is final."""
        return self.outcome != "open"

    def billed(self, bill: Bill) -> Exchange:
        """Complete a record that nobody has seen yet: a copy would cost as much as the record."""
        object.__setattr__(self, "bill", bill)
        return self

    def token_at_s(self, token: int) -> float | None:
        """Return when `token` tokens had been written, in seconds; `None` if they were not."""
        if self.schedule is None or self.tokens.written < token:
            return None
        return self.schedule.token_at_s(token)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of the control API (times rounded to microseconds)."""
        return {
            name: _shown(getattr(self, name)) for name in _names(Exchange) if name not in INTERNAL
        }


INTERNAL = {"received_ns", "schedule", "policy", "cached_tokens", "process"}


def utc_text(seconds: float) -> str:
    """Return ISO 8601 UTC with milliseconds for a Unix time in seconds."""
    whole, thousandths = divmod(floor(seconds * 1e3), 1000)
    return f"{_second_text(whole)}.{thousandths:03d}Z"


@lru_cache(64)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19]


def _shown(value: Any) -> Any:
    kind: type = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is float:
        return round(value, 6)
    if kind is RequestFacts:
        return value.to_json()
    if kind is tuple:
        return [_shown(item) for item in value]
    names = _names(kind)
    if names:
        return {name: _shown(getattr(value, name)) for name in names}
    return {key: _shown(item) for key, item in value.items()}


_AS_THEY_ARE = {str, int, bool, type(None)}


@cache
def _names(noun: type) -> tuple[str, ...]:
    """Return the names of the fields of a noun; of a mapping, none."""
    return tuple(each.name for each in fields(noun)) if is_dataclass(noun) else ()


def _shown_body(body: bytes) -> Any:
    if not body:
        return None
    try:
        shown = json.loads(body)
        json.dumps(shown, allow_nan=False)  # what Python reads as NaN is no JSON to anybody else
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
    return shown
