"""Each option of a server is a flag and a variable, and says what is allowed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from mockai.cli import health, serve
from mockai.cli.logs import add_log_options
from mockai.cli.options import OptionError
from mockai.cli.serving import (
    add_door_options,
    add_limit_options,
    add_record_options,
    server_options,
)
from mockai.http.state import ServerOptions

NAMES = [
    "ADMIN_TOKEN", "OPEN", "ALLOW_HOST", "CORS_ORIGIN", "JOURNAL", "REDACT", "NO_BODIES",
    "MAX_BODY", "MAX_CONNECTIONS", "MAX_SESSIONS", "IDLE_TIMEOUT", "GRACE",
    "LOG_FORMAT", "LOG_LEVEL",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(f"MOCKAI_{name}", raising=False)


def parser() -> argparse.ArgumentParser:
    """Return a parser of these options only."""
    made = argparse.ArgumentParser()
    for add in (add_door_options, add_record_options, add_limit_options, add_log_options):
        add(made)
    return made


def options(*arguments: str) -> ServerOptions:
    """Return what a server is started with."""
    return ServerOptions(**server_options(parser().parse_args(arguments)))


def test_left_out_they_are_what_a_server_has_anyway() -> None:
    """But for the time of grace: a process is stopped by people, a thread by its owner."""
    plain = ServerOptions()
    assert options("--grace", "0").limits == plain.limits
    assert options("--grace", "0").keeping == plain.keeping
    assert (options().grace_s, plain.grace_s) == (1.0, 0.0)
    assert (options().admin_token, options().is_open, options().journal) == (None, False, None)


@pytest.mark.parametrize(
    "flag, text, read, expected",
    [
        ("--admin-token", "s3cret", lambda o: o.admin_token, "s3cret"),
        ("--allow-host", "Mock.Test:80", lambda o: o.allow_hosts, ("mock.test",)),
        ("--cors-origin", "http://a.test/", lambda o: o.cors_origins, ("http://a.test",)),
        ("--journal", "j.jsonl", lambda o: o.journal, Path("j.jsonl")),
        ("--redact", "a[*].b", lambda o: o.keeping.redact, (("a", "*", "b"),)),
        ("--max-body", "512KB", lambda o: o.limits.body, 512 << 10),
        ("--max-body", "1 GiB", lambda o: o.limits.body, 1 << 30),
        ("--max-connections", "7", lambda o: o.limits.connections, 7),
        ("--max-sessions", "7", lambda o: o.limits.sessions, 7),
        ("--idle-timeout", "2m", lambda o: o.limits.idle_s, 120.0),
        ("--grace", "500ms", lambda o: o.grace_s, 0.5),
    ],
)
def test_a_flag_and_its_variable_say_the_same(
    monkeypatch: pytest.MonkeyPatch, flag: str, text: str, read: Any, expected: object
) -> None:
    """A container is told everything from outside."""
    assert read(options(flag, text)) == expected
    monkeypatch.setenv("MOCKAI_" + flag[2:].upper().replace("-", "_"), text)
    assert read(options()) == expected


def test_lists_are_separated_by_commas_and_flags_add_to_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the image was made with stays when a command adds to it."""
    monkeypatch.setenv("MOCKAI_ALLOW_HOST", "a.test, b.test,")
    assert options("--allow-host", "c.test").allow_hosts == ("a.test", "b.test", "c.test")


def test_switches_are_1_or_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that is neither is refused instead of being taken for one of them."""
    monkeypatch.setenv("MOCKAI_OPEN", "1")
    monkeypatch.setenv("MOCKAI_NO_BODIES", "true")
    assert (options().is_open, options().keeping.bodies) == (True, False)
    monkeypatch.setenv("MOCKAI_OPEN", "maybe")
    with pytest.raises(OptionError, match="MOCKAI_OPEN: must be 1 or 0"):
        options()


@pytest.mark.parametrize(
    "flag, text, why",
    [
        ("--admin-token", "", "is empty"),
        ("--admin-token", "sk-mockai-x", "leads to a session"),
        ("--cors-origin", "localhost", "http://HOST:PORT"),
        ("--redact", "a..b", "messages"),
        ("--max-body", "3X", "32MB"),
        ("--max-body", "-1", "32MB"),
        ("--max-connections", "0", "above 0"),
        ("--idle-timeout", "soon", "not a duration"),
        ("--log-format", "xml", "text or json"),
        ("--log-level", "loud", "debug or info or warning or error"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flag: str,
    text: str,
    why: str,
) -> None:
    """As a flag and as a variable."""
    with pytest.raises(SystemExit):
        options(f"{flag}={text}")
    assert why in capsys.readouterr().err
    monkeypatch.setenv("MOCKAI_" + flag[2:].upper().replace("-", "_"), text)
    with pytest.raises(OptionError, match=why):
        parser()


def test_a_secret_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither as a default in the help nor in a refusal; a percent sign does not break the help."""
    monkeypatch.setenv("MOCKAI_ADMIN_TOKEN", "hunter2%s")
    assert "hunter2" not in parser().format_help()
    with pytest.raises(SystemExit):
        options("--admin-token", "hunter2 hunter2")
    assert "hunter2" not in capsys.readouterr().err


def test_a_variable_that_a_platform_sets_for_a_service_named_mockai_is_none_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kubernetes and GitLab's links say MOCKAI_PORT=tcp://…: every command would end with 2."""
    monkeypatch.setenv("MOCKAI_PORT", "tcp://10.0.0.1:8080")
    monkeypatch.delenv("MOCKAI_URL", raising=False)
    made = argparse.ArgumentParser()
    serve.add_options(made)
    assert made.parse_args([]).port == 8080
    made = argparse.ArgumentParser()
    health.add_options(made)
    assert made.parse_args([]).url == "http://127.0.0.1:8080"
