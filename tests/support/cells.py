"""The cells of the table of leaving: where a client is when it leaves, and by which way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.control import Control
from tests.support.raw import CHAT, Connect, RawClient, head_of, question

TOKENS, MIDDLE = 20, 5
LARGE = 40_000  # tokens, 12 MB: more than the kernel takes for one who does not read
SMALL = 4_096  # bytes that may lie unread in a stalled client's socket
SILENCE = "60s"


@dataclass(frozen=True)
class Point:
    """Where a client leaves: what is scripted, and what the record must say then.

    `token` is `None` where it is a matter of luck; `reads` are the tokens that a client can have
    read there: `None` means that not even a head has been sent.
    """

    name: str
    scenario: dict[str, Any]
    phase: str
    token: int | None = 0
    reads: int | None = None
    stream: bool = True
    state: str = "idle"
    outcome: str = "cancelled"
    version: str = "1.1"
    nth: int = 1
    """The how-manieth request on its connection it is."""

    @property
    def is_held(self) -> bool:
        """True when the stream stands at a gate."""
        return self.state == "held"


def scripted(*reply: Any, **more: Any) -> dict[str, Any]:
    """Return a scenario."""
    return {"reply": list(reply), **more}


def held(**at: Any) -> dict[str, Any]:
    """Return a scenario that holds at a place."""
    return scripted({"faker": TOKENS}, {"hold": at})


HELD = held(at_token=MIDDLE)
MIDDLE_PAUSE = scripted({"faker": MIDDLE}, {"pause": SILENCE}, {"faker": TOKENS - MIDDLE})
LATE_START = scripted({"faker": TOKENS}, pace={"ttft": SILENCE})
LATE_END = scripted({"faker": TOKENS}, {"pause": SILENCE})
FLOW = scripted({"faker": 4_000}, pace={"tokens_per_second": 1_000})
FLOOD = scripted({"faker": LARGE})
WHOLE = scripted({"faker": TOKENS})

POINTS = [
    Point("held-headers", held(at="headers"), "before_headers", state="held"),
    Point("held-first", held(at="first_token"), "before_first_token", reads=0, state="held"),
    Point("held-middle", held(at_token=MIDDLE), "streaming", MIDDLE, MIDDLE, state="held"),
    Point("held-end", held(at="done"), "after_last_token", TOKENS, TOKENS, state="held"),
    Point("idle-first", LATE_START, "before_first_token", reads=0),
    Point("idle-middle", MIDDLE_PAUSE, "streaming", MIDDLE, MIDDLE),
    Point("idle-end", LATE_END, "after_last_token", TOKENS, TOKENS),
    Point("writing", FLOW, "streaming", None, MIDDLE, state="writing"),
    Point("stalled", FLOOD, "streaming", None, state="stalled"),
    Point(
        "old-held", held(at_token=MIDDLE), "streaming", MIDDLE, MIDDLE, True, "held", version="1.0"
    ),
    Point("old-whole", MIDDLE_PAUSE, "before_headers", stream=False, version="1.0"),
    Point("second-held", HELD, "streaming", MIDDLE, MIDDLE, True, "held", nth=2),
    Point("second-whole", MIDDLE_PAUSE, "before_headers", stream=False, nth=2),
    Point("done", WHOLE, "done", TOKENS, TOKENS, outcome="completed"),
    Point("whole-held", held(at_token=MIDDLE), "before_headers", stream=False, state="held"),
    Point("whole-idle", MIDDLE_PAUSE, "before_headers", stream=False),
    Point("whole-stalled", FLOOD, "before_first_token", stream=False, state="stalled"),
    Point("whole-done", WHOLE, "done", TOKENS, TOKENS, stream=False, outcome="completed"),
]


@dataclass(frozen=True)
class Way:
    """How a client leaves, after it has read all there was, or nothing."""

    name: str
    leave: Callable[[RawClient], None]
    is_read: bool
    seen_as: str
    """How it is seen where something was sent."""
    seen_early_as: str = field(default="")
    """How it is seen before anything was sent."""

    def at(self, point: Point) -> set[str]:
        """Return the ways that the record may name."""
        early = self.seen_early_as or self.seen_as
        nothing_sent = point.reads is None and point.state != "stalled"
        told = early if nothing_sent else self.seen_as
        # Who closes in the flow leaves the next event unread, or not: that is a race.
        return {told, "reset"} if point.state == "writing" and self.name == "close" else {told}


WAYS = [
    Way("close", RawClient.close, is_read=True, seen_as="fin"),
    Way("close-unread", RawClient.close, is_read=False, seen_as="reset", seen_early_as="fin"),
    Way("half-close", RawClient.half_close, is_read=False, seen_as="fin"),
    Way("reset", RawClient.reset, is_read=False, seen_as="reset"),
]


def begin(control: Control, connect: Connect, point: Point) -> RawClient:
    """Ask, and return the client once the answer is where the cell wants it."""
    client = connect(receive_buffer=SMALL) if point.state == "stalled" else connect()
    for _ in range(1, point.nth):
        before = Control(control.url)
        before.script(tokens=1)
        client.chat(before.path, stream=point.stream)
        assert client.response().status == 200
    client.chat(control.path, stream=point.stream, version=point.version)
    arrive(control, point)
    return client


def arrive(control: Control, point: Point) -> None:
    """Wait until the answer is where the cell wants it."""
    if point.is_held:
        control.wait_held()
    elif point.outcome == "completed":
        control.wait_for(outcome="completed")
    else:
        control.wait_for(scenario="cell")
        while not has_come(control.exchanges()[0], point):
            pass  # each call is a turn of the server's loop


def has_come(found: dict[str, Any], point: Point) -> bool:
    """Say whether what the cell waits for is in the record."""
    if point.state == "stalled":
        stalled: bool = found["delivery"]["stalled_s"] > 0
        return stalled
    if not point.stream:
        return bool(found["tokens"]["generated"] == MIDDLE)
    if point.state == "writing":
        return bool(found["tokens"]["written"] >= MIDDLE)
    return bool(found["tokens"]["written"] == point.token and found["phase"] == point.phase)


UPLOADS = {
    "length": head_of("POST", "{}" + CHAT, f"Content-Length: {len(question())}") + question()[:9],
    "chunks": head_of("POST", "{}" + CHAT, "Transfer-Encoding: chunked")
    + b"9\r\n"
    + question()[:9],
    "asks-first": head_of("POST", "{}" + CHAT, "Content-Length: 9", "Expect: 100-continue"),
}
