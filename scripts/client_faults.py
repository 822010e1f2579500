"""The README's table of faults: what official clients do, as the tests hold them to it.

`python scripts/client_faults.py write`   put it between the README's markers
`python scripts/client_faults.py check`   does the README have it? (a test asks the same)
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.client_faults import FAULTS, Fault  # noqa: E402 - the path comes first
from tests.support.node import pinned  # noqa: E402

README = ROOT / "README.md"
BEGIN, END = "<!-- faults: scripts/client_faults.py -->\n", "<!-- /faults -->\n"


def text() -> str:
    """Return what stands between the markers."""
    return "\n".join([*_table(), ""])


def _table() -> Iterator[str]:
    locked = re.search(r'name = "openai"\nversion = "([^"]+)"', (ROOT / "uv.lock").read_text())
    python = locked[1] if locked else "?"
    yield f"| fault | in a script | openai-python {python} | openai-node {pinned()} |"
    yield "| --- | --- | --- | --- |"
    for fault in FAULTS:
        same = fault.node if fault.node != fault.python else "the same"
        yield f"| {fault.what} | `{_script(fault)}` | {fault.python} | {same} |"


def _script(fault: Fault) -> str:
    return fault.script.replace("|", r"\|")


def main() -> int:
    """Write the table, or say whether it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["write", "check"])
    written = README.read_text(encoding="utf-8")
    before, rest = written.split(BEGIN)
    renewed = before + BEGIN + text() + END + rest.split(END)[1]
    if parser.parse_args().action == "write":
        README.write_text(renewed, encoding="utf-8")
        return 0
    return 0 if renewed == written else 1


if __name__ == "__main__":
    sys.exit(main())
