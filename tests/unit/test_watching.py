"""Scenario files that are read anew when they change; time passes when the test says so."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from mockai.cli.watching import Watch, stamps
from mockai.core.errors import ScenarioError
from mockai.core.scenario import Scenario


def write(file: Path, name: str, *, version: int = 1) -> None:
    """Write a file as an editor does, at another time than the one before."""
    file.write_text(f"name: {name}\nreply:\n  - faker: {version}\n")
    os.utime(file, ns=(version, version))


class Watched:
    """A watch, and what came of it."""

    def __init__(self, *paths: Path) -> None:
        self.ticks: asyncio.Queue[None] = asyncio.Queue()
        self.rests: asyncio.Queue[None] = asyncio.Queue()
        self.said: list[str] = []
        self.loaded: list[list[str]] = []
        self.refuse = False
        self.watch = Watch(paths, say=self.said.append, pause=self._pause)

    async def look(self) -> None:
        """Let it look once, and wait until it rests again."""
        self.ticks.put_nowait(None)
        await self.rests.get()

    def reload(self, scenarios: Iterable[Scenario]) -> None:
        """Take what was read."""
        if self.refuse:
            raise ScenarioError("cannot be played")
        self.loaded.append([each.name for each in scenarios])

    async def _pause(self) -> None:
        self.rests.put_nowait(None)
        await self.ticks.get()


@contextlib.asynccontextmanager
async def watching(*paths: Path) -> AsyncIterator[Watched]:
    """Watch for as long as the block lasts."""
    watched = Watched(*paths)
    task = asyncio.create_task(watched.watch.run(watched.reload))
    await watched.rests.get()
    yield watched
    task.cancel()


@pytest.mark.asyncio
async def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    """Once for each change, and not at all without one."""
    file = tmp_path / "a.yaml"
    write(file, "one")
    async with watching(file) as watched:
        await watched.look()
        write(file, "two", version=2)
        await watched.look()
        await watched.look()
    assert watched.loaded == [["two"]]
    assert watched.said == ["mockai: reloaded, scenarios: two"]


@pytest.mark.asyncio
async def test_files_that_come_and_go_in_a_folder_are_seen(tmp_path: Path) -> None:
    """A new one is loaded, a deleted one is no longer there."""
    write(tmp_path / "a.yaml", "one")
    async with watching(tmp_path) as watched:
        write(tmp_path / "b.yaml", "two")
        await watched.look()
        (tmp_path / "a.yaml").unlink()
        await watched.look()
    assert watched.loaded == [["one", "two"], ["two"]]


@pytest.mark.asyncio
async def test_a_broken_file_is_said_and_nothing_changes(tmp_path: Path) -> None:
    """With file, line and column; the next good one is loaded."""
    file = tmp_path / "a.yaml"
    write(file, "one")
    async with watching(file) as watched:
        file.write_text("name: one\nreply:\n  - faker: 0\n")
        await watched.look()
        await watched.look()
        write(file, "two", version=2)
        await watched.look()
    assert watched.loaded == [["two"]]
    first, second = watched.said
    head, mistake = first.splitlines()
    assert head == "mockai: not reloaded, what was there before stays:"
    assert mistake.startswith(f"{file}:3:5: reply.0.faker")
    assert second.startswith("mockai: reloaded")


@pytest.mark.asyncio
async def test_what_the_server_refuses_is_said_too(tmp_path: Path) -> None:
    """And the watch goes on."""
    file = tmp_path / "a.yaml"
    write(file, "one")
    async with watching(file) as watched:
        watched.refuse = True
        write(file, "two", version=2)
        await watched.look()
        watched.refuse = False
        write(file, "three", version=3)
        await watched.look()
    assert watched.loaded == [["three"]]
    assert watched.said[0].endswith("cannot be played")


def test_what_is_not_there_is_watched_for(tmp_path: Path) -> None:
    """A file may be away while an editor writes it."""
    file = tmp_path / "a.yaml"
    assert stamps([file]) == {str(file): None}
    write(file, "one")
    assert stamps([file])[str(file)] is not None
