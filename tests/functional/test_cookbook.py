"""The apps of the cookbook: `mockai run` stops the broken one and lets the mended one pass."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
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


def test_the_two_differ_in_the_product_only() -> None:
    """What tries them is the same, letter by letter."""
    for name in ("try_stop.py", "story.yaml"):
        one, other = ((COOKBOOK / app / name).read_text() for app in ("broken-app", "mended-app"))
        assert one == other


@pytest.mark.parametrize("app,code", [("broken-app", 1), ("mended-app", 0)])
def test_mockai_run_stops_the_broken_app_and_lets_the_mended_one_pass(
    tmp_path: Path, app: str, code: int
) -> None:
    """By the recipe's own step, run by bash: the exit code, who demands what, the artefacts."""
    shutil.copytree(COOKBOOK / app, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tests" / "scenarios").mkdir(parents=True)
    (tmp_path / "story.yaml").rename(tmp_path / "tests" / "scenarios" / "story.yaml")
    checks = {"checks": [{"requests": {"count": 1, "quiet": 0}}], "wait": 5}
    (tmp_path / "tests" / "checks.json").write_text(json.dumps(checks))
    for name, words in {"run-tests": "try_stop.py", "mockai": '-m mockai "$@"'}.items():
        (tmp_path / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}\n')
        (tmp_path / name).chmod(0o755)
    (job,) = yaml.safe_load((COOKBOOK / "ci" / "github-run.yml").read_text())["jobs"].values()
    (step,) = [step["run"] for step in job["steps"] if "mockai run" in step.get("run", "")]
    ended = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "MOCKAI_SPEED": "3",
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == code, ended.stderr
    assert "the page shows: " in ended.stdout  # which looks right in both
    said = (
        r"\*\*1 of 1 cancel did not cancel; [1-9]\d* tokens? wasted"
        if code
        else r"\*\*1 of 1 cancel did cancel; \d{1,2} tokens? wasted"  # 0.6 s of a busy machine
    )
    assert re.match(said, (tmp_path / "summary.md").read_text())
    (suite,) = JUnitXml.fromfile(str(tmp_path / "mockai-junit.xml"))
    assert (suite.tests, suite.failures) == (2, code)
    cancelled, _ = suite
    assert cancelled.classname == "scenario 'story'"
    assert "cancel 'story' within 1.5 s of the mark 'stop'" in cancelled.name
    if code:
        assert "it did not (outcome: completed)" in cancelled.result[0].message
    assert (tmp_path / "mockai-report.html").exists()


def test_the_flagship_passes_for_a_fastapi_app() -> None:
    """Under uvicorn, with the async SDK, its client built when the module is imported."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    ended = run(
        COOKBOOK / "fastapi-app", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:faker"
    )
    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout
