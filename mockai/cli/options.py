"""Options of the commands: each flag is also an environment variable, `--a-b` is `MOCKAI_A_B`."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Read = TypeVar("Read")
_SHIFTS = {"": 0, "K": 10, "M": 20, "G": 30}
_LINK = re.compile("(tcp|udp|sctp)://")
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
    is_secret: bool = False,
    help: str,
) -> None:
    """Add an option with a value; the environment gives its default, which a secret never shows."""
    variable = variable_of(flag)
    if (text := said_by(variable)) is not None:
        default = _converted(kind, text, variable)
    shown = f" (default: {default})" if default is not None and not is_secret else ""
    parser.add_argument(
        flag,
        type=kind,
        default=default,
        metavar=metavar,
        help=f"{help}{shown} [{variable}]".replace("%", "%%"),
    )


def add_list(
    parser: argparse.ArgumentParser, flag: str, *, kind: Callable[[str], Any], help: str
) -> None:
    """Add an option that can be given several times; the environment separates by commas."""
    variable = variable_of(flag)
    texts = os.environ.get(variable, "").split(",")
    default = [_converted(kind, text.strip(), variable) for text in texts if text.strip()]
    parser.add_argument(
        flag, action="append", type=kind, default=default, help=f"{help} [{variable}, commas]"
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


def said_by(variable: str) -> str | None:
    """Return what a variable of ours says, if it is set.

    Kubernetes, and Docker's links, set MOCKAI_PORT=tcp://IP:PORT for whoever has a service of the
    name `mockai` beside it: that is none of ours.
    """
    text = os.environ.get(variable)
    return None if text is not None and _LINK.match(text) else text


def variable_of(flag: str) -> str:
    """Return the environment variable of a flag."""
    return "MOCKAI_" + flag.lstrip("-").replace("-", "_").upper()


def port(text: str) -> int:
    """Return a TCP port; 0 is a free one."""
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65535:  # noqa: PLR2004 - the range of ports
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535 (got {text!r})")
    return number


def number(text: str) -> int:
    """Return a whole number above 0."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"must be a whole number above 0 (got {text!r})")
    return int(text)


def size(text: str) -> int:
    """Return bytes: `32MB`, `512KB`, `1000`; K, M and G are powers of 1,024."""
    found = re.fullmatch(r"(\d{1,9})\s*([KMG]?)i?B?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be a size such as 32MB or 512KB (got {text!r})")
    return int(found[1]) << _SHIFTS[found[2].upper()]


def seconds(text: str) -> float:
    """Return a duration in seconds: `1s`, `500ms`, `2`."""
    from mockai.core.units import parse_duration

    return _checked(parse_duration, text)


def token(text: str) -> str:
    """Return an admin token; what is wrong with one is said without showing it."""
    from mockai.core.door import admin_token

    return _checked(admin_token, text)


def host(text: str) -> str:
    """Return the name of a host."""
    from mockai.core.door import host_name

    return _checked(host_name, text)


def origin(text: str) -> str:
    """Return the origin of a page."""
    from mockai.core.cors import cors_origin

    return _checked(cors_origin, text)


def body_path(text: str) -> tuple[str | int, ...]:
    """Return a path into a JSON body."""
    from mockai.core.keeping import parse_path

    return _checked(parse_path, text)


def choice(allowed: Sequence[str]) -> Callable[[str], str]:
    """Return a kind that takes one of several words."""

    def chosen(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(f"must be {' or '.join(allowed)} (got {text!r})")
        return text

    return chosen


def speed(text: str) -> float:
    """Return a factor above 0, or infinity."""
    from mockai.core.units import parse_speed

    return _checked(parse_speed, text)


def policy(text: str) -> str:
    """Return the name of a preset."""
    from mockai.core.policy import preset

    try:
        return preset(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _checked(read: Callable[[str], Read], text: str) -> Read:
    from mockai.core.errors import MockaiError

    try:
        return read(text)
    except (ValueError, MockaiError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _converted(kind: Callable[[str], Any], text: str, variable: str) -> Any:
    try:
        return kind(text)
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise OptionError(f"{variable}: {error}") from None
