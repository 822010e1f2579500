"""The README is run: its programs, its shell lines, its scenario, and what it says of the demo."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from mockai.core.loading import parse_scenarios
from mockai.http.server import ServerThread

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str, *, run: str | None = None) -> list[str]:
    """Return the fenced blocks of a language; `run` those marked `<!-- run: ... -->`."""
    marker = rf"<!-- run: {run} -->\n" if run else ""
    return re.findall(rf"{marker}```{language}\n(.*?)```", README, re.DOTALL)


def test_the_programs_for_pytest_pass(tmp_path: Path) -> None:
    """What a newcomer copies into his test file passes."""
    programs = blocks("python", run="pytest")
    assert programs
    for number, program in enumerate(programs):
        (tmp_path / f"test_readme_{number}.py").write_text(program, encoding="utf-8")
    plugin = [] if _installed() else ["-p", "mockai.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:faker", "-p", "no:cacheprovider", *plugin],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _installed() -> bool:
    from importlib.metadata import entry_points

    return any(point.name == "mockai" for point in entry_points(group="pytest11"))


def test_the_shell_lines_answer() -> None:
    """The lines with curl work against a server that has seen a request."""
    server = ServerThread().start()
    try:
        client = http.client.HTTPConnection(server.url.removeprefix("http://"))
        client.request("POST", "/v1/nothing", body=b"{}")
        assert client.getresponse().status == http.HTTPStatus.NOT_FOUND
        client.close()
        for script in blocks("sh", run="shell"):
            done = subprocess.run(
                ["sh", "-ec", script],
                env={**os.environ, "MOCKAI_URL": server.url},
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            decoder, rest, answers = json.JSONDecoder(), done.stdout, []
            while rest.strip():
                answer, end = decoder.raw_decode(rest.lstrip())
                answers.append(answer)
                rest = rest.lstrip()[end:]
            assert answers
            assert "error" not in answers[0]
    finally:
        server.stop()


def test_the_scenarios_load() -> None:
    """Each YAML block that has a reply is a scenario that loads."""
    found = [block for block in blocks("yaml") if "reply:" in block or "turns:" in block]
    assert found
    for block in found:
        assert parse_scenarios(block, source="README.md")


def test_the_demo_says_what_the_readme_shows() -> None:
    """The demo's two verdicts stand in the README as they are printed."""
    done = subprocess.run(
        [sys.executable, "-m", "mockai", "demo"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    for line in done.stdout.splitlines():
        if "assert_cancelled" in line or "billed" in line:
            assert " ".join(line.split()) in " ".join(README.split())
