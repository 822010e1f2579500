"""vitest and the official Node client, as the README's TypeScript test needs them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1] / "functional" / "vitest"
_QUIET = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


def modules() -> Path:
    """Return the folder of the installed modules; installs them, or skips with the reason."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        pytest.skip("there is no node with npm on the PATH")
    found, marker = HOME / "node_modules", HOME / "node_modules" / ".package-lock.json"
    wanted = HOME / "package-lock.json"
    if not marker.exists() or marker.stat().st_mtime < wanted.stat().st_mtime:
        done = subprocess.run(
            [npm, "ci", *_QUIET], cwd=HOME, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"npm ci failed in {HOME}: {done.stderr.strip()}")
    return found
