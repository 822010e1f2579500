"""The Stop button stops the generation, all the way through the app."""

from __future__ import annotations

import urllib.request
from http.client import HTTPResponse

from mockai import MockAI


def ask(app_url: str) -> HTTPResponse:
    """Ask as the browser does, and return the answer while it streams."""
    return urllib.request.urlopen(f"{app_url}/ask?prompt=Tell+me+a+story", timeout=20)


def test_the_stop_button_stops(mockai: MockAI, app_url: str) -> None:
    """The browser leaves; the model's stream is closed at once, and no token more is paid for."""
    story = mockai.script(tokens=400, hold_at=12)  # 12 tokens, then the stream waits at a gate
    browser = ask(app_url)
    story.wait_held()
    with mockai.mark("stop"):
        browser.close()
    story.assert_cancelled(within=0.25, max_tokens=12)
    story.assert_billed(max_tokens=12)
    mockai.assert_no_retry_after_cancel()


def test_whoever_reads_on_gets_it_all(mockai: MockAI, app_url: str) -> None:
    """Another test, another script, the same app: its client needs no new address."""
    story = mockai.script(text="Once upon a time")
    with ask(app_url) as browser:
        assert browser.read() == b"Once upon a time"
    story.assert_completed()
