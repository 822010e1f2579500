"""Gates: who stands where, and who goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mockai.core.errors import ConflictError
from mockai.engine.gates import Gates

SECOND = 1_000_000_000


@dataclass(eq=False)
class Standing:
    """A stream, as a gate sees it; it notes how it was let go."""

    exchange_id: str = "ex_1"
    scenario: str | None = "story"
    token: int = 12
    gone_on: list[int | None] = field(default_factory=list)

    def go_on(self, *, tokens: int | None = None) -> None:
        self.gone_on.append(tokens)


def held_at(gates: Gates, name: str = "mid") -> list[str]:
    """Return the exchanges that stand at a gate."""
    return [holder.exchange_id for holder in gates.get(name).held]


def test_a_stream_stands_at_a_closed_gate() -> None:
    """With its token, and since when."""
    gates, stream = Gates(), Standing()
    assert gates.arrive("mid", stream, 2 * SECOND) is False
    assert gates.get("mid").to_json(5 * SECOND + 1) == {
        "name": "mid",
        "open": False,
        "held": [{"exchange": "ex_1", "token": 12, "since_s": 3.0}],
    }


def test_a_release_lets_go_those_that_stand_there_now() -> None:
    """Each once; the gate stays closed for those that come later."""
    gates, one, two, late = Gates(), Standing("ex_1"), Standing("ex_2"), Standing("ex_3")
    gates.arrive("mid", one, 0)
    gates.arrive("mid", two, 0)
    gates.arrive("other", late, 0)
    assert gates.release("mid", tokens=5) == 2
    assert (one.gone_on, two.gone_on, late.gone_on) == ([5], [5], [])
    assert gates.arrive("mid", late, 0) is False
    assert (held_at(gates), held_at(gates, "other")) == (["ex_3"], ["ex_3"])


def test_an_opened_gate_is_open_for_good() -> None:
    """For those that stand there, and for all that come; also before the first came."""
    gates, standing, late = Gates(), Standing(), Standing("ex_2")
    gates.arrive("mid", standing, 0)
    assert gates.release("mid", everything=True) == 1
    assert gates.release("early", everything=True) == 0
    assert gates.arrive("mid", late, 0) is True
    assert gates.arrive("early", late, 0) is True
    assert (standing.gone_on, late.gone_on, held_at(gates)) == ([None], [], [])
    assert gates.get("early").to_json(0) == {"name": "early", "open": True, "held": []}


@pytest.mark.parametrize(
    "narrowed,released",
    [
        ({"exchange": "ex_2"}, ["ex_2"]),
        ({"scenario": "poem"}, ["ex_2", "ex_3"]),
        ({"scenario": "poem", "exchange": "ex_3"}, ["ex_3"]),
    ],
)
def test_a_release_can_be_narrowed(narrowed: dict[str, str], released: list[str]) -> None:
    """To one exchange, or to those of one scenario; the others stand on."""
    gates = Gates()
    streams = [
        Standing("ex_1", "story"),
        Standing("ex_2", "poem"),
        Standing("ex_3", "poem"),
    ]
    for stream in streams:
        gates.arrive("mid", stream, 0)
    assert gates.release("mid", **narrowed) == len(released)  # type: ignore[arg-type]
    assert [stream.exchange_id for stream in streams if stream.gone_on] == released
    assert set(held_at(gates)) == {"ex_1", "ex_2", "ex_3"} - set(released)


def test_nobody_is_left_standing_at_an_open_gate() -> None:
    """Opening is for all: a narrowed one would leave the others there until they time out."""
    gates, one, two = Gates(), Standing("ex_1"), Standing("ex_2", "poem")
    gates.arrive("mid", one, 0)
    gates.arrive("mid", two, 0)
    assert gates.release("mid", everything=True, exchange="ex_1", scenario="story") == 2
    assert held_at(gates) == []


@pytest.mark.parametrize(
    "narrowed,words",
    [
        ({}, "nothing is held at gate 'mid'"),
        ({"exchange": "ex_9"}, "nothing of exchange 'ex_9' is held at gate 'mid'"),
        ({"scenario": "poem"}, "nothing of scenario 'poem' is held at gate 'mid'"),
    ],
)
def test_releasing_nobody_is_an_error(narrowed: dict[str, str], words: str) -> None:
    """The test was too fast, and is told to wait; nothing has moved."""
    gates, elsewhere = Gates(), Standing()
    gates.arrive("elsewhere", elsewhere, 0)
    with pytest.raises(ConflictError, match=f"{words}: wait for it to be held first"):
        gates.release("mid", **narrowed)  # type: ignore[arg-type]
    assert elsewhere.gone_on == []


def test_who_has_left_stands_nowhere() -> None:
    """Leaving twice, or a gate that nobody knows, is no error."""
    gates, stream = Gates(), Standing()
    gates.arrive("mid", stream, 0)
    for name in ("mid", "mid", "unknown"):
        gates.leave(name, stream)
    assert held_at(gates) == []


def test_an_unknown_gate_reads_as_empty_and_is_not_made() -> None:
    """Looking is not naming."""
    gates = Gates()
    assert gates.get("typo").to_json(0) == {"name": "typo", "open": False, "held": []}
    assert gates.all() == []


def test_gates_are_listed_as_they_were_reached_or_opened() -> None:
    """So a misspelt name can be seen beside the right one."""
    gates = Gates()
    gates.arrive("b", Standing(), 0)
    gates.release("a", everything=True)
    gates.arrive("b", Standing("ex_2"), 0)
    assert [gate.name for gate in gates.all()] == ["b", "a"]
