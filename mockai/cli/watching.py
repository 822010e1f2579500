"""Scenario files that are read anew when they change: `serve --watch`.

Looks at names, sizes and times of change, a few times a second. A file that cannot be read or
played is said, and the scenarios before stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from mockai.core.errors import ScenarioError
from mockai.core.loading import read_scenarios
from mockai.core.scenario import Scenario

EVERY_S = 0.3

Stamp = tuple[int, int, int]


async def _a_while() -> None:
    await asyncio.sleep(EVERY_S)


class Watch:
    """Looks at files after each `pause`; `say` is told what came of a change."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        say: Callable[[str], None],
        pause: Callable[[], Awaitable[None]] = _a_while,
    ) -> None:
        self._paths, self._say, self._pause = paths, say, pause
        self._seen = stamps(paths)

    async def run(self, reload: Callable[[Iterable[Scenario]], None]) -> None:
        """Hand over what is read after each change, for ever."""
        while True:
            await self._pause()
            now = await asyncio.to_thread(stamps, self._paths)
            if now != self._seen:
                self._seen = now
                await self._again(reload)

    async def _again(self, reload: Callable[[Iterable[Scenario]], None]) -> None:
        try:
            scenarios = await asyncio.to_thread(read_scenarios, self._paths)
            reload(scenarios)
        except ScenarioError as error:
            self._say(f"mockai: not reloaded, what was there before stays:\n{error}")
        else:
            self._say(f"mockai: reloaded, scenarios: {', '.join(each.name for each in scenarios)}")


def stamps(paths: Iterable[Path]) -> dict[str, Stamp | None]:
    """Return what tells whether a file has changed, for each file and what is in each folder."""
    files = [file for path in paths for file in (path, *_inside(path))]
    return {str(file): _stamp(file) for file in files}


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return []


def _stamp(file: Path) -> Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
