"""Which scenario answers: `difference` first; a match is "no difference".

A miss prints the nearest scenarios and, field by field, what was expected and what came. To add
a field, add it to `Match` and its line to `_differences`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from mockai.core import boxed_regex
from mockai.core.match_fields import Match, TextMatch

if TYPE_CHECKING:
    from mockai.core.scenario import Scenario  # which knows the checks, and one of them matches

REGEX_TIMEOUT_S = 0.05
"""A pattern that backtracks for longer does not match, and the miss says so."""
_TOOK = f"no answer within {REGEX_TIMEOUT_S} s: the pattern backtracks"
_SHOWN = 80
_NEAREST = 3


class ParsedRequest(Protocol):
    """What every dialect's request tells."""

    @property
    def model(self) -> str: ...
    @property
    def last_user(self) -> str: ...
    @property
    def stream(self) -> bool: ...
    @property
    def messages(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def tools(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def body(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it is matched: what it asks, and how it came. Header names in lower case."""

    request: ParsedRequest
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which a request is not what a scenario asks for."""

    field: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.actual}"


def difference(match: Match, incoming: Incoming) -> tuple[Difference, ...]:
    """Return every field that differs; empty means that the scenario matches."""
    return tuple(_differences(match, incoming))


ANYTHING = Match()
"""Says nothing, so that every request fits."""


def _differences(match: Match, incoming: Incoming) -> Iterator[Difference]:
    request = incoming.request
    yield from _glob("model", match.model, request.model)
    yield from _glob("path", match.path, incoming.path)
    for name, pattern in match.headers.items():
        yield from _glob(f"headers.{name}", pattern, incoming.headers.get(name.lower(), ""))
    yield from _texts("last_user", match.last_user, [request.last_user])
    if match.any_message is not None or match.system is not None:
        yield from _texts("any_message", match.any_message, _said(request))
        yield from _texts("system", match.system, _said(request, "system", "developer"))
    yield from _same("stream", match.stream, request.stream)
    if match.tools is not None:
        yield from _tools(match.tools, request)
    if match.tool_result is not None:
        answered = any(message.get("role") == "tool" for message in request.messages)
        yield from _same("tool_result", match.tool_result, answered)
    if match.nth is not None:
        wanted = match.nth if isinstance(match.nth, tuple) else (match.nth,)
        if incoming.nth not in wanted:
            yield Difference("nth", " or ".join(map(str, wanted)), str(incoming.nth))
    for path, value in match.json_.items():
        yield from _equal(f"json.{path}", value, at_path(request.body, path))


def _glob(name: str, pattern: str | None, text: str) -> Iterator[Difference]:
    if pattern is not None and not fnmatchcase(text, pattern):
        yield Difference(name, repr(pattern), _short(text))


def _same(name: str, wanted: bool | None, seen: bool) -> Iterator[Difference]:  # noqa: FBT001
    if wanted is not None:
        yield from _equal(name, wanted, seen)


def _equal(name: str, wanted: Any, seen: Any) -> Iterator[Difference]:
    if not same_json(wanted, seen):
        yield Difference(name, show_json(wanted), show_json(seen))


def same_json(wanted: Any, seen: Any) -> bool:
    """Say whether two JSON values are equal: there true is not 1."""
    return bool(wanted == seen) and isinstance(wanted, bool) == isinstance(seen, bool)


def _texts(name: str, wanted: TextMatch | None, texts: Sequence[str]) -> Iterator[Difference]:
    """Compare texts, of which one must fit; a pattern that takes too long is not tried again."""
    if wanted is None:
        return
    differences: list[Difference] = []
    for text in texts or [""]:
        differences = list(_text_differences(name, wanted, text))
        if not differences or differences[-1].actual == _TOOK:
            break
    yield from differences


def _text_differences(name: str, wanted: TextMatch, text: str) -> Iterator[Difference]:
    if wanted.contains is not None and wanted.contains not in text:
        yield Difference(f"{name}.contains", repr(wanted.contains), _short(text))
    if wanted.equals is not None and wanted.equals != text:
        yield Difference(f"{name}.equals", repr(wanted.equals), _short(text))
    if wanted.regex is not None:
        found = boxed_regex.found(wanted.regex, text, REGEX_TIMEOUT_S)
        if not found:
            actual = _TOOK if found is None else _short(text)
            yield Difference(f"{name}.regex", repr(wanted.regex), actual)


def _said(request: ParsedRequest, *roles: str) -> list[str]:
    return [
        text_of(message.get("content"))
        for message in request.messages
        if not roles or message.get("role") in roles
    ]


def text_of(content: Any) -> str:
    """Return the text of a message's content: a string, or its text parts joined."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def _tools(wanted: tuple[str, ...], request: ParsedRequest) -> Iterator[Difference]:
    described = [tool.get("function") or tool.get("custom") or {} for tool in request.tools]
    offered = [str(one.get("name")) for one in described if isinstance(one, dict)]
    if offered if not wanted else set(wanted) - set(offered):
        yield Difference("tools", ", ".join(wanted) or "none", ", ".join(offered) or "none")


def at_path(body: Any, path: str) -> Any:
    """Return the value at a dotted path, such as `messages.-1.role`; `None` where there is none."""
    for key in path.split("."):
        if isinstance(body, list | tuple):
            is_index = re.fullmatch(r"-?[0-9]{1,9}", key) is not None
            body = body[int(key)] if is_index and -len(body) <= int(key) < len(body) else None
        else:
            body = body.get(key) if isinstance(body, Mapping) else None
    return body


def never_asked(scenarios: Sequence[Scenario]) -> str | None:
    """Return which scenarios can never answer, as one before them takes every request for good."""
    for place, scenario in enumerate(scenarios[:-1], 1):
        if scenario.match == ANYTHING and scenario.plays is None:
            hidden = [f"'{later.name}'" for later in scenarios[place : place + _NEAREST]]
            more = len(scenarios) - place - len(hidden)
            named = ", ".join(hidden) + (f" and {more} more" if more else "")
            return f"'{scenario.name}' answers every request, so these never will: {named}"
    return None


def miss(scenarios: Iterable[tuple[Scenario, bool]], incoming: Incoming) -> str:
    """Return the text of a miss: the nearest of (scenario, is spent), those with least to mend."""
    ranked = sorted(_near(scenarios, incoming), key=lambda near: len(near[1]))
    if not ranked:
        return "No scenario answers this request: none is registered and the default is off."
    lines = [f"No scenario matches this request ({len(ranked)} registered). Nearest:"]
    for scenario, reasons in ranked[:_NEAREST]:
        lines.append(f"  '{scenario.name}': " + "; ".join(reasons))
    return "\n".join(lines)


def _near(
    scenarios: Iterable[tuple[Scenario, bool]], incoming: Incoming
) -> Iterator[tuple[Scenario, list[str]]]:
    for scenario, spent in scenarios:
        reasons = [str(item) for item in difference(scenario.match, incoming)]
        if spent:
            reasons.append(f"spent: it has answered as often as it may ({scenario.plays})")
        yield scenario, reasons


def show_json(value: Any) -> str:
    """Return a JSON value for people, cut when it is long."""
    return json.dumps(value, ensure_ascii=False, default=str)[:_SHOWN]


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
