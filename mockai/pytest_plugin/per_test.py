"""The world of one test: opened as its marker says, noted for its report, closed with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mockai.pytest_plugin import CLIENTS, WORLD, WORLDS, settings

if TYPE_CHECKING:
    from mockai.client import MockAI
    from mockai.pytest_plugin.worlds import Worlds


@contextmanager
def world_of(request: pytest.FixtureRequest) -> Iterator[MockAI]:
    """Open the test's world, or return the one that is open already; close it if opened here."""
    node = request.node
    if WORLD in node.stash:
        yield node.stash[WORLD]
        return
    worlds = request.config.stash[WORLDS]
    with ExitStack() as opened:
        with in_plain_words():
            said = settings.marked(node)
            scenario = said.pop("scenario", None)
            client = begin(worlds, node, said)
            opened.callback(end, worlds, node, client)
            if scenario is not None:
                sources = scenario if isinstance(scenario, list | tuple) else [scenario]
                client.load(*sources, folder=Path(node.path).parent)
        node.stash[WORLD] = client
        try:
            yield client
        finally:
            del node.stash[WORLD]  # a test that is run again begins again


def begin(worlds: Worlds, node: pytest.Item, said: Mapping[str, Any]) -> MockAI:
    """Open a world for a test, and have its report tell of it."""
    __tracebackhide__ = True
    client = worlds.open(node.nodeid, said)
    node.stash.setdefault(CLIENTS, []).append(client)
    return client


def end(worlds: Worlds, node: pytest.Item, client: MockAI) -> None:
    """Close what was opened."""
    node.stash[CLIENTS].remove(client)
    worlds.close(node.nodeid, client)


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Tell what no line of code is at fault for in its own words: options, markers, an await."""
    from mockai.core.errors import MockaiError

    try:
        yield
    except (AssertionError, MockaiError, pytest.UsageError) as error:
        raise pytest.fail.Exception(f"mockai: {error}", pytrace=False) from None


def evidence(client: MockAI) -> str:
    """Return what reached a session, for the report of a test that failed."""
    from mockai.client.reports import seen
    from mockai.core.errors import MockaiError
    from mockai.core.text_report import render_evidence

    try:
        return render_evidence(client.drive(seen(client.session)))
    except MockaiError as error:  # the test may have stopped the server
        return str(error)
