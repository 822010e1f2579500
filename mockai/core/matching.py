"""Which scenario answers: `difference` first; a match is "no difference".

A miss prints the nearest scenarios and, field by field, what was expected and what came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from mockai.core.scenario import Match, Scenario, TextMatch

_SHOWN = 80
_NEAREST = 3


class Matchable(Protocol):
    """What a request must tell to be matched."""

    @property
    def model(self) -> str: ...
    @property
    def last_user(self) -> str: ...
    @property
    def stream(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which a request is not what a scenario asks for."""

    field: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.actual}"


def difference(match: Match, request: Matchable) -> tuple[Difference, ...]:
    """Return every field that differs; empty means that the scenario matches."""
    return tuple(_differences(match, request))


def _differences(match: Match, request: Matchable) -> Iterator[Difference]:
    if match.model is not None and not fnmatchcase(request.model, match.model):
        yield Difference("model", repr(match.model), repr(request.model))
    if match.last_user is not None:
        yield from _text_differences("last_user", match.last_user, request.last_user)
    if match.stream is not None and match.stream != request.stream:
        yield Difference("stream", _truth(match.stream), _truth(request.stream))


def _text_differences(field: str, wanted: TextMatch, text: str) -> Iterator[Difference]:
    if wanted.contains is not None and wanted.contains not in text:
        yield Difference(f"{field}.contains", repr(wanted.contains), _short(text))
    if wanted.equals is not None and wanted.equals != text:
        yield Difference(f"{field}.equals", repr(wanted.equals), _short(text))


def miss(scenarios: Iterable[tuple[Scenario, bool]], request: Matchable) -> str:
    """Return the text of a miss: the nearest of (scenario, is spent), those with least to mend."""
    ranked = sorted(_near(scenarios, request), key=lambda near: len(near[1]))
    if not ranked:
        return "No scenario answers this request: none is registered and the default is off."
    lines = [f"No scenario matches this request ({len(ranked)} registered). Nearest:"]
    for scenario, reasons in ranked[:_NEAREST]:
        lines.append(f"  '{scenario.name}': " + "; ".join(reasons))
    return "\n".join(lines)


def _near(
    scenarios: Iterable[tuple[Scenario, bool]], request: Matchable
) -> Iterator[tuple[Scenario, list[str]]]:
    for scenario, spent in scenarios:
        reasons = [str(item) for item in difference(scenario.match, request)]
        if spent:
            reasons.append(f"times: spent after {scenario.times}")
        yield scenario, reasons


def _truth(value: bool) -> str:  # noqa: FBT001 - a value, not a flag
    return "true" if value else "false"


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
