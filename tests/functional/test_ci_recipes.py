"""The recipes of `cookbook/ci` do what they say: their own steps, run by bash as a runner would.

A service is a server started as the image starts it. What cannot be tried here is left out: the
platforms' own services, actions and artefacts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from junitparser import JUnitXml

from mockai.core.journal_file import exchanges_of, read_journal
from tests.support.process import ServeProcess

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "cookbook" / "ci"
ACTION = ROOT / ".github" / "actions" / "mockai" / "action.yml"
SERVICE = re.compile(r"http://(localhost|mockai):8080")
IMAGE = {"MOCKAI_OPEN": "1", "MOCKAI_HOST": "0.0.0.0"}  # noqa: S104 - as the Dockerfile has it
SCENARIO = "name: story\nreply: [{faker: 20}, {hold: {at_token: 5}}]\n"
CHECKS = {"checks": [{"cancelled": {"max_tokens": 5}}], "wait": 5}
PRODUCT = """#!{python}
import http.client, json, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
client = http.client.HTTPConnection(base.hostname, base.port, timeout=20)
key = os.environ["OPENAI_API_KEY"]
headers = {{"authorization": f"Bearer {{key}}", "content-type": "application/json"}}
body = {{"model": "gpt-4o", "stream": True, "messages": [{{"role": "user", "content": "hi"}}]}}
client.request("POST", base.path + "/chat/completions", json.dumps(body), headers)
response = client.getresponse()
while b'data' not in response.readline(): pass
if {stops}:
    client.sock.close()  # what it should have done
    response.close()
else:
    release = http.client.HTTPConnection(base.hostname, base.port, timeout=20)
    path = "/_mockai/sessions/default/gates/hold-1"
    release.request("GET", path + "?wait=5")
    release.getresponse().read()
    release.request("POST", path + "/release", '{{"all": true}}', headers)
    release.getresponse().read()
    response.read()
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A product that stops, with scenarios and checks where the recipes look for them."""
    (tmp_path / "tests" / "scenarios").mkdir(parents=True)
    (tmp_path / "tests" / "scenarios" / "story.yaml").write_text(SCENARIO)
    (tmp_path / "tests" / "checks.json").write_text(json.dumps(CHECKS))
    product(tmp_path, stops=True)
    return tmp_path


def product(repository: Path, *, stops: bool) -> None:
    """Write the product's tests: they pass, whether it stops or not."""
    script = repository / "run-tests"
    script.write_text(PRODUCT.format(python=sys.executable, stops=stops))
    script.chmod(0o755)


