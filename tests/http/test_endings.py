"""The end of a session and of a generation: who is waited for, what is reported, who came late."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.support.control import Control, send
from tests.support.raw import Connect, RawClient

END = {"delete": ("DELETE", ""), "reset": ("POST", "reset")}


def held(control: Control, connect: Connect) -> RawClient:
    """Return a client whose stream stands at a gate."""
    control.script(hold={"at_token": 3}, tokens=20)
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    return client


@pytest.fixture
def own(control: Control) -> Control:
    """A session that a test may end."""
    return Control(control.url)


@pytest.mark.parametrize("how", END)
def test_what_is_still_open_is_cut_and_named(own: Control, connect: Connect, how: str) -> None:
    """Without a wait at once; the report says which by its cause."""
    held(own, connect)
    (left,) = own.call(*END[how])["exchanges"]
    assert (left["outcome"], left["cause"], left["scenario"]) == ("failed", "shutdown", "story")


@pytest.mark.parametrize("how", END)
def test_what_ends_within_the_wait_is_not_cut(own: Control, connect: Connect, how: str) -> None:
    """The end waits for as long as is said, and not a moment longer than needed."""
    client = held(own, connect)
    ended: list[Any] = []
    method, tail = END[how]
    ending = threading.Thread(target=lambda: ended.append(own.call(method, tail, wait=20)))
    ending.start()
    client.close()
    ending.join()
    assert [item["outcome"] for item in ended[0]["exchanges"]] == ["cancelled"]


def test_a_new_generation_can_have_other_settings(own: Control) -> None:
    """Given as to a session that is made; without any, all stays."""
    own.call("POST", "reset", {"strict_match": True})
    assert _status(own) == 404
    own.call("POST", "reset")
    assert _status(own) == 404
    own.call("POST", "reset", {"speed": 1000})
    assert _status(own) == 200


def _status(control: Control) -> int:
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    return send(control.url, "POST", f"{control.path}/chat/completions", asked).status


def test_the_report_has_the_verdicts_that_were_asked_for(own: Control) -> None:
    """Of this generation, in their order; the next begins without."""
    own.call("POST", "reset", {"speed": 1000})
    assert _status(own) == 200
    own.check("completed")
    own.check("cancelled", wait=0)
    report = own.call("POST", "reset")
    assert [item["check"] for item in report["results"]] == ["completed", "cancelled"]
    assert [item["passed"] for item in report["results"]] == [True, False]
    assert own.call("GET", "report")["results"] == []


def test_who_calls_after_the_end_of_his_session_is_known(own: Control) -> None:
    """410 for him, and for whoever asks who came late: which session, which request."""
    before = _late(own)
    assert _status(own) == 200
    own.call("DELETE", "")
    assert _late(own) == before
    assert _status(own) == 410
    (late,) = [item for item in _late(own) if item not in before]
    assert late == (own.session, 410)


def _late(control: Control) -> list[tuple[str, int]]:
    found = send(control.url, "GET", "/_mockai/late").body["exchanges"]
    return [(item["session"], item["status"]) for item in found]
