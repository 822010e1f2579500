"""`mockai play`: a scenario in the terminal, as a client would see it."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mockai.cli.screen import Screen, Terminal, bar, newest, screen_of

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"
FAST = ("--speed", "inf")


def command(*arguments: object) -> list[str]:
    """Return the command line."""
    return [sys.executable, "-m", "mockai", "play", *map(str, arguments)]


def played(*arguments: object) -> tuple[int, list[str], str]:
    """Play without a terminal; return the exit code, the lines with times as T, and stderr."""
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    lines = [re.sub(r"^  +\d+\.\d{3}  ", "  T  ", line) for line in done.stdout.splitlines()]
    return done.returncode, lines, done.stderr


def test_a_scenario_is_shown_event_by_event() -> None:
    """Gates are released when they have been seen; without a terminal there are only lines."""
    code, lines, _ = played(SCENARIOS / "slow-story.yaml", *FAST)
    assert code == 0
    assert lines[:6] == [
        "slow-story",
        "  T  head 200",
        "  T  first token",
        "  T  held at 'middle' (12 tokens)",
        "  T  released",
        "  T  done (404 tokens)",
    ]
    assert lines[6].startswith("  said      Once upon a time ")
    assert lines[7].startswith("  sent      404 of 404 tokens, ")


@pytest.mark.parametrize(
    "name,said",
    [
        ("wrong-key", ["head 401", "error     Incorrect API key provided"]),
        ("error-in-stream", ["done (5 tokens)", "error     The server had an error while"]),
        ("cut-mid-word", ["failed: scripted", "said      The quick brown", "cut       reset"]),
        ("silence", ["client left (fin, 20 tokens)", "sent      20 of 40 tokens"]),
        ("headers-never", ["client left before the head (fin, 0 tokens)"]),
    ],
)
def test_what_goes_wrong_is_shown(name: str, said: list[str]) -> None:
    """An error's message, how it is cut, and a silence that the client leaves."""
    code, lines, _ = played(SCENARIOS / f"{name}.yaml", *FAST)
    assert code == 0
    for text in said:
        assert any(text in line for line in lines), lines


def test_each_turn_is_played_and_more_calls_if_asked_for() -> None:
    """A tool loop is three calls; a fault of the first call is gone on the second."""
    _, lines, _ = played(SCENARIOS / "tool-loop.yaml", *FAST)
    calls = [line for line in lines if line.startswith("tool-loop")]
    assert calls == [f"tool-loop, call {number} of 3" for number in (1, 2, 3)]
    _, lines, _ = played(SCENARIOS / "rate-limited-then-fine.yaml", *FAST, "--calls", 2)
    assert [line for line in lines if "head" in line] == ["  T  head 429", "  T  head 200"]


def test_a_rate_limiter_refuses_here_too() -> None:
    """With the sentence of the real API."""
    _, lines, _ = played(SCENARIOS / "rate-limiter.yaml", *FAST, "--calls", 4)
    assert sum("error     Rate limit reached for gpt-4o-mini" in line for line in lines) == 1


def test_the_request_can_be_changed(tmp_path: Path) -> None:
    """Its model, what it says, and the seed of the answer."""
    file = tmp_path / "echo.yaml"
    file.write_text("name: echo\nreply:\n  - text: '{request.model}: {request.last_user}'\n")
    _, lines, _ = played(file, "--model", "o3", "--prompt", "Why?")
    assert "  said      o3: Why?" in lines


def test_one_of_several_can_be_chosen(tmp_path: Path) -> None:
    """By its name; a wrong one is told with those that there are."""
    file = tmp_path / "two.yaml"
    file.write_text("name: a\nreply: [text: A]\n---\nname: b\nreply: [text: B]\n")
    assert [line for line in played(file)[1] if "said" in line] == [
        "  said      A",
        "  said      B",
    ]
    assert [line for line in played(file, "--only", "b")[1] if "said" in line] == ["  said      B"]
    code, _, stderr = played(file, "--only", "c")
    assert (code, stderr) == (2, f"mockai: no scenario 'c' in {file}; there are a, b\n")


def test_a_file_that_is_not_there_and_one_that_is_wrong(tmp_path: Path) -> None:
    """2 and 1, as everywhere."""
    assert played(tmp_path / "none.yaml")[::2] == (2, f"mockai: there is no {tmp_path}/none.yaml\n")
    file = tmp_path / "bad.yaml"
    file.write_text("name: a\nreply:\n  - faker: 0\n")
    code, _, stderr = played(file)
    assert code == 1
    assert stderr.startswith(f"{file}:3:5: reply.0.faker")


def test_in_a_terminal_a_bar_is_drawn() -> None:
    """It is written over, and gone at the end."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(SCENARIOS / "slow-story.yaml", "--speed", "50", "--release-after", "1s"),
        stdout=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # how Linux says that the other end of a terminal is closed
            pass
        assert process.wait() == 0
    os.close(ours)
    text = shown.decode()
    assert "\r\x1b[K  ────────────────────────  12/404 tokens  " in text
    assert text.rstrip().split("\x1b[K")[-1].startswith("  sent      404 of 404 tokens")


# ── the screen ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "done,total,drawn",
    [
        (0, 24, "─" * 24 + "  0/24 tokens"),
        (12, 24, "█" * 12 + "─" * 12 + "  12/24 tokens"),
        (24, 24, "█" * 24 + "  24/24 tokens"),
        (0, 0, "─" * 24 + "  0/0 tokens"),
    ],
)
def test_a_bar_is_as_long_as_the_part_that_is_done(done: int, total: int, drawn: str) -> None:
    """And says it in figures."""
    assert bar(done, total) == f"  {drawn}"


def test_words_are_shown_on_one_line() -> None:
    """Whatever an answer says cannot move the cursor."""
    assert newest("one\ntwo\x1b[2Jthree\r\0 four") == "one two [2Jthree four"
    assert newest("a" * 100) == "a" * 40


def test_a_terminal_writes_lines_in_the_place_of_the_bar() -> None:
    """A pipe gets the lines alone, without any control character."""
    for kind, expected in (
        (Screen, "x\n"),
        (Terminal, "\r\x1b[K  " + "─" * 24 + "  0/9 tokens  hi\r\x1b[Kx\n"),
    ):
        out = io.StringIO()
        screen = kind(out)
        screen.progress(0, 9, "hi")
        screen.line("x")
        assert out.getvalue() == expected
    assert type(screen_of(io.StringIO())) is Screen
