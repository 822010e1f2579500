"""Durations, as people write them and as they read them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mockai.core.errors import MockaiError
from mockai.core.units import (
    Duration,
    Speed,
    parse_duration,
    parse_speed,
    patience_in,
    show_seconds,
)


@pytest.mark.parametrize(
    "written,seconds",
    [
        (0, 0),
        (2, 2),
        (0.25, 0.25),
        ("500ms", 0.5),
        ("1.5ms", 0.0015),
        ("2s", 2),
        ("2", 2),
        ("5m", 300),
        ("1h", 3600),
        (" 1.5 h ", 5400),
    ],
)
def test_a_duration_is_seconds_or_has_a_unit(written: Any, seconds: float) -> None:
    """The same in YAML, JSON, Python and on the command line."""
    assert parse_duration(written) == seconds
    assert TypeAdapter(Duration).validate_python(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        -1,
        "-1s",
        "soon",
        "",
        "1 d",
        "1e3",
        "ms",
        "1.s",
        None,
        True,
        [1],
        float("nan"),
        float("inf"),
        10**400,
        "9" * 400,
        "9" * 307 + "h",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(written: Any) -> None:
    """Also what no float can hold: the answer is an error in words, not a crash."""
    with pytest.raises(
        ValueError, match='allowed are seconds as a number, or text such as "500ms"'
    ):
        parse_duration(written)
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(written)


@pytest.mark.parametrize(
    "seconds,shown",
    [
        (0, "0 ms"),
        (0.0000004, "0 ms"),
        (0.003, "3 ms"),
        (0.0029999999, "3 ms"),
        (0.01234, "12.3 ms"),
        (0.0999999999, "0.1 s"),
        (0.25, "0.25 s"),
        (0.2541, "0.254 s"),
        (1.0, "1 s"),
        (12.34, "12.3 s"),
        (99.96, "100 s"),
        (1234.5, "1234 s"),
        (-0.003, "-3 ms"),
        (-2.5, "-2.5 s"),
    ],
)
def test_people_are_shown_three_digits(seconds: float, shown: str) -> None:
    """Enough to see by how much a limit was missed, and no more."""
    assert show_seconds(seconds) == shown


@pytest.mark.parametrize(
    "written,factor",
    [(10, 10), (0.5, 0.5), ("10", 10), (" .5 ", 0.5), ("inf", math.inf), (math.inf, math.inf)],
)
def test_a_speed_is_a_factor_or_infinite(written: Any, factor: float) -> None:
    """On the command line and in JSON, which has no infinity of its own."""
    assert parse_speed(written) == factor
    assert TypeAdapter(Speed).validate_python(written) == factor


@pytest.mark.parametrize(
    "written", [0, -1, "0", "-1", "fast", "", "1e3", "nan", float("nan"), -math.inf, True, None, []]
)
def test_any_other_speed_is_refused(written: Any) -> None:
    """With what is allowed."""
    with pytest.raises(ValueError, match="must be a number above 0, or inf"):
        parse_speed(written)


def test_patience_is_a_factor() -> None:
    """A slow machine says 3; what is no factor is told before anything waits for it."""
    assert patience_in({}) == 1
    assert patience_in({"MOCKAI_PATIENCE": "2.5"}) == 2.5
    for wrong in ("", "0", "-1", "slow", "nan", "inf"):
        with pytest.raises(MockaiError, match="MOCKAI_PATIENCE: must be a number above 0"):
            patience_in({"MOCKAI_PATIENCE": wrong})
