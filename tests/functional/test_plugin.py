"""The pytest plugin, in a pytest of its own: fixtures, environment, evidence, and no cost."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
SETTINGS = [
    "-p",
    "no:faker",
    "-W",
    "error",
    "--strict-markers",
    "-oasyncio_mode=strict",
    "-oasyncio_default_fixture_loop_scope=function",
]
ASKING = """
import asyncio, os
from openai import AsyncOpenAI, OpenAI

def ask():
    with OpenAI(max_retries=0) as client:
        messages = [{"role": "user", "content": "Hi"}]
        stream = client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream)

async def read():
    async with AsyncOpenAI(max_retries=0) as client:
        messages = [{"role": "user", "content": "Hi"}]
        asked = client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)
        async with await asked as stream:
            async for _ in stream:
                pass
"""
ASYNC_TEST = """
    story = await mockai_async.script(tokens=40, hold_at=3)
    app = asyncio.create_task(read())
    await story.wait_held()
    async with mockai_async.mark("stop"):
        app.cancel()
    await story.assert_cancelled(within=1, max_tokens=3)
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a test file, with the plugin loaded as an installation would."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("NO_PROXY", "no_proxy", "MOCKAI_URL"):
        monkeypatch.delenv(name, raising=False)
    return Run(pytester)


class Run:
    """Runs pytest in a process of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, source: str, *options: str) -> pytest.RunResult:
        self._pytester.makepyfile(ASKING + source)
        installed = entry_points(group="pytest11", name="mockai")
        plugin = [] if installed else ["-p", "mockai.pytest_plugin"]
        return self._pytester.runpytest_subprocess(*plugin, *SETTINGS, *options)


def test_the_fixtures_work_in_every_kind_of_test(run: Run) -> None:
    """Plain, unittest, pytest-asyncio (strict), anyio, and a loop of the test's own."""
    result = run(
        f"""
import unittest
import pytest

def test_plain(mockai):
    mockai.script(text="Hi there")
    assert ask() == "Hi there"
    mockai.assert_completed(count=1)

class TestCase(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _mockai(self, mockai):
        self.mockai = mockai

    def test_method(self):
        self.mockai.script(text="Hi there")
        assert ask() == "Hi there"
        self.mockai.assert_completed(count=1)

async def story(mockai_async):
    {ASYNC_TEST}

@pytest.mark.asyncio
async def test_asyncio(mockai_async):
    await story(mockai_async)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_anyio(mockai_async, anyio_backend):
    await story(mockai_async)

def test_own_loop(mockai_async):
    asyncio.run(story(mockai_async))
"""
    )
    result.assert_outcomes(passed=5)


def test_each_test_has_a_world_of_its_own(run: Run) -> None:
    """One server, a session for each test; both faces of a test share it."""
    result = run(
        """
seen = {}

def test_one(mockai, mockai_server):
    mockai.script(text="Hi")
    ask()
    assert len(mockai.exchanges()) == 1
    seen.update(url=mockai_server.url, session=mockai.session)

def test_two(mockai, mockai_async):
    assert mockai.exchanges() == []
    assert mockai.url == seen["url"]
    assert mockai.session != seen["session"]
    assert mockai_async.session == mockai.session
"""
    )
    result.assert_outcomes(passed=2)


def test_the_environment_leads_to_the_session_and_is_put_back(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both spellings of NO_PROXY keep what they had; afterwards all is as before."""
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://before")
    result = run(
        """
def test_during(mockai):
    assert os.environ["OPENAI_BASE_URL"] == mockai.base_url
    assert os.environ["OPENAI_API_KEY"] == mockai.api_key
    assert os.environ["NO_PROXY"] == "example.com,127.0.0.1"
    assert os.environ["no_proxy"] == "127.0.0.1"

def test_after():
    assert os.environ["OPENAI_BASE_URL"] == "http://before"
    assert os.environ["NO_PROXY"] == "example.com"
    assert "no_proxy" not in os.environ
"""
    )
    result.assert_outcomes(passed=2)


def test_a_failure_shows_what_reached_mockai(run: Run) -> None:
    """Each exchange with its timeline; the traceback ends in the test's own line."""
    result = run(
        f"""
import pytest

def test_assertion(mockai):
    story = mockai.script("story", tokens=3)
    ask()
    story.assert_cancelled(within=0.25)

def test_unused(mockai):
    assert not mockai

@pytest.mark.asyncio
async def test_async(mockai_async):
    {ASYNC_TEST}
    await story.assert_completed()

@pytest.fixture
def broken(mockai):
    mockai.script("early", text="Hi")
    ask()
    raise ValueError

def test_set_up(broken):
    pass

def test_gone(mockai, mockai_server):
    mockai_server.stop()
    raise ValueError
"""
    )
    result.assert_outcomes(failed=4, errors=1)
    result.stdout.fnmatch_lines(
        [
            ">   *story.assert_cancelled(within=0.25)",
            "E   *AssertionError: expected the client to cancel 'story' within 0.25 s*",
            "*- mockai exchanges -*",
            "<Exchange #1 story completed at token 3 of 3>",
            "  0.* head 200 * done (3 tokens)",
            "*- mockai exchanges -*",
            "no request reached mockai: is OPENAI_BASE_URL used?",
            ">   *await story.assert_completed()",
            "<Exchange #1 script-1 cancelled at token 3 of 40 (*after mark 'stop')>",
        ]
    )
    result.stdout.fnmatch_lines(["<Exchange #1 early completed at token 1 of 1>"])
    result.stdout.fnmatch_lines(["no mockai server answers at *"])
    result.stdout.no_fnmatch_line("*mockai/client/*.py:*: AssertionError")


def test_a_test_that_passes_shows_nothing(run: Run) -> None:
    """Evidence is for failures."""
    result = run("def test_passes(mockai):\n    mockai.script()\n", "-rA")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*mockai exchanges*")


def test_an_assertion_that_is_never_awaited_is_an_error(run: Run) -> None:
    """A verdict that nobody asked for must not be a green test."""
    result = run(
        """
def test_forgotten(mockai_async):
    mockai_async.assert_cancelled(within=0.25)
"""
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*AssertionError: never awaited, *: await assert_cancelled(*)"])


def test_a_wait_in_an_async_test_names_the_other_fixture(run: Run) -> None:
    """The synchronous fixture would block the loop; the error says which one does not."""
    result = run(
        """
import pytest

@pytest.mark.asyncio
async def test_wrong_fixture(mockai):
    mockai.script(hold_at=1).wait_held()
"""
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *this wait would block the event loop*fixture mockai_async*"])


def test_a_suite_that_does_not_use_it_pays_nothing(pytester: pytest.Pytester) -> None:
    """Importing the plugin imports neither the server nor the models."""
    heavy = {"aiohttp", "faker", "mockai.client", "mockai.core", "pydantic", "tiktoken"}
    code = f"""
import pytest, sys
sys.path.append({str(ROOT)!r})
before = set(sys.modules)
import mockai.pytest_plugin
assert not {heavy} & (set(sys.modules) - before)
"""
    assert pytester.run(sys.executable, "-c", code).ret == 0
