"""The README's table of command line options: what each does, and for which commands it is there.

`python scripts/options.py write`   put it between the README's markers
`python scripts/options.py check`   does the README have it? (a test asks the same)
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from mockai.cli import COMMANDS  # noqa: E402 - the path comes first

README = ROOT / "README.md"
BEGIN, END = "<!-- options: scripts/options.py -->\n", "<!-- /options -->\n"
VARIABLE = re.compile(r" \[MOCKAI_[^\]]*\]$")


def table() -> Iterator[str]:
    """Yield the lines of the table: an option stands once for all commands that mean the same."""
    found: dict[tuple[str, str], list[str]] = {}
    for command in COMMANDS:
        for flag, about in _options(command):
            found.setdefault((flag, about), []).append(command)
    yield "| option | of | does |\n| --- | --- | --- |\n"
    for (flag, about), commands in found.items():
        yield f"| `{flag}` | {', '.join(commands)} | {about} |\n"


def _options(command: str) -> Iterator[tuple[str, str]]:
    parser = argparse.ArgumentParser(add_help=False)
    import_module(f"mockai.cli.{command}").add_options(parser)
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        words = VARIABLE.sub("", (action.help or "").replace("%%", "%"))
        name = max(action.option_strings, key=len, default=str(action.metavar))
        yield name, words.replace("|", "\\|")


def main() -> int:
    """Write the table, or say whether it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("do", choices=("write", "check"))
    asked = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("MOCKAI_")]:
        del os.environ[name]  # they would be shown as defaults
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    wanted = f"{before}{BEGIN}{''.join(table())}{END}{after}"
    if asked.do == "write":
        README.write_text(wanted, encoding="utf-8")
    return 0 if wanted == text or asked.do == "write" else 1


if __name__ == "__main__":
    raise SystemExit(main())
