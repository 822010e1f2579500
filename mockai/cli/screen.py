"""Where `mockai play` shows what happens: lines, and in a terminal a bar below them."""

from __future__ import annotations

import os
from typing import TextIO

BAR = 24
_WORDS = 40
_CLEAR = "\r\x1b[K"


class Screen:
    """Lines only: for files and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def line(self, text: str) -> None:
        """Write a line that stays."""
        print(text, file=self._out, flush=True)

    def progress(self, done: int, total: int, said: str) -> None:
        """Show how far it is, and the newest words: only where that can be written over."""


class Terminal(Screen):
    """A bar below the lines, drawn over again and again."""

    def line(self, text: str) -> None:
        """Write a line in the bar's place; the next bar comes below it."""
        super().line(f"{_CLEAR}{text}")

    def progress(self, done: int, total: int, said: str) -> None:
        """Draw the bar, the tokens, and the newest words."""
        print(f"{_CLEAR}{bar(done, total)}  {newest(said)}", end="", file=self._out, flush=True)


def screen_of(out: TextIO) -> Screen:
    """Return a terminal where there is one."""
    is_terminal = out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return (Terminal if is_terminal else Screen)(out)


def bar(done: int, total: int) -> str:
    """Return a bar and figures: `██████──────  12/24 tokens`."""
    filled = BAR * done // total if total else 0
    return f"  {'█' * filled}{'─' * (BAR - filled)}  {done}/{total} tokens"


def newest(said: str) -> str:
    """Return the end of a text on one line."""
    return on_one_line(said[-4 * _WORDS :])[-_WORDS:]


def on_one_line(said: str) -> str:
    """Return a text without what would move the cursor."""
    return " ".join("".join(one if one.isprintable() else " " for one in said).split())