def shell(script: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def load(path: Path) -> Any:
    """Return a recipe."""
    return yaml.safe_load(path.read_text("utf-8"))


def github(recipe: Path) -> Any:
    """Return the one job of a GitHub workflow."""
    (job,) = load(recipe)["jobs"].values()
    return job


@pytest.fixture
def service() -> Iterator[str]:
    """A server as the image starts it."""
    with ServeProcess(**IMAGE) as running:
        yield running.url


def addressed(env: dict[str, str], url: str) -> dict[str, str]:
    """Return variables that lead to the server instead of to the platform's service."""
    return {name: SERVICE.sub(url, value) for name, value in env.items()}


@pytest.mark.parametrize("stops", [True, False])
def test_the_github_service_gates(repository: Path, service: str, *, stops: bool) -> None:
    """Upload, run, judge, keep: green for a product that stops, red for one that does not."""
    product(repository, stops=stops)
    job = github(RECIPES / "github-service.yml")
    summary = repository / "summary.md"
    env = addressed(job["env"], service) | {"GITHUB_STEP_SUMMARY": str(summary)}
    results = {s["name"]: shell(s["run"], repository, **env) for s in job["steps"] if "run" in s}
    codes = {name: ended.returncode for name, ended in results.items()}
    assert codes == {
        "Upload the scenarios": 0,
        "Run the product's tests": 0,
        "Ask for the verdicts": 0 if stops else 1,
        "Keep the evidence": 0,
    }, results
    assert outcomes(repository) == ["cancelled" if stops else "completed"]
    fate = "did cancel; 0 tokens" if stops else "did not cancel; 0 tokens"
    assert summary.read_text().startswith(f"**1 of 1 cancel {fate} wasted")
    (suite,) = JUnitXml.fromfile(str(repository / "mockai-junit.xml"))
    assert (suite.tests, suite.failures) == (1, 0 if stops else 1)
    assert "<svg" in (repository / "mockai-report.html").read_text()


def outcomes(repository: Path) -> list[str]:
    """Return what the report that was kept says of each exchange."""
    kept = json.loads((repository / "mockai-report.json").read_text())
    return [item["outcome"] for item in kept["exchanges"]]


def test_the_gitlab_service_gates(repository: Path, service: str) -> None:
    """The same, in GitLab's words."""
    job = load(RECIPES / "gitlab.yml")["test"]
    env = addressed(job["variables"], service)
    for script in [*job["script"], *job["after_script"]]:
        ended = shell(script, repository, **env)
        assert ended.returncode == 0, ended
    assert outcomes(repository) == ["cancelled"]
    kept = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    assert [name for name in kept if not (repository / name).is_file()] == []


class Runner:
    """What a GitHub runner gives a composite action: folders, files and its inputs."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.temp, self.repository = folder, repository
        self.home = folder / "mockai"
        (self.home / "bin").mkdir(parents=True)
        mockai = self.home / "bin" / "mockai"  # in place of what the step `Install` installs
        mockai.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mockai "$@"\n')
        mockai.chmod(0o755)
        self.env = {"RUNNER_TEMP": str(folder), "PYTHONPATH": str(ROOT)}
        for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH"):
            self.env[name] = str(folder / name)

    def start(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the action's step `Start mockai`."""
        action = load(ACTION)
        given = {name: str(entry["default"]) for name, entry in action["inputs"].items()} | inputs
        (step,) = [step for step in action["runs"]["steps"] if step.get("id") == "start"]
        env = {
            name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda found: given[found[1]], value)
            for name, value in step["env"].items()
        }
        return shell(step["run"], self.repository, **self.env, **env)

    def said(self, name: str) -> dict[str, str]:
        """Return what the action has set."""
        lines = Path(self.env[name]).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def stop(self) -> None:
        """Do what the runner does at the end of a job."""
        pid = self.home / "pid"
        if pid.exists():
            subprocess.run(
                ["kill", pid.read_text().strip()], check=False, stderr=subprocess.DEVNULL
            )


@pytest.fixture
def runner(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Runner]:
    """A runner with the product checked out."""
    made = Runner(tmp_path_factory.mktemp("runner"), repository)
    yield made
    made.stop()


@pytest.mark.parametrize("stops", [True, False])
def test_the_composite_action_starts_a_server_and_says_where(
    runner: Runner, repository: Path, *, stops: bool
) -> None:
    """Later steps find it in their environment, and the command; the journal is a file to keep."""
    product(repository, stops=stops)
    started = runner.start(scenarios="tests/scenarios")
    assert started.returncode == 0, started
    env, outputs = runner.said("GITHUB_ENV"), runner.said("GITHUB_OUTPUT")
    assert env["OPENAI_BASE_URL"] == outputs["url"] + "/v1"
    path = Path(runner.env["GITHUB_PATH"]).read_text().strip()
    assert [file.name for file in Path(path).iterdir()] == ["mockai"]
    env["PATH"] = f"{path}:{os.environ['PATH']}"
    env["GITHUB_STEP_SUMMARY"] = str(repository / "summary.md")
    env["PYTHONPATH"] = str(ROOT)
    job = github(RECIPES / "github-action.yml")
    ended = [shell(step["run"], repository, **env) for step in job["steps"] if "run" in step]
    assert [item.returncode for item in ended] == [0, 0 if stops else 1], ended
    assert (repository / "summary.md").read_text().startswith("**1 of 1 cancel did")
    assert (repository / "mockai-report.html").is_file()
    (suite,) = JUnitXml.fromfile(str(repository / "mockai-junit.xml"))
    assert (suite.tests, suite.failures) == (1, 0 if stops else 1)
    found = exchanges_of(read_journal(Path(outputs["journal"]).read_text()))
    assert [item["outcome"] for item in found] == ["cancelled" if stops else "completed"]


def test_the_composite_action_fails_when_the_server_does_not_start(runner: Runner) -> None:
    """With the server's own words, instead of waiting for ever."""
    started = runner.start(scenarios="tests/no-such-folder")
    assert started.returncode == 2
    assert "no-such-folder" in started.stdout


@pytest.mark.parametrize("recipe", ["github-service.yml", "github-action.yml", "github-run.yml"])
def test_a_recipe_passes_inputs_by_the_environment_only(recipe: str) -> None:
    """An expression inside a script would be pasted into it as code."""
    for job in (github(RECIPES / recipe), {"steps": load(ACTION)["runs"]["steps"]}):
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
