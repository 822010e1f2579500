"""The README's table of proxies: what each makes of a disconnect, measured with those installed.

`python scripts/proxies.py write`   run them all, and put the table between the README's markers
`python scripts/proxies.py show`    the same, to look at
"""
# ruff: noqa: INP001, T201 - a script, not a package; it prints

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from mockai.http.server import ServerThread  # noqa: E402 - the path comes first
from tests.support.proxies import (  # noqa: E402
    DIRECT,
    PROXIES,
    TITLES,
    Behind,
    running,
)

README = ROOT / "README.md"
BEGIN, END = "<!-- proxies: scripts/proxies.py -->\n", "<!-- /proxies -->\n"


def text() -> str:
    """Return what stands between the markers."""
    versions = _versions()
    return "\n".join([*_table(), "", f"Made with {versions}.", ""])


def _table() -> Iterator[str]:
    yield f"| {' | '.join(TITLES)} |"
    yield f"|{' --- |' * len(TITLES)}"
    server = ServerThread().start()
    yield Behind(server.url, server.url).facts().row(DIRECT)
    for proxy in PROXIES:
        with running(proxy, server.url) as front:
            yield Behind(server.url, front).facts().row(proxy.name)
    server.stop()


def _versions() -> str:
    versions = {proxy.program: proxy.version for proxy in PROXIES}
    missing = [program for program, version in versions.items() if version is None]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    return ", ".join(f"{program} {version}" for program, version in versions.items())


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["write", "show"])
    action, made = parser.parse_args().action, text()
    if action == "show":
        print(made)
        return
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    README.write_text(before + BEGIN + made + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
