"""A session's report over HTTP, in every form."""

from __future__ import annotations

import pytest

from mockai.core.report_forms import FORMS
from tests.support.control import Control
from tests.support.raw import Connect

BEGINS = {
    "text": ("text/plain; charset=utf-8", b"session '"),
    "json": ("application/json", b"{"),
    "junit": ("application/xml; charset=utf-8", b"<?xml version='1.0' encoding='utf-8'?>"),
    "markdown": ("text/markdown; charset=utf-8", b"**1 of 1 cancel did cancel"),
    "html": ("text/html; charset=utf-8", b"<!DOCTYPE html>"),
}


def test_there_is_no_other_form() -> None:
    """Each is tried below."""
    assert tuple(BEGINS) == FORMS


@pytest.mark.parametrize("form", BEGINS)
def test_a_report_comes_in_every_form(control: Control, connect: Connect, form: str) -> None:
    """With its own media type, and with what happened in it."""
    control.script(hold={"at_token": 3}, tokens=20)
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    client.close()
    control.wait_for(outcome="cancelled")
    answer = control.try_call("GET", "report", format=form)
    media_type, beginning = BEGINS[form]
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert (answer.status, headers["content-type"].split(";")[0]) == (200, media_type.split(";")[0])
    assert answer.raw.startswith(beginning)
    assert b"story" in answer.raw


def test_an_unknown_form_is_told(control: Control) -> None:
    """400, and which there are."""
    answer = control.try_call("GET", "report", format="pdf")
    assert (answer.status, answer.error["param"]) == (400, "format")
    assert "text, json, junit, markdown, html" in answer.error["message"]
