"""The pytest plugin: a server for the run, a world for each test, the evidence on a failure.

Importing it must cost nothing: what knows mockai is imported by the fixtures, when a test asks.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import pytest

from mockai.pytest_plugin import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from mockai.client import AsyncMockAI, MockAI
    from mockai.client.servers import Running
    from mockai.client.terms import SessionTerms
    from mockai.pytest_plugin.stable import StableUrl
    from mockai.pytest_plugin.worlds import OwnSessions, Worlds

WORLDS: pytest.StashKey[Worlds] = pytest.StashKey()
"""How the tests of this run are kept apart ..."""
MORE: pytest.StashKey[OwnSessions] = pytest.StashKey()
"""... and the sessions that they make beside."""
WORLD: pytest.StashKey[MockAI] = pytest.StashKey()
"""The world of a test, while it is open ..."""
CLIENTS: pytest.StashKey[list[MockAI]] = pytest.StashKey()
"""... and of all its sessions, for its report."""
_REMARKS: pytest.StashKey[list[tuple[str, str]]] = pytest.StashKey()
_STABLE = "mockai-stable-url"


# ── options ──────────────────────────────────────────────────────────────────────────────────


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    settings.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; with `reset`, set the URL that all tests share."""
    config.addinivalue_line("markers", settings.MARKER)
    config.stash[_REMARKS] = []
    is_controller = getattr(config.option, "dist", "no") != "no" and not _is_worker(config)
    if settings.isolation(config) == "reset" and not is_controller:
        from mockai.pytest_plugin.stable import StableUrl

        config.pluginmanager.register(StableUrl(), _STABLE)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


# ── fixtures ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def mockai_config(pytestconfig: pytest.Config) -> settings.Config:
    """How the server and its sessions are made, by the options; override it to say otherwise."""
    from mockai.pytest_plugin.per_test import in_plain_words

    with in_plain_words():
        return settings.config_of(pytestconfig)


@pytest.fixture(scope="session")
def mockai_server(mockai_config: settings.Config, pytestconfig: pytest.Config) -> Iterator[Running]:
    """One server for the whole run (for each worker under xdist)."""
    from mockai.client.servers import start_server
    from mockai.pytest_plugin.per_test import in_plain_words
    from mockai.pytest_plugin.worlds import Generations, OwnSessions

    stable: StableUrl | None = pytestconfig.pluginmanager.get_plugin(_STABLE)
    with in_plain_words():
        base = settings.session_settings(mockai_config)
        server = start_server(
            process=mockai_config.get("process", False),
            port=stable.take_port() if stable else 0,
            scenarios=[Path(path) for path in mockai_config.get("scenarios", [])],
            journal=mockai_config.get("journal"),
        )
    try:
        more = OwnSessions(server, base)
        worlds = Generations(server, base) if stable else more
        pytestconfig.stash[WORLDS], pytestconfig.stash[MORE] = worlds, more
        yield server
        for each in dict.fromkeys((worlds, more)):
            each.stop()
            remarks = [(remark.test, remark.text) for remark in each.remarks]
            pytestconfig.stash[_REMARKS] += remarks
    finally:
        server.stop()


@pytest.fixture
def mockai(
    mockai_server: Running,  # noqa: ARG001 - with it the worlds begin
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MockAI]:
    """A `MockAI` with a world of its own, to which OPENAI_BASE_URL leads during the test."""
    from mockai.pytest_plugin.environment import environment
    from mockai.pytest_plugin.per_test import world_of

    with world_of(request) as client:
        for name, value in environment(client.base_url, client.api_key).items():
            monkeypatch.setenv(name, value)
        yield client


@pytest.fixture
def mockai_async(mockai: MockAI) -> Iterator[AsyncMockAI]:
    """The same session for asyncio: an `AsyncMockAI`; it needs no async plugin of its own.

    An assertion that was never awaited is an error of the test: it has judged nothing.
    """
    from mockai.client import AsyncMockAI
    from mockai.pytest_plugin.per_test import in_plain_words

    client = AsyncMockAI(mockai.url, session=mockai.session)
    yield client
    with in_plain_words():
        client.awaiting.refuse_forgotten()


@pytest.fixture
def mockai_factory(
    mockai_server: Running,  # noqa: ARG001 - likewise
    request: pytest.FixtureRequest,
) -> Iterator[Callable[..., MockAI]]:
    """Make more sessions: `mockai_factory(speed=10)` is a `MockAI` that ends with the test.

    What is not said is as `mockai_config` says. The environment leads to none of them: hand the
    client their `base_url` and `api_key`.
    """
    from contextlib import ExitStack

    from mockai.pytest_plugin.per_test import begin, end

    worlds = request.config.stash[MORE]
    with ExitStack() as opened:

        def make(**said: Unpack[SessionTerms]) -> MockAI:
            __tracebackhide__ = True
            client = begin(worlds, request.node, said)
            opened.callback(end, worlds, request.node, client)
            return client

        yield make


# ── reports ──────────────────────────────────────────────────────────────────────────────────


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have a test that is marked use the fixture, whether it asks for it or not."""
    names: list[str] | None = getattr(item, "fixturenames", None)
    if names is not None and "mockai" not in names and item.get_closest_marker("mockai"):
        names.append("mockai")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what reached mockai to the report of a test that failed."""
    report = yield
    clients = item.stash.get(CLIENTS, [])
    if clients and report.failed and report.when != "teardown":
        from mockai.pytest_plugin.per_test import evidence

        for client in clients:
            report.sections.append((f"mockai session '{client.session}'", evidence(client)))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what is to be told of tests to the process that tells it."""
    if _is_worker(session.config):
        output: dict[str, Any] = session.config.workeroutput  # type: ignore[attr-defined]
        output["mockai_remarks"] = session.config.stash[_REMARKS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of xdist has to tell."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[_REMARKS] += [tuple(item) for item in output.get("mockai_remarks", [])]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Tell which tests left streams open, and which were called after their end."""
    remarks = config.stash.get(_REMARKS, [])
    if not remarks:
        return
    terminalreporter.section("mockai: left open, or called too late", yellow=True)
    for test, text in remarks:
        terminalreporter.line(f"{test} {text}")
    terminalreporter.line(
        "Close what is open before the test ends: leave `with`, `await stream.close()`, "
        "`controller.abort()`, or cancel the task and await it."
    )
