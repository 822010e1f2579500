"""The official Node client: every right way to cancel is seen, every wrong one is caught."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.support.control import Control
from tests.support.node import HOME, node_with_client, pinned

TOKENS, MIDDLE = 20, 5

# where the answer is held; for a stream: the phase it is left in, and the tokens written
HEADERS = ({"at": "headers"}, "before_headers", 0)
FIRST = ({"at": "first_token"}, "before_first_token", 0)
IN_THE_MIDDLE = ({"at_token": MIDDLE}, "streaming", MIDDLE)
END = ({"at": "done"}, "after_last_token", TOKENS)

Place = tuple[dict[str, Any], str, int]


class Node:
    """One process for all tests; programs run in it side by side."""

    def __init__(self, executable: str) -> None:
        self._process = subprocess.Popen(
            [executable, "programs.mjs"],
            cwd=HOME,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._heard: list[dict[str, Any]] = []
        self._numbers = count()

    def start(self, program: str, control: Control, *, tokens: int = 0) -> int:
        """Start a program that has seen enough after so many tokens; return its number."""
        number = next(self._numbers)
        self._say(id=number, program=program, baseURL=control.base_url, tokens=tokens)
        return number

    def cancel(self, number: int) -> None:
        """Tell a program to cancel."""
        self._say(id=number)

    def wait_reached(self, number: int) -> None:
        """Wait until a program has read the tokens that it was started with."""
        self._wait(number, "reached")

    def result(self, number: int) -> tuple[int, str | None]:
        """Wait for the end of a program; return the tokens it has seen, and the error it got."""
        over = self._wait(number, "seen")
        return over["seen"], over["error"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _wait(self, number: int, key: str) -> dict[str, Any]:
        """Read until a program has said something of this kind."""
        assert self._process.stdout is not None
        while True:
            for event in self._heard:
                if event["id"] == number and key in event:
                    return event
            line = self._process.stdout.readline()
            assert line, f"node has ended with {self._process.wait()}"
            self._heard.append(json.loads(line))

    def _say(self, **command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A running Node with the client that the lock pins, installed if that is possible."""
    running = Node(node_with_client())
    yield running
    running.close()


def test_the_lock_pins_the_client_and_names_no_registry() -> None:
    """It installs the same bytes everywhere, from whatever registry that place uses."""
    text = (HOME / "package-lock.json").read_text()
    locked = json.loads(text)["packages"]
    assert locked["node_modules/openai"]["version"] == pinned()
    assert all("integrity" in entry for path, entry in locked.items() if path)
    assert "://" not in text


# ── right ways ───────────────────────────────────────────────────────────────────────────────

QUIET, ABORTED, OWN = None, "APIUserAbortError", "RangeError"


