"""`serve --watch`: a running server takes up its files as they change."""

from __future__ import annotations

from pathlib import Path

from mockai.engine.pacer import VirtualPacer
from mockai.engine.sessions import Sessions
from tests.support.control import Control, send
from tests.support.facts import scenario_of
from tests.support.process import ServeProcess, refusal
from tests.support.raw import CHAT, QUESTION


def said_by(control: Control) -> str:
    """Return what a request is answered."""
    answer = send(control.url, "POST", control.path + CHAT, QUESTION)
    said: str = answer.body["choices"][0]["message"]["content"]
    return said


def test_a_change_reaches_every_session_and_a_broken_file_none(tmp_path: Path) -> None:
    """Sessions that were there before as well as the next; what is broken is said on stderr."""
    file = tmp_path / "story.yaml"
    file.write_text("name: story\nreply:\n  - text: one\n")
    with ServeProcess("--scenarios", str(file), "--watch") as served:
        before = Control(served.url, "before")
        assert said_by(before) == "one"
        file.write_text("name: story\nreply:\n  - text: second\n")
        assert served.said() == "mockai: reloaded, scenarios: story\n"
        assert said_by(before) == said_by(Control(served.url, "after")) == "second"
        file.write_text("name: story\nreply:\n  - txet: three\n")
        assert served.said() == "mockai: not reloaded, what was there before stays:\n"
        assert served.said().startswith(f"{file}:3:5: reply.0: a step is a mapping with one key")
        assert said_by(before) == "second"


def test_watching_nothing_is_refused() -> None:
    """Who forgets --scenarios is told."""
    code, said = refusal("--watch")
    assert (code, said) == (
        2,
        "mockai: --watch looks at the files that --scenarios names: name some\n",
    )


def test_what_is_unchanged_goes_on_as_it_was() -> None:
    """How often it has answered stays; a session's own scripts are not touched."""
    same, old, new = scenario_of(1, name="same"), scenario_of(1), scenario_of(2)
    sessions = Sessions(VirtualPacer(), loaded=[same, old])
    scripts = sessions.get("default").scripts
    scripts.register([scenario_of(1, name="own")])
    for entry in scripts.entries():
        entry.played = 7
    sessions.reload([scenario_of(1, name="same"), new])
    played = {entry.scenario.name: entry.played for entry in scripts.entries()}
    assert played == {"own": 7, "same": 7, "story": 0}
    assert sessions.create("later").scripts.entries()[1].scenario == new
