"""How a client left, from the errnos that anybody saw."""

from __future__ import annotations

import errno

import pytest

from mockai.core.leaving import how_left


@pytest.mark.parametrize(
    "seen,how,number",
    [
        ([], "fin", None),
        ([None, None], "fin", None),
        ([errno.EPIPE], "fin", errno.EPIPE),
        ([errno.EPIPE, None], "fin", errno.EPIPE),
        ([errno.ECONNRESET], "reset", errno.ECONNRESET),
        ([errno.EPIPE, errno.ECONNRESET], "reset", errno.ECONNRESET),
        ([errno.ETIMEDOUT, errno.ECONNRESET], "reset", errno.ECONNRESET),
        ([errno.ETIMEDOUT, None], "timeout", errno.ETIMEDOUT),
        ([errno.EPIPE, errno.EHOSTUNREACH], "timeout", errno.EHOSTUNREACH),
        ([errno.ENETDOWN], "lost", errno.ENETDOWN),
        ([errno.EPIPE, errno.EBADF], "lost", errno.EBADF),
    ],
)
def test_what_was_seen_tells_how(seen: list[int | None], how: str, number: int | None) -> None:
    """A reset by whoever saw it; EPIPE is a polite close; else what tells most."""
    assert how_left(seen) == (how, number)
    assert how_left(reversed(seen)) == (how, number)


def test_of_two_telling_errors_the_first_counts() -> None:
    """The later one is what the first led to."""
    assert how_left([errno.ENETDOWN, errno.ETIMEDOUT]) == ("lost", errno.ENETDOWN)
