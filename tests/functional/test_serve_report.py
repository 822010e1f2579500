"""What `mockai serve` leaves behind when it is told to stop: a report, and if asked a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from junitparser import JUnitXml

from tests.support.control import Control
from tests.support.process import ServeProcess
from tests.support.raw import RawClient

STORY = """
name: story
reply: [{faker: 20}, {hold: {at_token: 3}}]
expect: [{cancelled: {max_tokens: 3}}]
"""
FAILING = "- completed: {}\n"


def serve(folder: Path, *options: str) -> tuple[int, str]:
    """Serve one client, which leaves at the gate; return the exit code and what was said."""
    (folder / "story.yaml").write_text(STORY)
    (folder / "checks.yaml").write_text(FAILING)
    with ServeProcess("--scenarios", str(folder / "story.yaml"), *options) as server:
        control = Control(server.url)
        with RawClient(server.url) as client:
            client.chat(control.path, stream=True)
            control.wait_held()
        control.wait_for(outcome="cancelled")
        control.call("DELETE", "")  # what an ended session has seen is reported too
        server.signal()
        return server.wait()


GATES = [([], 0), (["--gate"], 0), (["--checks", "checks.yaml", "--gate"], 1)]


@pytest.mark.parametrize("options,code", GATES, ids=["report", "gate", "gate, failing"])
def test_the_report_is_written_when_it_is_told_to_stop(
    tmp_path: Path, options: list[str], code: int
) -> None:
    """Exit 0; 1 only when it was asked to gate and a check failed."""
    here = [str(tmp_path / name) if name.endswith(".yaml") else name for name in options]
    junit, report = tmp_path / "j.xml", tmp_path / "r.json"
    ended, said = serve(tmp_path, "--junit", str(junit), "--json", str(report), *here)
    assert ended == code, said
    assert "1 of 1 cancel did cancel; 0 tokens wasted" in said
    (suite,) = JUnitXml.fromfile(str(junit))
    assert suite.failures == code
    results = json.loads(report.read_text())["results"]
    assert [item["check"] for item in results] == ["cancelled", "completed"][: suite.tests]


def test_without_being_asked_it_says_nothing(tmp_path: Path) -> None:
    """A server is no test."""
    assert serve(tmp_path) == (0, "")