@pytest.mark.parametrize(
    "program, place, error",
    [
        ("break", IN_THE_MIDDLE, QUIET),
        ("break", END, QUIET),
        ("throw", IN_THE_MIDDLE, OWN),
        ("controller", FIRST, QUIET),
        ("controller", IN_THE_MIDDLE, QUIET),
        ("controller", END, QUIET),
        ("signal", HEADERS, ABORTED),
        ("signal", FIRST, QUIET),
        ("signal", IN_THE_MIDDLE, QUIET),
        ("signal", END, QUIET),
        ("helper", HEADERS, ABORTED),
        ("helper", IN_THE_MIDDLE, ABORTED),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else value,
)
def test_a_stream_that_is_aborted_is_a_cancel_at_the_hold(
    node: Node, control: Control, program: str, place: Place, error: str | None
) -> None:
    """Seen at once, at the exact token; mid-stream the client's own loop ends without an error."""
    hold, phase, token = place
    control.script(tokens=TOKENS, hold=hold)
    run = node.start(program, control, tokens=token)
    control.wait_held()
    if place is not HEADERS:
        node.wait_reached(run)
    control.mark("stop")
    node.cancel(run)
    verdict = control.check("cancelled", max_tokens=token, max_tokens_after=0, phase=phase)
    assert (verdict["passed"], verdict["measured_from"]) == (True, "mark 'stop'"), verdict
    left = control.ended("cancelled")
    assert (left["disconnect"]["token"], left["disconnect"]["while_held"]) == (token, "hold-1")
    assert node.result(run) == (token, error)
    assert control.call("GET", "findings")["findings"] == []


@pytest.mark.parametrize(
    "hold, generated", [({"at": "headers"}, 0), ({"at_token": MIDDLE}, MIDDLE)], ids=str
)
def test_a_request_for_one_body_that_is_aborted_costs_what_was_generated(
    node: Node, control: Control, hold: dict[str, Any], generated: int
) -> None:
    """It is left before the headers, with nothing written."""
    control.script(tokens=TOKENS, hold=hold)
    run = node.start("signalWhole", control)
    control.wait_held()
    node.cancel(run)
    left = control.ended("cancelled")
    assert (left["phase"], left["tokens"]["written"]) == ("before_headers", 0)
    assert left["tokens"]["generated"] == left["bill"]["completion_tokens"] == generated
    assert node.result(run) == (0, ABORTED)


def test_a_cancel_leaves_its_neighbour_alone(node: Node, control: Control) -> None:
    """Two streams of one process: one is aborted, the other is read to its end."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    stopped, other = (node.start("controller", control, tokens=MIDDLE) for _ in range(2))
    node.wait_reached(stopped)
    control.wait_held(count=2)
    node.cancel(stopped)
    assert node.result(stopped) == (MIDDLE, QUIET)
    control.wait_for(outcome="cancelled")
    control.release()
    assert node.result(other) == (TOKENS, QUIET)
    control.wait_for(outcome="completed")


# ── wrong ways ───────────────────────────────────────────────────────────────────────────────


def test_a_program_that_only_sets_a_flag_is_caught(node: Node, control: Control) -> None:
    """The page stands still, the stream is read to its end, and all of it is billed."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    run = node.start("flag", control, tokens=MIDDLE)
    node.wait_reached(run)
    control.mark("stop")
    node.cancel(run)
    control.release()
    assert node.result(run) == (MIDDLE, QUIET)  # so much for what the user sees
    verdict = control.check("cancelled", within="100ms", max_tokens=MIDDLE)
    assert not verdict["passed"]
    assert "read to its end after the mark 'stop'" in verdict["report"]
    assert control.ended("completed")["bill"]["completion_tokens"] == TOKENS


@pytest.mark.parametrize("program", ["forget", "race"])
def test_a_program_that_closes_nothing_is_caught(
    node: Node, control: Control, program: str
) -> None:
    """The program has gone on long ago; the connection is still open."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    run = node.start(program, control, tokens=MIDDLE)
    node.wait_reached(run)
    control.mark("stop")
    node.cancel(run)
    assert node.result(run) == (MIDDLE, QUIET)
    verdict = control.check("cancelled", within="100ms")
    assert not verdict["passed"]
    assert "still open" in verdict["report"]
    assert control.exchanges()[0]["outcome"] == "open"


def found(control: Control) -> list[str]:
    """Return the names of what is found."""
    return [item["name"] for item in control.call("GET", "findings")["findings"]]


def test_a_relay_that_listens_to_its_request_too_soon_asks_nothing(
    node: Node, control: Control
) -> None:
    """Node's request closes when its body has been read: each call is aborted before it is sent."""
    control.script(tokens=TOKENS)
    node.result(node.start("relayRequestAtOnce", control))
    assert found(control) == ["none-reached"]
    assert not control.check("requests", count=1, wait=0)["passed"]


@pytest.mark.parametrize(
    "program, passed, names",
    [("relayRequestLate", False, ["left-open"]), ("relayResponse", True, [])],
)
def test_a_relay_that_listens_to_its_request_too_late_never_stops(
    node: Node, control: Control, program: str, names: list[str], *, passed: bool
) -> None:
    """It has closed already; what tells that the client has left is the response."""
    control.script(tokens=TOKENS, hold={"at_token": MIDDLE})
    run = node.start(program, control, tokens=MIDDLE)
    node.wait_reached(run)
    control.wait_held()
    control.mark("stop")
    node.cancel(run)
    assert control.check("cancelled")["passed"] is passed
    assert found(control) == names


# ── reading to the end ───────────────────────────────────────────────────────────────────────


def test_a_client_that_reads_to_the_end_has_completed(node: Node, control: Control) -> None:
    """As a stream and as one body, whatever becomes of the connection."""
    control.script(tokens=TOKENS)
    for program in ("read", "whole", "read"):
        assert node.result(node.start(program, control)) == (TOKENS, QUIET)
    for item in control.wait_for(3, outcome="completed"):
        assert (item["phase"], item["tokens"]["written"]) == ("done", TOKENS)
    assert control.check("completed", count=3)["passed"]


def test_a_refusal_is_the_error_that_the_client_knows(node: Node, control: Control) -> None:
    """No scenario answers, so the client throws what it throws for a 404."""
    control.script(match={"model": "another"})
    assert node.result(node.start("read", control)) == (0, "NotFoundError")
    (refused,) = control.exchanges()
    assert (refused["cause"], refused["status"]) == ("refused", 404)
