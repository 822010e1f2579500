"""Evidence of delivery: how long a client did not read, and when a figure is exact or missing."""

from __future__ import annotations

import pytest

from mockai.core.openai_errors import invalid_json
from tests.support.play import Play


def test_a_reader_that_never_stalls_has_stalled_for_0_s() -> None:
    """The figure is there for everybody, so that its absence means nothing."""
    assert Play(5).start().after(1).end.delivery.stalled_s == 0


def test_time_with_refused_bytes_is_counted_while_it_lasts_and_in_all() -> None:
    """It begins with the write that was refused, not when the client stopped to read."""
    play = Play(5).start().after(0.2)
    play.sink.stall()
    play.after(0.01)
    assert play.now.delivery.stalled_s == 0
    play.after(1)
    assert play.now.delivery.stalled_s == pytest.approx(0.99)
    play.sink.read_on()
    play.after(0.01)
    play.sink.stall()
    play.after(0.51)
    assert play.now.delivery.stalled_s == pytest.approx(1.49)
    play.sink.read_on()
    assert play.after(1).end.delivery.stalled_s == pytest.approx(1.49)


def test_a_stall_ends_with_the_client() -> None:
    """Who leaves while stalled is not counted on."""
    play = Play(5).start().after(0.2)
    play.sink.stall()
    play.after(0.52)
    play.sink.hang_up()
    play.after(1)
    assert play.end.delivery.stalled_s == pytest.approx(0.5)


def test_a_failed_write_is_no_stall() -> None:
    """A write can also end short because the client has gone: that is not slowness."""
    play = Play(5).start().after(0.2)
    play.sink.abort()  # from now on nothing is taken, and nothing waits
    play.after(0.5)
    play.sink.hang_up("reset", 104)
    assert play.end.delivery.stalled_s == 0


@pytest.mark.parametrize(
    "unsent, exact", [(0, True), (1, False), (None, False)], ids=["empty", "not", "unknown"]
)
def test_written_is_exact_when_the_kernels_queue_was_empty(
    unsent: int | None, *, exact: bool
) -> None:
    """Then the peer's kernel has all that was written."""
    play = Play(5).start().after(0.22)
    play.sink.progress.unsent = unsent
    play.sink.hang_up()
    assert play.end.tokens.exact == exact


def test_written_is_exact_before_anything_was_written() -> None:
    """Nothing written is nothing delivered, whoever asks."""
    play = Play(5, stream=False).start().after(0.25)
    play.sink.hang_up()
    assert (play.end.tokens.written, play.end.tokens.exact) == (0, True)


def test_what_is_not_known_says_why() -> None:
    """While it is open, after an answer that is an error, and where the system does not tell."""
    play = Play(5).start().after(0.22)
    assert "when the client leaves" in str(play.now.delivery.note)
    play.sink.progress.note = "not told"
    play.sink.hang_up()
    assert (play.end.delivery.acked_bytes, play.end.delivery.note) == (None, "not told")
    refused = Play(5)
    refused.stream.refuse(400, invalid_json().message)
    assert "not counted" in str(refused.end.delivery.note)


def test_what_is_known_needs_no_word() -> None:
    """A note stands only where a figure is missing."""
    play = Play(5).start().after(0.22)
    play.sink.progress.acked, play.sink.progress.unsent = 4, 2
    play.sink.hang_up()
    delivery = play.end.delivery
    assert (delivery.acked_bytes, delivery.unsent_bytes, delivery.note) == (4, 2, None)


def test_a_half_close_is_an_event_and_the_exchange_goes_on() -> None:
    """The first FIN counts; what follows belongs to the same exchange."""
    play = Play(5).start().after(0.22)
    play.stream.half_closed()
    assert (play.now.outcome, play.now.half_closed_s) == ("open", 0.22)
    play.after(0.02)
    play.stream.half_closed()
    assert play.after(1).end.outcome == "completed"
    play.stream.half_closed()
    assert play.end.half_closed_s == 0.22
