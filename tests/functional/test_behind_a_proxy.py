"""What a proxy makes of a disconnect is as the README's table says; the table is measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mockai.http.server import ServerThread
from tests.support.proxies import DIRECT, PROXIES, Behind, Facts, Proxy, alike, running

README = Path(__file__).parents[2] / "README.md"
AGAIN = "python scripts/proxies.py write"


@pytest.fixture(scope="module")
def server() -> Iterator[ServerThread]:
    """A server of this module's own."""
    started = ServerThread().start()
    yield started
    started.stop()


def documented(name: str) -> str:
    """Return a row of the README's table."""
    table = README.read_text(encoding="utf-8").partition("<!-- proxies:")[2]
    rows = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
    assert len(rows) == 1, f"the README has no row '{name}': {AGAIN}"
    return rows[0]


def versions() -> dict[str, str]:
    """Return with which versions the README's table was made."""
    made = README.read_text(encoding="utf-8").partition("Made with ")[2].partition(".\n")[0]
    return {
        program: version
        for program, _, version in (pair.partition(" ") for pair in made.split(", "))
    }


@pytest.mark.parametrize("proxy", PROXIES, ids=lambda proxy: proxy.name.replace("`", ""))
def test_a_proxy_does_to_a_cancel_what_the_readme_says(server: ServerThread, proxy: Proxy) -> None:
    """Every cell is measured again; only latencies and amounts may differ."""
    here, there = proxy.version, versions()[proxy.program]
    if here is None:
        pytest.skip(f"{proxy.program} is not installed")
    if here != there:
        pytest.skip(f"the README's row was made with {proxy.program} {there}, here is {here}")
    with running(proxy, server.url) as front:
        measured = Behind(server.url, front).facts()
    assert alike(measured.row(proxy.name)) == alike(documented(proxy.name)), AGAIN


def test_with_nothing_between_a_cancel_is_seen_as_it_was_made(server: ServerThread) -> None:
    """The row to compare with; it needs no proxy."""
    measured = Behind(server.url, server.url).facts()
    assert alike(measured.row(DIRECT)) == alike(documented(DIRECT)), AGAIN


def test_every_row_of_the_table_is_measured() -> None:
    """The README has no row that nobody runs."""
    table = README.read_text(encoding="utf-8").partition("<!-- proxies:")[2]
    table = table.partition("<!-- /proxies -->")[0]
    names = [
        line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[3:] if "|" in line
    ]
    assert names == [DIRECT, *(proxy.name for proxy in PROXIES)]


def test_only_what_differs_from_run_to_run_is_left_out_of_the_comparison() -> None:
    """A cancel that is not seen, or seen otherwise, is a difference."""
    fast = Facts("as sent", "`fin` after 0.4 ms", "", "", "", "takes 20 KB", "nothing")
    slow = Facts("as sent", "`fin` after 12.0 ms", "", "", "", "takes 30 KB", "nothing")
    late = Facts("as sent", "`fin` at a write, 1 token(s) later", "", "", "", "takes 20 KB", "")
    assert alike(fast.row("a")) == alike(slow.row("a")) != alike(late.row("a"))
