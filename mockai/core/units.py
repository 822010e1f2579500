"""Durations and speeds as people write them: seconds as a number, or `"500ms"`, `"2s"`, `"5m"`."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from mockai.core.errors import MockaiError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h)?\s*")
_IN_MILLISECONDS_S, _WHOLE_S = 0.1, 100
_ALLOWED = 'seconds as a number, or text such as "500ms", "2s", "5m", "1h"'


def parse_duration(value: Any) -> float:
    """Return seconds. Raises `ValueError` that names what is allowed."""
    seconds = value
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        seconds = float(found[1]) * _UNITS[found[2] or "s"]
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and _usable(seconds):
        return float(seconds)
    raise ValueError(f"not a duration: {value!r}; allowed are {_ALLOWED}, not negative")


def _usable(value: float) -> bool:
    return 0 <= value <= sys.float_info.max  # an int may be larger than any float


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|m|h)?\s*$"},
            ],
            "description": f"A duration: {_ALLOWED}.",
        }
    ),
]
"""A pydantic type: seconds, written as a number or with a unit."""


def parse_speed(value: Any) -> float:
    """Return a factor above 0; `inf` removes all waiting. Raises `ValueError`."""
    factor = value
    if isinstance(value, str):
        factor = math.inf if value.strip() == "inf" else _number(value)
    is_number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if is_number and (factor == math.inf or 0 < factor <= sys.float_info.max):
        return float(factor)
    raise ValueError(f"must be a number above 0, or inf (got {value!r})")


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\s*\d*\.?\d+\s*", text) else None


Speed = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(parse_speed),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"const": "inf"}]}),
]
"""A pydantic type: how many times as fast as written; in JSON, which has no infinity, `"inf"`."""


def patience_in(environment: Mapping[str, str]) -> float:
    """Return the factor for every time limit that MOCKAI_PATIENCE sets; 1 if it does not.

    Raises `MockaiError` unless it is a finite number above 0.
    """
    said = environment.get("MOCKAI_PATIENCE", "1")
    factor = _number(said)
    if not factor:
        raise MockaiError(f"MOCKAI_PATIENCE: must be a number above 0, such as 3 (got {said!r})")
    return factor


def counted(number: int, noun: str) -> str:
    """Return a number of things: `1 token`, `4,000 tokens`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def show_seconds(seconds: float) -> str:
    """Return a short text for people, three digits of it: `3 ms`, `0.25 s`, `12 s`."""
    seconds = round(seconds, 6)
    if abs(seconds) < _IN_MILLISECONDS_S:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if abs(seconds) < _WHOLE_S else f"{seconds:.0f} s"
