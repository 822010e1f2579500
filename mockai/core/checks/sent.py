"""The check `sent`: what the client asked: fields of the body, headers, tools, messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from mockai.core.checks.base import Check, Evidence, Judgement, Row
from mockai.core.exchange import Exchange, RequestFacts
from mockai.core.match_fields import Match, TextMatch
from mockai.core.matching import Incoming, at_path, difference, same_json, show_json, text_of

_WORDS = ("tools", "last_user", "any_message", "system")


class Sent(Check):
    """Each request said this. Paths are dotted, and count from the end too: `messages.-1.role`."""

    name: ClassVar[str] = "sent"

    body: dict[str, Any] = Field(
        default_factory=dict,
        description="path in the body to the value there; null: it was not sent, or null",
    )
    headers: dict[str, str | None] = Field(
        default_factory=dict,
        description="header name to a glob over its value; null: it was not sent",
    )
    tools: tuple[str, ...] | None = Field(
        default=None, description="names of tools that were offered; [] for none at all"
    )
    last_user: TextMatch | None = Field(default=None, description="the last user message")
    any_message: TextMatch | None = Field(default=None, description="any message's text")
    system: TextMatch | None = Field(default=None, description="the system (developer) prompt")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.body or self.headers) and all(getattr(self, word) is None for word in _WORDS):
            raise ValueError(f"say what was sent: body, headers, {', '.join(_WORDS)}")
        empty = [word for word in _WORDS[1:] if getattr(self, word) == TextMatch()]
        if empty:
            raise ValueError(f"{empty[0]} says nothing: contains, equals or regex")
        return self

    def sentence(self) -> str:
        """Return what is expected of the client."""
        said = [f"body.{path}" for path in self.body]
        said += [f"header {name}" for name in self.headers]
        said += [word for word in _WORDS if getattr(self, word) is not None]
        return f"send the expected {', '.join(said)} with {self.subject('each request')}"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; a body that is still on its way may say it yet."""
        arriving = exchange.phase == "receiving" and not exchange.ended
        return Judgement(tuple(self._rows(exchange.request)), settled=not arriving)

    def _rows(self, request: RequestFacts) -> Iterator[Row]:
        for name, pattern in self.headers.items():
            yield _header_row(name.lower(), pattern, request.headers)
        wanted = Match(**{word: getattr(self, word) for word in _WORDS})
        if not self.body and wanted == Match():
            return
        body = _body_of(request)
        if body is None:
            yield Row("body", "JSON, recorded whole", _why_unknown(request), ok=False)
            return
        for path, value in self.body.items():
            seen = at_path(body, path)
            ok = same_json(value, seen)
            yield Row(f"body.{path}", show_json(value), show_json(seen), ok)
        incoming = Incoming(_Asked(body))
        differing = {item.field: item for item in difference(wanted, incoming)}
        for item in differing.values():
            yield Row(item.field, item.expected, item.actual, ok=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A recorded body as the matching sees a request."""

    body: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model"))

    @property
    def stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        return _objects(self.body.get("messages"))

    @property
    def tools(self) -> Sequence[Mapping[str, Any]]:
        return _objects(self.body.get("tools"))

    @property
    def last_user(self) -> str:
        users = [item for item in self.messages if item.get("role") == "user"]
        return text_of(users[-1].get("content")) if users else ""


def _objects(value: Any) -> list[Mapping[str, Any]]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, Mapping)]


def _body_of(request: RequestFacts) -> Mapping[str, Any] | None:
    """Return the body; `None` when it is not known in whole, or no object."""
    if request.body_truncated:
        return None
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _why_unknown(request: RequestFacts) -> str:
    if request.body_truncated:
        kept = len(request.body)
        return f"only its first {kept} bytes are recorded" if kept else "it is not recorded"
    return "no JSON object" if request.body else "no body"


def _header_row(name: str, pattern: str | None, headers: Mapping[str, str | None]) -> Row:
    field, expected = f"header {name}", "not sent" if pattern is None else repr(pattern)
    if name not in headers:
        return Row(field, expected, "not sent", pattern is None)
    value = headers[name]
    if value is None:
        return Row(field, expected, "sent; its value is not recorded", pattern == "*")
    return Row(field, expected, repr(value), pattern is not None and fnmatchcase(value, pattern))
