"""What a server says on stderr: one line for each thing, for people or for machines."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from mockai.cli.logs import JsonFormatter, TextFormatter

FACTS = {"exchange": "ex_1", "scenario": None, "path": "/v1/a\nb", "tokens": 12}


def record(message: str, *args: object, **more: Any) -> logging.LogRecord:
    """Return a record as the server makes them."""
    made = logging.LogRecord("mockai", logging.INFO, "x.py", 1, message, args, None)
    made.__dict__.update(more)
    return made


def test_json_is_one_object_on_one_line() -> None:
    """With the facts as members, so that a collector can select by them."""
    line = JsonFormatter().format(record("exchange %s", "ended", facts=FACTS))
    shown = json.loads(line)
    assert "\n" not in line
    assert shown["at"].endswith("+00:00")
    expected = {"level": "info", "logger": "mockai", "message": "exchange ended"}
    assert shown.items() >= {**expected, **FACTS}.items()


def test_text_is_for_people() -> None:
    """Facts that are not known are left out; a client cannot break a line by what it sends."""
    line = TextFormatter().format(record("exchange ended", facts=FACTS))
    assert line == r"mockai: exchange ended  exchange=ex_1 path=/v1/a\nb tokens=12"


@pytest.mark.parametrize("hostile", ["a\r\nmockai: all is well", "\x1b[2J", "\u202e"])
def test_no_control_character_reaches_a_terminal(hostile: str) -> None:
    """Whatever stands in a path or header."""
    for formatter in (TextFormatter(), JsonFormatter()):
        line = formatter.format(record("%s", hostile, facts={"path": hostile}))
        assert line.isprintable()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_an_exception_brings_its_stack(formatter: logging.Formatter) -> None:
    """A bug of ours must be findable in both forms."""
    try:
        1 / 0  # noqa: B018 - the fault is the point
    except ZeroDivisionError:
        line = formatter.format(record("failed", exc_info=sys.exc_info()))
    assert "ZeroDivisionError: division by zero" in line
    assert "test_logs.py" in line
