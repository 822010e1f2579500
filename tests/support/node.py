"""The official Node client that the lock pins, for tests that drive it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1] / "functional" / "node"


def node_with_client() -> str:
    """Return the Node that can run the programs; installs the client, or skips with the reason."""
    executable = shutil.which("node")
    if executable is None:
        pytest.skip("there is no node on the PATH")
    if installed() != pinned():
        install()
    return executable


def pinned() -> str:
    """Return the version of the client that is asked for."""
    version: str = json.loads((HOME / "package.json").read_text())["dependencies"]["openai"]
    return version


def installed() -> str | None:
    """Return the version that is there."""
    package = HOME / "node_modules" / "openai" / "package.json"
    return json.loads(package.read_text())["version"] if package.exists() else None


def install() -> None:
    """Install it, or skip with the reason why that cannot be done."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"openai {pinned()} is not in {HOME / 'node_modules'}, and there is no npm")
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    done = subprocess.run(
        [npm, "ci", *quiet], cwd=HOME, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"npm ci failed in {HOME}: {done.stderr.strip()}")
