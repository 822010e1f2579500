"""`mockai report`: the same words from a running server and from its journal file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from mockai.cli import main
from mockai.http.server import ServerThread
from mockai.http.state import ServerOptions
from tests.support.control import Control
from tests.support.raw import RawClient

ROOT = Path(__file__).parents[2]
CHECKS = "- cancelled: {within: 500ms, where: {scenario: story}}\n- completed: {count: 1}\n"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A file that the server writes."""
    return tmp_path / "run.jsonl"


@pytest.fixture
def story(journal: Path) -> Iterator[Control]:
    """A server on which a stream was left at a gate after a mark."""
    server = ServerThread(ServerOptions(journal=journal)).start()
    try:
        control = Control(server.url, "mine")
        control.script(hold={"at_token": 3}, tokens=20)
        with RawClient(server.url) as client:
            client.chat(control.path, stream=True)
            control.wait_held()
            control.mark()
        control.wait_for(outcome="cancelled")
        yield control
    finally:
        server.stop()


@pytest.fixture
def checks(tmp_path: Path) -> str:
    """A file of checks, of which the second fails."""
    path = tmp_path / "checks.yaml"
    path.write_text(CHECKS)
    return str(path)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    code = main(["report", *arguments])
    return code, capsys.readouterr().out


def test_a_server_and_its_journal_tell_the_same(
    story: Control, journal: Path, checks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exchanges, costs and verdicts agree; only the file's clock is coarser."""
    wanted = ["--format", "json", "--checks", checks, "--wait", "0"]
    code, live = asked(capsys, "--url", f"{story.url}/v1", "--session", "mine", *wanted)
    later_code, later = asked(capsys, str(journal), *wanted)
    one, other = _told(live), _told(later)
    assert (code, later_code) == (1, 1)
    assert one["results"] == other["results"]
    assert one == other
    assert one["headline"] == "1 of 1 cancel did cancel; 0 tokens wasted"
    assert [item["passed"] for item in one["results"]] == [True, False]


def _told(text: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(text)
    for key in ("session", "generation"):  # a file may hold several
        told["ledger"].pop(key, None)
    del told["title"]
    return told


def test_every_form_can_be_printed_and_written(
    story: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One to stdout, the others to files."""
    here = ["--url", story.url, "--session", "mine"]
    junit, page = tmp_path / "deep" / "j.xml", tmp_path / "r.html"
    code, text = asked(capsys, *here, "--junit", str(junit), "--html", str(page))
    assert code == 0
    assert "scenario 'story'  cancelled" in text
    assert "policy stop-now" in text
    assert [suite.tests for suite in JUnitXml.fromfile(str(junit))] == [1]
    assert page.read_text() == asked(capsys, *here, "--format", "html")[1]
    assert asked(capsys, *here, "--format", "markdown")[1].startswith("**1 of 1 cancel did")


def test_a_summary_is_appended_to(
    story: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CI job's summary has other parts."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    asked(capsys, "--url", story.url, "--session", "mine", "--summary", str(summary))
    assert summary.read_text().startswith("before\n**1 of 1 cancel did cancel")


def test_where_there_is_nothing_to_report_of_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is not there, and a server that is not: start-up, so 2. Bad checks are 1."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("- nothing: {}\n")
    assert main(["report", str(tmp_path / "gone.jsonl")]) == 2
    assert main(["report", "--url", "http://127.0.0.1:9"]) == 2
    assert main(["report", "--checks", str(bad)]) == 1
    said = capsys.readouterr().err
    assert "cannot read" in said
    assert "no mockai server answers" in said
    assert "a check is a mapping with one key of" in said


@pytest.mark.parametrize("command", ["report empty.jsonl", "serve --port 0", "validate story.yaml"])
def test_a_report_that_cannot_be_printed_is_no_verdict(tmp_path: Path, command: str) -> None:
    """On a full disk: 2, and one line instead of a traceback."""
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "story.yaml").write_text("name: story\nreply: [{text: hi}]\n")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "mockai", *command.split()], cwd=tmp_path, stdout=full,
            stderr=subprocess.PIPE, text=True, check=False, timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    said = "mockai: cannot write to stdout: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (2, said)
