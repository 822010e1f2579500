"""What is kept of what was heard of a command: the newest, and nothing after its end."""

from __future__ import annotations

from mockai.core.sign_of_life import Heard
from mockai.engine.hearing import Hearing
from mockai.engine.pacer import VirtualPacer
from tests.support.play import START_NS

STEP_S = 0.5


def later(pacer: VirtualPacer) -> int:
    """Let a little time pass; return the instant."""
    pacer.advance(STEP_S)
    return pacer.now_ns()


def test_the_newest_of_each_kind_is_kept_until_the_end() -> None:
    """A request after the end is somebody else's; so is a second end."""
    pacer = VirtualPacer(START_NS)
    hearing = Hearing(pacer)
    assert hearing.facts is None
    hearing.request()
    request_ns = later(pacer)
    hearing.request()
    answer_ns = later(pacer)
    hearing.answer()
    ended_ns = later(pacer)
    hearing.end()
    expected = Heard(ended_ns, request_ns, answer_ns)
    assert hearing.facts == expected
    later(pacer)
    hearing.request()
    hearing.answer()
    hearing.end()
    assert hearing.facts == expected


def test_each_process_has_its_own_requests_and_its_own_end() -> None:
    """Who still runs ends with the command; who never asked is not known."""
    pacer = VirtualPacer(START_NS)
    hearing = Hearing(pacer)
    hearing.request(7)
    asked_ns = later(pacer)
    hearing.request(8)
    hearing.exit(9)
    exit_ns = later(pacer)
    hearing.exit(7)
    later(pacer)
    hearing.exit(7)
    assert hearing.processes == {}
    ended_ns = later(pacer)
    hearing.end()
    assert hearing.processes == {
        7: Heard(exit_ns, START_NS),
        8: Heard(ended_ns, asked_ns),
    }


def test_what_was_never_heard_is_none() -> None:
    """A command that did not call at all."""
    hearing = Hearing(VirtualPacer(START_NS))
    hearing.end()
    assert hearing.facts == Heard(START_NS)
