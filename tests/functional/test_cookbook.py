"""The apps of the cookbook: `mockai run` stops the broken one and lets the mended one pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from junitparser import JUnitXml

ROOT = Path(__file__).parents[2]
COOKBOOK = ROOT / "cookbook"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, away from any mockai of this run."""
    bare = {name: value for name, value in os.environ.items() if "MOCKAI_" not in name}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**bare, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def gate(app: str, junit: Path) -> subprocess.CompletedProcess[str]:
    """Gate an app as its own words say."""
    outputs = ["--junit", str(junit), "--scenario", "story.yaml"]
    return run(COOKBOOK / app, "mockai", "run", *outputs, "--", sys.executable, "try_stop.py")


def test_the_broken_app_does_not_pass(tmp_path: Path) -> None:
    """Its page looks right; exit 1, and JUnit says which check, demanded by whom, and why."""
    ended = gate("broken-app", tmp_path / "junit.xml")
    assert ended.returncode == 1, ended.stderr
    assert "the page shows: " in ended.stdout
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    (case,) = suite
    assert case.classname == "scenario 'story'"
    assert "cancel 'story' within 1.5 s" in case.name
    assert "it did not (outcome: completed)" in case.result[0].message


def test_the_mended_app_passes(tmp_path: Path) -> None:
    """The same tester, the same scenario: exit 0."""
    ended = gate("mended-app", tmp_path / "junit.xml")
    assert ended.returncode == 0, ended.stderr
    (suite,) = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (suite.tests, suite.failures) == (1, 0)


def test_the_two_differ_in_the_product_only() -> None:
    """What tries them is the same, letter by letter."""
    for name in ("try_stop.py", "story.yaml"):
        one, other = ((COOKBOOK / app / name).read_text() for app in ("broken-app", "mended-app"))
        assert one == other


def test_the_flagship_passes_for_a_fastapi_app() -> None:
    """Under uvicorn, with the async SDK, its client built when the module is imported."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    ended = run(
        COOKBOOK / "fastapi-app", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:faker"
    )
    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout
