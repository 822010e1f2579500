"""Options of the commands: each flag is also an environment variable, `--a-b` is `MOCKAI_A_B`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}


class OptionError(Exception):
    """An option that cannot be used as given; the text says what is allowed."""


def add_option(
    parser: argparse.ArgumentParser,
    flag: str,
    *,
    kind: Callable[[str], Any] = str,
    default: Any = None,
    metavar: str | None = None,
    help: str,
) -> None:
    """Add an option with a value; the environment gives its default."""
    variable = variable_of(flag)
    if (text := os.environ.get(variable)) is not None:
        default = _converted(kind, text, variable)
    shown = f" (default: {default})" if default is not None else ""
    parser.add_argument(
        flag, type=kind, default=default, metavar=metavar, help=f"{help}{shown} [{variable}]"
    )


def add_switch(parser: argparse.ArgumentParser, flag: str, *, help: str) -> None:
    """Add an option that is on or off."""
    variable = variable_of(flag)
    text = os.environ.get(variable, "").lower()
    if text not in _TRUE | _FALSE:
        raise OptionError(f"{variable}: must be 1 or 0 (got {text!r})")
    parser.add_argument(
        flag, action="store_true", default=text in _TRUE, help=f"{help} [{variable}]"
    )


def variable_of(flag: str) -> str:
    """Return the environment variable of a flag."""
    return "MOCKAI_" + flag.lstrip("-").replace("-", "_").upper()


def port(text: str) -> int:
    """Return a TCP port; 0 is a free one."""
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65535:  # noqa: PLR2004 - the range of ports
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535 (got {text!r})")
    return number


def speed(text: str) -> float:
    """Return a factor above 0."""
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0 (got {text!r})")
    return factor


def policy(text: str) -> str:
    """Return the name of a preset."""
    from mockai.core.policy import preset

    try:
        return preset(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _converted(kind: Callable[[str], Any], text: str, variable: str) -> Any:
    try:
        return kind(text)
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise OptionError(f"{variable}: {error}") from None
