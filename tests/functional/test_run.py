"""`mockai run`: a command against a server of its own, judged when it has ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, os, sys, time, urllib.request
from openai import OpenAI

def ask():
    messages = [{"role": "user", "content": "Tell me a story"}]
    return client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)

def wait_for_cancel():
    url, session = os.environ["MOCKAI_URL"], os.environ["MOCKAI_SESSION"]
    path = f"{url}/_mockai/sessions/{session}/exchanges?outcome=cancelled&wait=5"
    urllib.request.urlopen(path).read()

client = OpenAI(max_retries=0)
"""
LEAK = "stream = ask(); next(iter(stream))"
CLOSE = f"{LEAK}; stream.close()"
CANCEL = f"{CLOSE}; wait_for_cancel()"
STORY = "name: story\nreply: [{faker: 40}]\npace: {tokens_per_second: 40}\n"


class Ended:
    """A run that has ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.said = done.returncode, done.stdout, done.stderr


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run things in a folder of their own."""
    return Run(tmp_path)


class Run:
    """Runs `mockai run` with a Python program as its command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bare = {name: value for name, value in os.environ.items() if "MOCKAI_" not in name}
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.environment = {**bare, "PYTHONPATH": path}

    def file(self, name: str, text: str) -> str:
        """Write a file, and return its path."""
        (self.folder / name).write_text(text, encoding="utf-8")
        return str(self.folder / name)

    def command(self, program: str, *options: str) -> list[str]:
        """Return the command line that runs a program."""
        path = self.file("program.py", PROGRAM + program)
        return [sys.executable, "-m", "mockai", "run", *options, "--", sys.executable, path]

    def __call__(self, program: str, *options: str) -> Ended:
        return self.raw(*self.command(program, *options)[4:])

    def raw(self, *arguments: str) -> Ended:
        """Run `mockai run` with these arguments."""
        return Ended(
            subprocess.run(
                [sys.executable, "-m", "mockai", "run", *arguments],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                cwd=self.folder,
                env=self.environment,
            )
        )


def test_a_program_that_leaks_and_exits_is_not_green(run: Run) -> None:
    """The exit closes the stream, which looks like a perfect cancel: inconclusive, and the cure."""
    checks = run.file("checks.yaml", "- cancelled: {}\n")
    ended = run(LEAK, "--checks", checks, "--junit", "out/junit.xml")
    assert ended.code == 1
    assert "INCONCLUSIVE  cancelled" in ended.said
    assert "exchanges?outcome=cancelled&wait=2" in ended.said
    (suite,) = JUnitXml.fromfile(str(run.folder / "out" / "junit.xml"))
    assert [failure.type for case in suite for failure in case.result] == ["inconclusive"]


LATER = "import time, openai; openai.OpenAI().models.list(); time.sleep(1.2)"
"""Asks, and outlives the second that is a sign of life: living longer would change nothing."""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells processes apart")
@pytest.mark.parametrize("program, code", [(LEAK, 1), (CANCEL, 0)])
def test_a_runner_that_lives_on_does_not_excuse_a_leak(run: Run, program: str, code: int) -> None:
    """`run -- npm test` must not be green because npm, or another test, lives longer."""
    checks = run.file("checks.yaml", "- cancelled: {}\n")
    path = run.file("program.py", PROGRAM + program)
    wrapper = f'"$0" {path}; "$0" -c "{LATER}"'
    ended = run.raw("--checks", checks, "--", "sh", "-c", wrapper, sys.executable)
    assert ended.code == code, ended.said
    assert ("the end of the process that had asked" in ended.said) == bool(code)


def test_a_program_that_closes_and_shows_that_it_lives_is_green(run: Run) -> None:
    """What the scenario expects and what the file demands are judged, and every form is written."""
    expect = "expect: [{cancelled: {max_tokens: 30}}]\n"
    scenario = run.file("story.yaml", STORY + expect)
    checks = run.file("checks.json", json.dumps([{"billed": {"max_tokens": 30}}]))
    files = ["--summary", "s.md", "--json", "r.json", "--html", "r.html", "--junit", "j.xml"]
    ended = run(f"{CANCEL}; print('mine')", "--scenario", scenario, "--checks", checks, *files)
    assert (ended.code, ended.out) == (0, "mine\n"), ended.said
    assert "1 of 1 cancel did cancel; 0 tokens wasted" in ended.said
    report = json.loads((run.folder / "r.json").read_text())
    demanded = [(item["origin"], item["check"], item["passed"]) for item in report["results"]]
    assert demanded == [("scenario 'story'", "cancelled", True), (checks, "billed", True)]
    assert (run.folder / "s.md").read_text().startswith("**1 of 1 cancel did cancel")
    assert "<svg" in (run.folder / "r.html").read_text()
    (suite,) = JUnitXml.fromfile(str(run.folder / "j.xml"))
    assert (suite.tests, suite.failures) == (2, 0)


ENVIRONMENT = """
names = ["OPENAI_BASE_URL", "OPENAI_API_KEY"]
names += ["MOCKAI_URL", "MOCKAI_SESSION", "NO_PROXY", "no_proxy"]
print(json.dumps({name: os.environ[name] for name in names}))
sys.exit(3)
"""


def test_the_command_finds_its_way_and_keeps_its_exit_code(run: Run) -> None:
    """The environment leads to the session, past any proxy; code 3 is the command's own."""
    run.environment |= {"NO_PROXY": "example.com"}
    run.environment.pop("no_proxy", None)
    ended = run(ENVIRONMENT)
    found = json.loads(ended.out)
    url = found["MOCKAI_URL"]
    assert found == {
        "OPENAI_BASE_URL": f"{url}/s/run/v1",
        "OPENAI_API_KEY": "sk-mockai-run",
        "MOCKAI_URL": url,
        "MOCKAI_SESSION": "run",
        "NO_PROXY": "example.com,127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    assert ended.code == 3
    assert "exit code 3: the command's own" in ended.said
    assert "nothing was expected: no check was given" in ended.said


OWN_SESSION = """
request = urllib.request.Request(os.environ["MOCKAI_URL"] + "/_mockai/sessions/own", method="PUT")
made = json.load(urllib.request.urlopen(request))
client = OpenAI(base_url=made["base_url"])
list(ask())
"""


def test_requests_in_sessions_of_the_command_s_own_are_told(run: Run) -> None:
    """They are not judged, which must not look as if none had come."""
    ended = run(OWN_SESSION)
    assert (ended.code, "1 request came in other sessions" in ended.said) == (0, True), ended.said


def test_a_failed_check_outranks_the_command_s_own_code(run: Run) -> None:
    """1 is a verdict; what the command said is told too."""
    ended = run("sys.exit(3)", "--checks", run.file("c.yaml", "- completed: {}\n"), "--wait", "0")
    assert ended.code == 1
    assert "not every check passed; the command itself exited with 3" in ended.said
    assert "no request reached mockai: is OPENAI_BASE_URL used?" in ended.said


WRONG: dict[str, tuple[list[str], int, str]] = {
    "nothing to run": ([], 2, "say what to run"),
    "nothing after the dashes": (["--"], 2, "say what to run"),
    "an unknown option": (["--nope", "--", "true"], 2, "unrecognized arguments"),
    "a command that is not there": (["--", "no-such-thing"], 127, "'no-such-thing' was not found"),
    "a command that is none": (["--", "./story.yaml"], 126, "cannot be started"),
    "a bad scenario": (
        ["--scenario", "bad.yaml", "--", "true"],
        1,
        "bad.yaml:2:1: name: must be text",
    ),
    "bad checks": (["--checks", "bad.yaml", "--", "true"], 1, "unknown key"),
    "no checks": (["--checks", "gone.yaml", "--", "true"], 1, "cannot be read"),
    "a file that cannot be written": (["--json", "/proc/x/y", "--", "true"], 2, "cannot write"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_done_says_so(run: Run, case: str) -> None:
    """Usage and start-up are 2, an invalid scenario or check 1, a command that is not there 127."""
    arguments, code, said = WRONG[case]
    run.file("bad.yaml", "reply: []\nname: 3\n")
    run.file("story.yaml", STORY)
    ended = run.raw(*arguments)
    assert (ended.code, said in ended.said) == (code, True), ended.said
    assert "Traceback" not in ended.said


SIGNALLED = """
import signal
def told(number, frame):
    print("told", signal.Signals(number).name, flush=True)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
signal.signal(signal.SIGTERM, told)
signal.signal(signal.SIGINT, told)
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_the_command(run: Run, number: signal.Signals) -> None:
    """It ends in its own way; the code is 128 + n, and stderr says by which."""
    process = subprocess.Popen(
        run.command(SIGNALLED),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=run.folder,
        env=run.environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, said = process.communicate(timeout=60)
    assert (out, process.returncode) == (f"told {number.name}\n", 128 + number)
    assert f"the command was ended by {number.name}" in said


def test_a_signal_that_is_ignored_stays_ignored(run: Run) -> None:
    """`nohup` protects the command as well."""
    program = "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *run.command(program)]
    done: Any = subprocess.run(
        command, capture_output=True, text=True, check=True, env=run.environment, timeout=60
    )
    assert done.stdout == "True\n"
