"""The pytest plugin, in a pytest of its own: fixtures, environment, evidence, and no cost."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
SETTINGS = [
    "-Werror",
    "--strict-markers",
    "-oasyncio_mode=strict",
    "-oasyncio_default_fixture_loop_scope=function",
]
PLUGINS = ["mockai.pytest_plugin", "pytest_asyncio.plugin", "anyio.pytest_plugin", "xdist.plugin"]
FILE = "name: file\nreply: [{text: From a file}]\ntimes: 1\n"
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
    """Run pytest on a test file, with no other plugins than those of this test."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("NO_PROXY", "no_proxy", "MOCKAI_URL"):
        monkeypatch.delenv(name, raising=False)
    return Run(pytester)


class Run:
    """Runs pytest in a process of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, source: str, *options: str) -> pytest.RunResult:
        self._pytester.makepyfile(source)
        self._pytester.makefile(".yaml", file=FILE)
        plugins = [f"-p{name}" for name in PLUGINS]
        return self._pytester.runpytest_subprocess(*plugins, *SETTINGS, *options)


def test_the_fixtures_work_in_every_kind_of_test(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain, unittest, asyncio (strict), anyio; each test has a world; all is put back after it."""
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://before")
    result = run(
        f"""{ASKING}
import unittest
import pytest

seen = {{}}

def test_plain(mockai, mockai_server):
    mockai.script(text="Hi there")
    assert ask() == "Hi there"
    mockai.assert_completed(count=1)
    seen.update(url=mockai_server.url, session=mockai.session)

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

def test_another_world(mockai, mockai_async):
    assert mockai.exchanges() == []
    assert mockai.url == seen["url"]
    assert mockai.session != seen["session"]
    assert mockai_async.session == mockai.session

def test_environment(mockai):
    assert os.environ["OPENAI_BASE_URL"] == mockai.base_url
    assert os.environ["OPENAI_API_KEY"] == mockai.api_key
    assert os.environ["NO_PROXY"] == "example.com,127.0.0.1"
    assert os.environ["no_proxy"] == "127.0.0.1"

def test_environment_is_put_back():
    assert os.environ["OPENAI_BASE_URL"] == "http://before"
    assert os.environ["NO_PROXY"] == "example.com"
    assert "no_proxy" not in os.environ

STORY = {{"name": "marked", "reply": [{{"text": "Marked"}}], "times": 1}}

@pytest.mark.mockai(scenario=[STORY, "file.yaml"], strict_match=True)
class TestMarked:
    @pytest.mark.mockai(speed=1000)
    def test_the_marker_sets_the_session_up(self, mockai):
        assert ask() == "Marked"
        assert ask() == "From a file"
        with pytest.raises(Exception, match="404"):
            ask()

    def test_a_marked_test_uses_the_fixture(self):
        assert ask() == "Marked"

@pytest.fixture
def one(mockai_factory):
    return mockai_factory(policy="charged-499")

def test_more_sessions(one, mockai, mockai_factory):
    two = mockai_factory()
    assert len({{mockai.session, one.session, two.session}}) == 3
    assert one.url == mockai.url
    for client, policy in ((one, "charged-499"), (two, "stop-lag")):
        story = client.script(text="Hi")
        with OpenAI(base_url=client.base_url) as openai:
            openai.chat.completions.create(model="m", messages=[{{"role": "user", "content": "?"}}])
        assert story.wait_for(outcome="completed").bill.policy == policy
""",
        "-rA",
        "--mockai-policy=stop-lag",
    )
    result.assert_outcomes(passed=11)
    result.stdout.no_fnmatch_line("*mockai session*")  # evidence is for failures
    result.stdout.no_fnmatch_line("*mockai:*")


