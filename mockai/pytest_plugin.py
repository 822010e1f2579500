"""The pytest plugin: a server for the run, a session for each test, the evidence on a failure.

Importing it must cost nothing: everything but pytest is imported inside the fixtures.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mockai.client import AsyncMockAI, MockAI
    from mockai.http.server import ServerThread

_CLIENT: pytest.StashKey[MockAI] = pytest.StashKey()
_NO_PROXY = ("NO_PROXY", "no_proxy")


@pytest.fixture(scope="session")
def mockai_server() -> Iterator[ServerThread]:
    """One server for the whole run (for each worker under xdist), on a free port."""
    from mockai.http.server import ServerThread
    from mockai.http.state import ServerOptions

    server = ServerThread(ServerOptions()).start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def mockai(
    mockai_server: ServerThread, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MockAI]:
    """A `MockAI` with a session of its own, to which OPENAI_BASE_URL leads during the test."""
    from mockai.client import MockAI

    with MockAI(mockai_server.url) as client:
        for name, value in _environment(client).items():
            monkeypatch.setenv(name, value)
        request.node.stash[_CLIENT] = client
        yield client


@pytest.fixture
def mockai_async(mockai: MockAI) -> Iterator[AsyncMockAI]:
    """The same session for asyncio: an `AsyncMockAI`; it needs no async plugin of its own.

    An assertion that was never awaited is an error of the test: it has judged nothing.
    """
    from mockai.client import AsyncMockAI

    client = AsyncMockAI(mockai.url, session=mockai.session)
    yield client
    client.awaiting.refuse_forgotten()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what reached mockai to the report of a test that failed."""
    report = yield
    client = item.stash.get(_CLIENT, None)
    if client is not None and report.failed and report.when != "teardown":
        report.sections.append(("mockai exchanges", _evidence(client)))
    return report


def _evidence(client: MockAI) -> str:
    from mockai.client.flows import evidence
    from mockai.core.errors import MockaiError

    try:
        return evidence(client.exchanges())
    except MockaiError as error:  # the test may have stopped the server
        return str(error)


def _environment(client: MockAI) -> dict[str, str]:
    """Return what leads an OpenAI client to the session, past any proxy."""
    direct = {
        name: ",".join(filter(None, [os.environ.get(name), "127.0.0.1"])) for name in _NO_PROXY
    }
    return {"OPENAI_BASE_URL": client.base_url, "OPENAI_API_KEY": client.api_key, **direct}
