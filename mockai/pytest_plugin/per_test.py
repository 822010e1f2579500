"""The world of one test: opened as its marker says, noted for its report, closed with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mockai.pytest_plugin import CLIENTS, WORLDS, settings

if TYPE_CHECKING:
    from mockai.client import MockAI
    from mockai.client.servers import Running


@contextmanager
def world_of(request: pytest.FixtureRequest) -> Iterator[MockAI]:
    """Open the test's world, or return the one that is open already; close it if opened here."""
    from mockai.pytest_plugin.worlds import load

    node, worlds = request.node, request.config.stash[WORLDS]
    if CLIENTS in node.stash:
        yield node.stash[CLIENTS][0]
        return
    said = settings.marked(node)
    scenario = said.pop("scenario", None)
    client = worlds.open(node.nodeid, said)
    node.stash[CLIENTS] = [client]
    try:
        if scenario is not None:
            load(client, scenario, Path(node.path).parent)
        yield client
    finally:
        worlds.close(node.nodeid, client)


@contextmanager
def another(
    server: Running, request: pytest.FixtureRequest, said: Mapping[str, Any]
) -> Iterator[MockAI]:
    """Open one more session for a test, whatever keeps tests apart."""
    from mockai.pytest_plugin.worlds import OwnSessions

    worlds = OwnSessions(server, {})
    client = worlds.open(request.node.nodeid, said)
    request.node.stash.setdefault(CLIENTS, []).append(client)
    try:
        yield client
    finally:
        worlds.close(request.node.nodeid, client)
        request.config.stash[WORLDS].remarks += worlds.remarks


def evidence(client: MockAI) -> str:
    """Return what reached a session, for the report of a test that failed."""
    from mockai.client.reports import seen
    from mockai.core.errors import MockaiError
    from mockai.core.text_report import render_evidence

    try:
        return render_evidence(client.drive(seen(client.session)))
    except MockaiError as error:  # the test may have stopped the server
        return str(error)
