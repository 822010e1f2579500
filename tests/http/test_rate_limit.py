"""The rate limiter over real sockets: the headers count down, then comes the API's own 429."""

from __future__ import annotations

from mockai.http.server import ServerThread
from tests.support.control import Control, send
from tests.support.raw import CHAT, QUESTION


def test_the_limit_counts_down_and_then_refuses(server: ServerThread, control: Control) -> None:
    """Two requests a minute: the third is a scripted 429 that says when to come back."""
    control.script(tokens=3, rate_limit={"requests_per_minute": 2})
    answers = [send(server.url, "POST", control.path + CHAT, QUESTION) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert left == ["1", "0", "0"]
    refused = answers[-1]
    assert (refused.error["type"], refused.error["code"]) == ("requests", "rate_limit_exceeded")
    assert int(refused.headers["retry-after"]) >= 1
    (ended,) = control.wait_for(outcome="failed")
    assert (ended["cause"], ended["status"]) == ("scripted", 429)