def test_a_failure_shows_what_reached_mockai(run: Run) -> None:
    """Verdicts, timelines, findings; the traceback ends in the test's own line."""
    result = run(
        f"""{ASKING}
import pytest

def test_assertion(mockai):
    story = mockai.script("story", tokens=3)
    ask()
    story.assert_completed()
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

def test_several(mockai, mockai_factory):
    mockai_factory(seed=7)
    raise ValueError

def test_forgotten(mockai_async):
    mockai_async.assert_cancelled(within=0.25)

@pytest.mark.asyncio
async def test_wrong_fixture(mockai):
    mockai.script(hold_at=1).wait_held()

@pytest.mark.mockai(speeed=2)
def test_marked_wrongly(mockai):
    pass

@pytest.mark.mockai(scenario="gone.yaml")
def test_no_such_scenario(mockai):
    pass

def test_unknown_word(mockai):
    mockai.script(tokns=3)

def test_unknown_setting(mockai_factory):
    mockai_factory(policy="nope")

def test_no_loop(mockai_async):
    mockai_async.script().send(None)

def test_gone(mockai, mockai_server):
    mockai_server.stop()
    raise ValueError
"""
    )
    result.assert_outcomes(failed=9, passed=1, errors=4)
    result.stdout.fnmatch_lines(
        [
            ">   *story.assert_cancelled(within=0.25)",
            "E   *AssertionError: expected the client to cancel 'story' within 0.25 s*",
            "*- mockai session 's-*' -*",
            "1 request, none of them to be cancelled; 0 tokens wasted",
            "PASSED  the client did read 'story' to its end",
            "FAILED  expected the client to cancel 'story' within 0.25 s; it did not*",
            "  exchange #1 * scenario 'story'  completed",
            "    0.00 head 200 * done (3 tokens)*",
            "*- mockai session 's-*' -*",
            "no request reached mockai; 0 tokens wasted",
            "none-reached: *Is OPENAI_BASE_URL used?*",
            ">   *await story.assert_completed()",
            "  exchange #1 * scenario 'script-1'  cancelled",
        ]
    )
    for line in (
        "  exchange #1 * scenario 'early'  completed",
        "mockai: never awaited, *: await assert_cancelled(*)",
        "E *this wait would block the event loop*fixture mockai_async*",
        "mockai: *the marker mockai does not know speeed; it takes scenario=…, speed=…*",
        "mockai: *gone.yaml: cannot be read: No such file*",
        "E *script() does not know tokns; it knows expect, finish, hold_at, *",
        "E *unknown policy 'nope'; allowed are stop-now, *",
        "E *AsyncMockAI speaks asyncio, and no loop of asyncio runs here *",
        "no mockai server answers at *",
    ):
        result.stdout.fnmatch_lines([line])
    assert result.stdout.str().count("- mockai session") == 10
    for line in ("*/mockai/client/*", "*/mockai/pytest_plugin/*"):
        result.stdout.no_fnmatch_line(line)  # what its author can mend shows his own lines only


AGAIN = """
import _pytest.runner

def pytest_runtest_protocol(item, nextitem):
    for _ in range(2):
        item._initrequest()
        _pytest.runner.runtestprotocol(item, nextitem=nextitem, log=True)
    return True
"""


def test_a_test_that_is_run_again_begins_again(run: Run, pytester: pytest.Pytester) -> None:
    """As pytest-rerunfailures does: it must not find the world that has ended."""
    pytester.makeconftest(AGAIN)
    result = run("def test_again(mockai):\n    mockai.script(text='Hi')\n    mockai.wait_idle()")
    result.assert_outcomes(passed=2)


WRONG_OPTIONS = {
    "--mockai-policy=nope": "unknown policy 'nope'; allowed are stop-now, *",
    "-omockai_process=maybe": "mockai_process: *'maybe'",
    "-omockai_speed=fast": "mockai_speed: must be a number, or inf (got 'fast')",
    "--mockai-scenarios=gone.yaml": "gone.yaml: cannot be read: No such file or directory",
}


@pytest.mark.parametrize("option", WRONG_OPTIONS)
def test_a_wrong_option_is_told_in_one_line(run: Run, option: str) -> None:
    """Its cure is in the options, so no line of code is shown."""
    result = run("def test_any(mockai):\n    pass", option)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"mockai: *{WRONG_OPTIONS[option]}"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*/mockai/*.py*")


LEAKING = "-Wignore::ResourceWarning"  # what a test leaks on purpose is closed by the exit
RAW = """
import http.client, json, os, threading, time, pytest
from urllib.parse import urlsplit

def begin(stream=True):
    address = urlsplit(os.environ["OPENAI_BASE_URL"])
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": "gpt-4o", "messages": messages, "stream": stream}
    headers = {"Content-Type": "application/json"}
    path = address.path + "/chat/completions"
    def call():
        connection = http.client.HTTPConnection(address.hostname, address.port)
        kept.append(connection)
        connection.request("POST", path, json.dumps(body), headers)
        return connection.getresponse()
    return call

def ask():
    return json.load(begin(stream=False)())["choices"][0]["message"]["content"]

left, kept = [], []
"""
LEAKS = f"""{RAW}
def test_leaks(mockai):
    story = mockai.script("story", tokens=40, hold_at=3)
    left.append(begin()())
    story.wait_held()

def test_calls_later(mockai):
    left.append(begin())

def test_is_called(mockai):
    assert left[-1]().status == 410

def test_another_session_ends_too(mockai_factory, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", mockai_factory().base_url)
    left.append(begin())

def test_is_called_again():
    assert left[-1]().status == 410

def test_closes_in_time(mockai):
    story = mockai.script(tokens=40, hold_at=3)
    stream = begin()()
    story.wait_held()
    threading.Timer(0.2, lambda: (stream.close(), kept[-1].close())).start()
"""
TOLD = [
    "*mockai: left open, or called too late*",
    "*::test_leaks left 1 stream open: 'story' at token 3 of 40, held at 'hold-1'",
    "*::test_calls_later was called once after its end (410): POST /s/s-*/v1/chat/completions",
    "*::test_another_session_ends_too was called once after its end (410): POST /s/s-*",
    "Close what is open before the test ends*",
]


