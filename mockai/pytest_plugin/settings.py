"""The plugin's options: on the command line, in the ini file, and on a test by its marker.

Knows pytest and nothing of mockai: it is read by every run, also by those that do not use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import pytest

Isolation = Literal["url", "reset"]
_ISOLATIONS = ("url", "reset")
MARKER = (
    "mockai(scenario=..., speed=..., seed=..., policy=..., strict_match=..., half_close=...): how "
    "this test's session is made; scenario is a file, a mapping, or a list of them"
)
_SESSION = ("speed", "seed", "policy", "strict_match", "half_close")
_MARKED = ("scenario", *_SESSION)


class Config(TypedDict, total=False):
    """What `mockai_config` says; what is left out is as mockai's default."""

    scenarios: Sequence[str | Path]
    """Files and folders that are loaded at the start, for all tests."""
    journal: Path | None
    process: bool
    """The server runs in a process of its own: for suites that freeze time or patch sockets."""
    speed: float | None
    seed: int | None
    policy: str | Mapping[str, Any] | None
    strict_match: bool | None
    half_close: Literal["cancel", "continue"] | None


_VALUES: dict[str, tuple[type, str]] = {
    "speed": (float, "scales ttft, rate and pauses of scenarios; inf removes all waiting"),
    "seed": (int, "seed of every scenario, in place of its own"),
    "policy": (str, "how a cancel is billed, a preset"),
    "half_close": (str, "what a FIN means while an answer is under way: cancel or continue"),
    "journal": (Path, "file to append a line to at the receipt and at the end of each exchange"),
}
_WORDS = {float: "a number, or inf", int: "a whole number"}
_SWITCHES = {
    "strict": "no default scenario: a miss is 404",
    "process": "run the server in a process of its own: for suites that freeze time or use gevent",
}


def add_options(parser: pytest.Parser) -> None:
    """Add each option twice: `--mockai-speed` is `mockai_speed` in the ini file."""
    group = parser.getgroup("mockai")
    isolation = "url: each test its own session and URL; reset: one stable URL for the whole run"
    group.addoption("--mockai-isolation", choices=_ISOLATIONS, help=isolation)
    parser.addini("mockai_isolation", isolation, default="url")
    scenarios = "scenario files, or folders of them, to load at the start"
    group.addoption("--mockai-scenarios", action="append", metavar="PATH", help=scenarios)
    parser.addini("mockai_scenarios", scenarios, type="paths", default=[])
    for name, (kind, about) in _VALUES.items():
        option = f"--mockai-{name.replace('_', '-')}"
        group.addoption(option, type=kind, metavar=name.upper(), help=about)
        parser.addini(f"mockai_{name}", about, default=None)
    for name, about in _SWITCHES.items():
        group.addoption(f"--mockai-{name}", action="store_true", default=None, help=about)
        parser.addini(f"mockai_{name}", about, type="bool", default=False)


def isolation(config: pytest.Config) -> Isolation:
    """Return how tests are kept apart. Raises `UsageError`."""
    said = _said(config, "isolation")
    if said not in _ISOLATIONS:
        raise pytest.UsageError(f"mockai_isolation: must be url or reset (got {said!r})")
    found: Isolation = said
    return found


def config_of(config: pytest.Config) -> Config:
    """Return what the options say. Raises `UsageError` for what cannot be read."""
    return {
        "scenarios": [Path(path) for path in _said(config, "scenarios")],
        "process": _said(config, "process"),
        "strict_match": _said(config, "strict") or None,
        "speed": _value(config, "speed"),
        "seed": _value(config, "seed"),
        "policy": _value(config, "policy"),
        "half_close": _value(config, "half_close"),
        "journal": _value(config, "journal"),
    }


def session_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a session is made with. Raises `UsageError` for a word that is not known."""
    unknown = sorted(config.keys() - Config.__annotations__.keys())
    if unknown:
        known = ", ".join(Config.__annotations__)
        raise pytest.UsageError(f"mockai_config: unknown {', '.join(unknown)}; there are {known}")
    return {name: config[name] for name in _SESSION if config.get(name) is not None}


def marked(node: pytest.Item) -> dict[str, Any]:
    """Return what the markers of a test say; the nearest wins. Raises `UsageError`."""
    said: dict[str, Any] = {}
    for mark in node.iter_markers("mockai"):
        unknown = sorted(mark.kwargs.keys() - set(_MARKED))
        if unknown or mark.args:
            wrong = ", ".join([*map(repr, mark.args), *unknown])
            raise pytest.UsageError(
                f"{node.nodeid}: the marker mockai does not know {wrong}; "
                f"it takes {', '.join(f'{name}=…' for name in _MARKED)}"
            )
        said = {**mark.kwargs, **said}
    return said


def _said(config: pytest.Config, name: str) -> Any:
    given = config.getoption(f"mockai_{name}")
    if given is not None:
        return given
    try:
        return config.getini(f"mockai_{name}")
    except (ValueError, pytest.UsageError) as error:  # before and since pytest 9
        raise pytest.UsageError(f"mockai_{name}: {error}") from None


def _value(config: pytest.Config, name: str) -> Any:
    said, (kind, _) = _said(config, name), _VALUES[name]
    try:
        return None if said in (None, "") else kind(said)
    except ValueError:
        must = _WORDS[kind]
        raise pytest.UsageError(f"mockai_{name}: must be {must} (got {said!r})") from None
