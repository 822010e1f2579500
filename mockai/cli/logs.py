"""Logs on stderr, as lines of text for people or of JSON for machines. Standard library only."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from mockai.cli.options import add_option, choice

_FORMATS = ("text", "json")
_LEVELS = ("debug", "info", "warning", "error")


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add how much is said, and in which form."""
    add_option(
        parser, "--log-format", kind=choice(_FORMATS), default="text", help="of stderr: text, json"
    )
    add_option(
        parser,
        "--log-level",
        kind=choice(_LEVELS),
        default="warning",
        help="info says a line for each exchange that ended; debug, info, warning, error",
    )


def configure(asked: argparse.Namespace) -> None:
    """Set the process up as the options say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if asked.log_format == "json" else TextFormatter())
    logging.basicConfig(level=asked.log_level.upper(), handlers=[handler], force=True)


class JsonFormatter(logging.Formatter):
    """One object on one line: `at` (UTC), `level`, `logger`, `message`, and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; it is ASCII, so nothing in it can end it early."""
        shown: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        return json.dumps(shown, default=str)


class TextFormatter(logging.Formatter):
    """`mockai: what happened  key=value …`; control characters of clients are shown escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the stack of an exception below it."""
        facts = " ".join(
            f"{key}={_plain(value)}" for key, value in _facts(record).items() if value is not None
        )
        line = f"{record.name}: {_plain(record.getMessage())}" + (f"  {facts}" if facts else "")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    found: dict[str, Any] = getattr(record, "facts", {})
    return found


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else ascii(text)[1:-1]
