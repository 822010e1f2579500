"""How many there is room for, and what is said when there is none."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource

import pytest

from mockai.http.crowd import Crowd, Faults, descriptors, room_for


def test_there_is_room_again_when_somebody_leaves() -> None:
    """The limit counts those inside, not those who ever came; each refusal is heard of."""
    refused: list[int] = []
    crowd = Crowd(2, lambda: refused.append(1))
    assert [crowd.enter() for _ in range(4)] == [True, True, False, False]
    crowd.leave()
    assert [crowd.enter(), crowd.enter()] == [True, False]
    assert len(refused) == 3


def test_a_full_house_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A crowd that presses for room must not fill the log."""
    crowd = Crowd(1)
    for _ in range(5):
        crowd.enter()
    (record,) = caplog.records
    assert "--max-connections" in record.getMessage()


@pytest.mark.parametrize("limit", [16, 64, 256, 1_024, 20_000, 65_536])
def test_the_room_leaves_descriptors_for_the_rest(limit: int) -> None:
    """Also for stalled readers, who need a second one; with almost none there is room for one."""
    room = room_for(limit)
    assert 1 <= room <= max(1, limit * 3 // 4)
    assert limit - room >= min(32, limit - 1)
    assert 0 < room_for(descriptors()) < descriptors()


ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    "soft, hard, granted, expected",
    [
        (256, ENDLESS, 10_240, 10_240),
        (256, ENDLESS, 200, 256),
        (1_024, 524_288, 524_288, 65_536),
        (1_024, 4_096, 4_096, 4_096),
        (64, 64, 64, 64),
        (10**6, 10**6, 10**6, 65_536),
        (ENDLESS, ENDLESS, 0, 65_536),
    ],
    ids=["mac", "mac-that-grants-nothing", "linux", "low", "fixed", "high", "endless"],
)
def test_as_many_descriptors_are_asked_for_as_are_granted_and_of_use(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, granted: int, expected: int
) -> None:
    """Else a server would believe in room that it does not have, and nobody be told 503."""

    def asked(_: int, limits: tuple[int, int]) -> None:
        if limits[0] > granted:
            raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", asked)
    assert descriptors() == expected


def test_the_lack_of_descriptors_is_said_once_and_other_faults_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The loop tries to accept again every second."""
    loop = asyncio.new_event_loop()
    faults = Faults()
    lack = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            faults(loop, {"message": "socket.accept() out of system resource", "exception": lack})
            faults(loop, {"message": "another fault"})
    loop.close()
    said = [record.getMessage() for record in caplog.records]
    assert [text for text in said if "no connection can be accepted" in text] == said[:1]
    assert said[1:] == ["another fault"] * 3
