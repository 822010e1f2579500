"""What the server hears of a command, over real sockets; no second is waited for."""

from __future__ import annotations

import socket

from mockai.http.tcp import has_left
from tests.support.control import Control, send
from tests.support.raw import Connect, RawClient


def stream(control: Control, connect: Connect) -> RawClient:
    """Return a client whose stream stands at a gate."""
    control.script(hold={"at_token": 3}, tokens=20)
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    return client


def waiting_call(control: Control) -> bytes:
    """Return the bytes of a call that is answered once the stream has been cancelled."""
    path = f"{control.root}/exchanges?outcome=cancelled&wait=20"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def verdict_after_exit(control: Control) -> str:
    """Say that the command has ended, as `mockai run` does; return the verdict on its cancel."""
    assert control.call("POST", "exit") == {"session": control.session, "ended": True}
    result = control.check("cancelled")
    return "inconclusive" if result["inconclusive"] else "passed" if result["passed"] else "failed"


def test_a_stream_that_closes_with_the_command_is_inconclusive(
    control: Control, connect: Connect
) -> None:
    """Nothing was heard after the close; what is asked after the end is not the command's."""
    stream(control, connect).close()
    assert verdict_after_exit(control) == "inconclusive"
    result = control.check("cancelled")
    assert not result["passed"]
    assert "exchanges?outcome=cancelled&wait=2" in result["report"]


def test_whoever_was_answered_afterwards_was_alive(control: Control, connect: Connect) -> None:
    """The cure: the command waits for its cancel, and takes the answer."""
    client, waiting = stream(control, connect), connect()
    waiting.send(waiting_call(control))
    send(control.url, "GET", "/_mockai/health")  # by now that call has been read too
    client.close()
    assert b'"cancelled"' in waiting.response().raw
    assert verdict_after_exit(control) == "passed"


def test_whoever_asks_afterwards_is_alive(control: Control, connect: Connect) -> None:
    """Any later call of the session counts, whatever it asks."""
    stream(control, connect).close()
    control.wait_for(outcome="cancelled")
    assert verdict_after_exit(control) == "passed"


def test_an_answer_that_nobody_is_there_to_take_is_no_sign(
    control: Control, connect: Connect
) -> None:
    """A process that exits closes its waiting call together with its stream."""
    client, waiting = stream(control, connect), connect()
    waiting.send(waiting_call(control))
    send(control.url, "GET", "/_mockai/health")
    waiting.close()
    client.close()
    assert verdict_after_exit(control) == "inconclusive"


def test_without_an_end_there_is_no_doubt(control: Control, connect: Connect) -> None:
    """A server that nobody told of an end judges by what it saw."""
    stream(control, connect).close()
    assert control.check("cancelled")["passed"]


def test_an_unknown_session_has_no_command(control: Control) -> None:
    """404, as everywhere."""
    assert send(control.url, "POST", "/_mockai/sessions/nobody/exit").status == 404


def test_a_fin_that_nobody_has_read_yet_counts() -> None:
    """The kernel knows of it before the loop does; bytes that wait are a sign of life."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        assert not has_left(ours)
        theirs.send(b"x")
        assert not has_left(ours)
        ours.recv(1)
        theirs.close()
        assert has_left(ours)
    assert has_left(ours)
