"""The README's table of policies is computed, never written by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mockai.core.policy import PRESETS

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "policies.py"
README = ROOT / "README.md"


def test_the_readme_has_the_table_that_the_code_computes() -> None:
    """Who changes a preset, a price or the arithmetic runs `scripts/policies.py write`."""
    done = subprocess.run([sys.executable, SCRIPT, "check"], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode() or "python scripts/policies.py write"


@pytest.mark.parametrize("name", PRESETS)
def test_the_readme_tells_who_disagrees(name: str) -> None:
    """A disputed preset is shown as disputed, with its source and its day."""
    preset, text = PRESETS[name], README.read_text(encoding="utf-8")
    assert preset.source in text
    assert preset.disputed in text
