"""A long reply is much to compile, a long request much to read, and many exchanges much to show.

Other streams must not feel it.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mockai.core.dialects.logprobs import Logprobs
from mockai.core.exchange import Exchange
from mockai.engine.scripts import Entry
from mockai.http import reporting, served_request
from mockai.http.server import ServerThread
from tests.support.control import Control
from tests.support.raw import Connect

PATIENCE_S = 20


@pytest.fixture
def staged_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the threads on which replies are staged, filled as it happens."""
    staged, threads = Entry.staged, list[str]()

    def noted(self: Entry, *args: Any, **named: Any) -> Any:
        threads.append(threading.current_thread().name)
        return staged(self, *args, **named)

    monkeypatch.setattr(Entry, "staged", noted)
    return threads


@pytest.mark.parametrize(
    "tokens, choices, is_on_the_loop",
    [(20, 1, True), (20, 128, True), (400, 64, False), (20_000, 1, False)],
)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_what_is_much_is_compiled_off_the_loop_the_first_time(
    control: Control,
    connect: Connect,
    staged_on: list[str],
    tokens: int,
    choices: int,
    *,
    is_on_the_loop: bool,
    stream: bool,
) -> None:
    """What is little, or known, is not worth a hop to another thread."""
    control.script(tokens=tokens)
    client = connect()
    for _ in range(2):
        client.chat(control.path, stream=stream, n=choices)
        assert client.response().status == 200
    assert [name == "mockai" for name in staged_on] == [is_on_the_loop, True]
    last = control.wait_for(2, outcome="completed")[-1]
    assert last["tokens"]["written"] == tokens * choices


@pytest.mark.parametrize("size, is_on_the_loop", [(1_000, True), (100_000, False)])
def test_a_large_body_is_read_off_the_loop(
    control: Control,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    *,
    is_on_the_loop: bool,
) -> None:
    """And what was asked is in the record all the same."""
    parse, threads = served_request.parse_chat_request, list[str]()

    def noted(raw: bytes) -> Any:
        threads.append(threading.current_thread().name)
        return parse(raw)

    monkeypatch.setattr(served_request, "parse_chat_request", noted)
    control.script()
    client = connect()
    client.chat(control.path, messages=[{"role": "user", "content": "x " * (size // 2)}])
    assert client.response().status == 200
    assert [name == "mockai" for name in threads] == [is_on_the_loop]
    asked = control.ended("completed")["request"]
    assert (asked["model"], asked["body_truncated"]) == ("gpt-4o-mini", size > 65_536)


@pytest.mark.parametrize("path", ["exchanges", "report"])
@pytest.mark.parametrize(
    "many, much, is_on_the_loop", [(3, 10_000, True), (2, 10_000, False), (3, 100, False)]
)
def test_many_exchanges_are_written_down_off_the_loop(
    control: Control,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    *,
    path: str,
    many: int,
    much: int,
    is_on_the_loop: bool,
) -> None:
    """All of them, and the same either way; few with long bodies are many too."""
    show, threads = reporting.exchange_json, list[str]()

    def noted(exchange: Exchange) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return show(exchange)

    control.script()
    client = connect()
    for _ in range(3):
        client.chat(control.path)
        assert client.response().status == 200
    control.wait_for(3, outcome="completed")
    before = control.call("GET", path)
    monkeypatch.setattr(reporting, "MANY", many)
    monkeypatch.setattr(reporting, "MUCH", much)
    monkeypatch.setattr(reporting, "exchange_json", noted)
    assert control.call("GET", path) == before
    assert [name == "mockai" for name in threads] == [is_on_the_loop] * 3


def test_a_long_reply_with_jitter_is_staged_off_the_loop_each_time(
    control: Control, connect: Connect, staged_on: list[str]
) -> None:
    """What was compiled is known, but all its gaps are drawn anew."""
    control.script(tokens=20_000, pace={"tokens_per_second": 10_000_000, "jitter": 0.1})
    client = connect()
    for _ in range(2):
        client.chat(control.path)
        assert client.response().status == 200
    assert "mockai" not in staged_on


@pytest.mark.parametrize(
    "stream, top, is_on_the_loop", [(False, 20, False), (False, 0, True), (True, 20, True)]
)
def test_many_log_probabilities_in_one_body_are_written_down_off_the_loop(
    control: Control,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    top: int,
    *,
    stream: bool,
    is_on_the_loop: bool,
) -> None:
    """Each time, for they are drawn anew; and once only, not again when the body is due."""
    of, drawn = Logprobs.of, list[tuple[str, int]]()

    def noted(self: Logprobs, text: str, index: int, told: Any = ()) -> Any:
        drawn.append((threading.current_thread().name, index))
        return of(self, text, index, told)

    monkeypatch.setattr(Logprobs, "of", noted)
    control.script(tokens=300)
    client = connect()
    for _ in range(2):
        client.chat(control.path, stream=stream, logprobs=True, top_logprobs=top)
        assert client.response().status == 200
    assert {name == "mockai" for name, _ in drawn} == {is_on_the_loop}
    assert [index for _, index in drawn] == [*range(1, 301)] * 2


@pytest.mark.parametrize("choices", [1, 128], ids=["one", "more than anybody can mean"])
@pytest.mark.parametrize("how", ["client", "reset", "session"])
def test_who_is_over_while_the_reply_is_compiled_stays_over(
    server: ServerThread,
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    choices: int,
) -> None:
    """Neither what was compiled nor a refusal changes the record of who has left or was cut."""
    staged, begun, go_on = Entry.staged, threading.Event(), threading.Event()

    def in_time(self: Entry, *args: Any, **named: Any) -> Any:
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return staged(self, *args, **named)

    monkeypatch.setattr(Entry, "staged", in_time)
    control, client = Control(server.url), connect()
    control.script(tokens=20_000)
    client.chat(control.path, n=choices)
    assert begun.wait(PATIENCE_S)
    match how:
        case "client":
            client.close()
            control.ended("cancelled")
        case "reset":
            control.call("POST", "reset")
        case "session":
            control.call("DELETE", "")
    before = control.exchanges() if how != "session" else []
    go_on.set()
    another = Control(server.url)
    another.script(tokens=20_000)
    connect().chat(another.path, stream=False)  # is compiled after it
    another.ended("completed")
    assert how == "session" or control.exchanges() == before
    assert how == "client" or client.read_to_end() == b""