@pytest.mark.parametrize("how", [["-pno:xdist"], ["-n1"]], ids=str)
def test_a_leak_and_a_late_call_are_told_at_the_end(run: Run, how: list[str]) -> None:
    """By the test that is to blame; also when workers of xdist ran it. It passes all the same."""
    result = run(LEAKS, *how, LEAKING)
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(TOLD)
    assert result.stdout.str().count("left 1 stream open") == 1


RESET = f"""{RAW}
call = begin(stream=False)  # built when the module is imported, as an app's client is
url = os.environ["OPENAI_BASE_URL"]

@pytest.fixture(scope="session")
def app():
    assert call().status == 200  # the server runs before any fixture of the suite
    return call

def test_one(mockai, app):
    mockai.script(text="One")
    assert b"One" in app().read()
    assert mockai.base_url == url == os.environ["OPENAI_BASE_URL"]

def test_two(mockai):
    assert mockai.exchanges() == []
    story = mockai.script("story", tokens=40, hold_at=3)
    left.append(begin()())
    story.wait_held()

@pytest.mark.mockai(strict_match=True)
def test_strict(app):
    assert app().status == 404

def test_without_the_fixture(app):
    assert app().status == 200
    left.append(begin()())

def test_last(mockai, mockai_async, mockai_factory):
    assert mockai.exchanges() == []
    assert mockai_async.session == mockai.session != mockai_factory().session
"""


def test_one_stable_url_serves_apps_that_are_built_before_the_test(run: Run) -> None:
    """Each test is a generation; what the one before has left open is cut and named."""
    result = run(RESET, "-omockai_isolation=reset", "-omockai_speed=10", LEAKING)
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["*::test_two left 1 stream open: 'story' at token 3 of 40*"])
    assert result.stdout.str().count(" open: ") == 1  # the other ended within its second


CONFIGURED = f"""{RAW}
@pytest.fixture(scope="session")
def mockai_config(mockai_config):
    assert (mockai_config["speed"], mockai_config["half_close"]) == (5.0, "continue")
    return {{**mockai_config, "speed": 1000, "policy": {{"name": "own", "charge": "full"}}}}

def test_options(mockai, mockai_server, monkeypatch):
    assert ask() == "From a file"
    assert mockai.exchanges()[0].bill.policy == "own"
    assert "ServerProcess" in repr(mockai_server)
    with monkeypatch.context() as frozen:
        frozen.setattr(time, "monotonic_ns", lambda: 5)  # as freezegun does
        mockai.script(text="Frozen")
        assert ask() == "Frozen"
"""


def test_the_suite_decides_how_the_server_is_made(run: Run, tmp_path: Path) -> None:
    """Ini and command line are what `mockai_config` says, which a suite may override."""
    result = run(
        CONFIGURED,
        "-omockai_scenarios=file.yaml",
        "-omockai_process=true",
        "--mockai-speed=5",
        "--mockai-half-close=continue",
        f"--mockai-journal={tmp_path / 'run.jsonl'}",
        LEAKING,
    )
    result.assert_outcomes(passed=1)
    assert (tmp_path / "run.jsonl").read_text().count('"event":"ended"') == 2


def test_an_installation_loads_the_plugin() -> None:
    """By its entry point, under the name by which it can be switched off: `-p no:mockai`."""
    for point in entry_points(group="pytest11", name="mockai"):
        assert point.value == PLUGINS[0]


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
