"""The README's Stop button in other languages: each test passes, and fails for a wrong program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from mockai.http.server import ServerThread
from tests.support.control import Control
from tests.support.vitest import modules

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
LIMIT_S = 90


def block(language: str, marker: str = "") -> str:
    """Return the README's block in a language; `marker` is the comment before it."""
    before = re.escape(f"<!-- run: {marker} -->\n") if marker else ""
    (found,) = re.findall(rf"{before}```{language}\n(.*?)```", README, re.DOTALL)
    text: str = found
    return text


def run(
    command: list[str], folder: Path, server: ServerThread, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command that knows the server."""
    known = {**os.environ, "MOCKAI_URL": server.url, "NO_COLOR": "1", **more}
    return subprocess.run(
        command,
        cwd=folder,
        env=known,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


def vitest(program: str, folder: Path, server: ServerThread) -> subprocess.CompletedProcess[str]:
    """Run a TypeScript test."""
    (folder / "node_modules").symlink_to(modules())
    (folder / "stop.test.ts").write_text(program, "utf-8")
    command = [str(folder / "node_modules/.bin/vitest"), "run", "--root", "."]
    return run(command, folder, server)


def test_the_typescript_test_passes(tmp_path: Path, server: ServerThread) -> None:
    """The official client whose signal is aborted leaves at once."""
    done = vitest(block("ts", "vitest"), tmp_path, server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_typescript_test_fails_with_the_reason_for_a_flag(
    tmp_path: Path, server: ServerThread
) -> None:
    """A Stop that aborts nothing fails, and the report of the verdict is shown."""
    wrong = block("ts", "vitest").replace("this.#stop.abort();", "/* stopped = true */")
    done = vitest(wrong, tmp_path, server)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "expected the client to cancel the stream within 0.25 s" in done.stdout + done.stderr


SHELL: Mapping[str, int] = {"kill $!": 0, ": $!": 1}


@pytest.mark.parametrize("stop, code", SHELL.items())
def test_the_shell_test_passes_and_fails(
    tmp_path: Path, server: ServerThread, control: Control, stop: str, code: int
) -> None:
    """With a Stop that kills the reader, and with one that does nothing."""
    script = block("sh", "stop")
    assert "kill $!" in script
    watched = f"{script.strip().replace('kill $!', stop)} && verdict=0 || verdict=$?\n"
    ended = 'kill $! 2> /dev/null || true\nexit "$verdict"\n'
    done = run(["sh", "-c", watched + ended], tmp_path, server, MOCKAI_SESSION=control.session)
    assert done.returncode == code, done.stdout + done.stderr
    verdict = (tmp_path / "verdict.json").read_text("utf-8")
    assert ('"passed": true' in verdict.partition(",")[0]) is (code == 0)


def test_the_go_test_passes(tmp_path: Path, server: ServerThread) -> None:
    """Only where there is a Go."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no go on the PATH")
    (tmp_path / "go.mod").write_text("module stop\n\ngo 1.22\n", "utf-8")
    (tmp_path / "stop_test.go").write_text(block("go"), "utf-8")
    done = run([go, "test", "-count=1", "./..."], tmp_path, server)
    assert done.returncode == 0, done.stdout + done.stderr
