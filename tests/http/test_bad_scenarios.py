"""Scenarios sent over HTTP: one bad among ten changes nothing, and is named with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.control import Answer, Control, send
from tests.support.raw import CHAT, QUESTION

BAD = {
    "wrong": ("reply: [{faker: -3}]", "reply.0.faker.tokens: must be greater than 0"),
    "unknown": ("reply: [{txet: a}]", "reply.0: a step is a mapping with one key of"),
    "twice": ("reply: []\nreply: []", "reply: duplicate key"),
    "of one name": ("reply: []\nname: s0", "name: 's0' is the name of another scenario"),
    "too far": ("reply: [{text: hi}, {hold: {at_token: 9}}]", "reply.1.hold.at_token: hold at"),
    "too late": ("reply: [{text: hi}, {cut: {at: 9s}}]", "reply.1.cut.at: cut at 9 s: the reply"),
    "too slow": (
        "reply: []\nmatch: {last_user: {regex: '(a|a)*$'}}",
        "match.last_user.regex: the pattern backtracks for ever",
    ),
    "after the end": ("reply: [{finish: stop}, {text: a}]", "reply.0.finish: must be the last"),
    "no text": ("reply: [{text: \x01}]", "not YAML: the character U+0001 is not allowed"),
}


def put(control: Control, text: str) -> Answer:
    """Send several scenarios as YAML."""
    declared = {"Content-Type": "application/yaml"}
    path = f"{control.root}/scenarios"
    return send(control.url, "PUT", path, text.encode(), declared)


def documents(bad: str, *, place: int) -> str:
    """Return ten scenarios, of which one is bad."""
    texts = [f"name: s{number}\nreply: [{{text: new}}]\n" for number in range(10)]
    name = "" if "name:" in bad else f"name: s{place}\n"
    texts[place] = f"{name}{bad}\n"
    return "---\n".join(texts)


@pytest.mark.parametrize("place", [1, 5, 9])
@pytest.mark.parametrize("kind", BAD)
def test_one_bad_of_ten_changes_nothing(control: Control, kind: str, place: int) -> None:
    """Not what is registered, nor its order, nor what a request is answered; and it is named."""
    for name, said in (("s0", "old"), ("s9", "older")):
        control.call("PUT", f"scenarios/{name}", {"reply": [{"text": said}]})
    before = control.call("GET", "scenarios")
    bad, why = BAD[kind]
    refused = put(control, documents(bad, place=place))
    assert refused.status == 400
    message = refused.error["message"]
    source, line, *_ = message.split(":")
    assert source == "body"
    assert 3 * place < int(line) <= 3 * place + 3  # each has three lines at most
    assert why in message
    assert control.call("GET", "scenarios") == before
    answer = send(control.url, "POST", control.path + CHAT, QUESTION)
    assert answer.body["choices"][0]["message"]["content"] == "old"


def test_ten_good_ones_are_all_kept(control: Control) -> None:
    """In their order."""
    assert put(control, documents("reply: [{text: new}]", place=4)).status == 200
    kept = control.call("GET", "scenarios")["scenarios"]
    assert [one["name"] for one in kept] == [f"s{number}" for number in range(10)]


def test_what_is_shown_of_a_scenario_can_be_sent_again(control: Control) -> None:
    """Every step keeps its key, also where its value is the default."""
    reply: list[dict[str, Any]] = [
        {"keepalive": "keep-alive"},
        {"json": None},
        {"hold": None},
        {"tool_call": [{"name": "x"}]},
        {"pause": "250ms"},
        {"error": {"code": "server_error", "nth": 9}},
    ]
    control.call("PUT", "scenarios/a", {"reply": reply, "match": {"json": {"user": None}}})
    shown = control.call("GET", "scenarios/a")
    del shown["played"]
    control.call("PUT", "scenarios/a", shown)
    again = control.call("GET", "scenarios/a")
    assert {key: again[key] for key in shown} == shown
    assert json.dumps(shown["match"]) == '{"json": {"user": null}}'
    assert [next(iter(step)) for step in shown["reply"]] == [next(iter(step)) for step in reply]
