"""The Python words have types that a checker believes in, and slips that it finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_uses_are_typed_and_the_slips_are_found() -> None:
    """In its strictest form it has nothing to say, not even of an ignore that is not needed."""
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    done = subprocess.run(
        [*command, "tests/typing_api.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
