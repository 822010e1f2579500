"""`MockAI` against a real server, with the official OpenAI client as the product under test."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import mockai as api
from mockai.client import AsyncMockAI, AsyncScript, MockAI, Script
from mockai.client.calls import Call, Flow
from mockai.core.errors import ConflictError, MockaiError, NotFoundError, ScenarioError
from mockai.http.server import ServerThread
from tests.support.product import Product
from tests.support.raw import RawClient


@pytest.fixture
def mockai(server: ServerThread) -> Iterator[MockAI]:
    """A session of its own on the shared server."""
    with MockAI(server.url) as client:
        yield client


@pytest.fixture
def app(mockai: MockAI) -> Iterator[Product]:
    """The product, talking to that session."""
    with Product(mockai.base_url, mockai.api_key) as product:
        yield product


# ── what it is for ───────────────────────────────────────────────────────────────────────────


def test_the_stop_button_stops(mockai: MockAI, app: Product) -> None:
    """A product that closes its stream on Stop passes, and the bill ends where it stopped."""
    story = mockai.script(tokens=400, hold_at=12)
    app.ask("Tell me a story")
    assert [held.token for held in story.wait_held().held] == [12]
    with mockai.mark("stop"):
        app.press_stop()
    story.assert_cancelled(within=0.25, max_tokens=12)
    story.assert_billed(max_tokens=12)
    (exchange,) = story.exchanges
    assert exchange.marks[0].name == "stop"
    assert exchange.request.body["messages"][0]["content"] == "Tell me a story"


def test_scripts_come_from_files_too(mockai: MockAI, app: Product, tmp_path: Path) -> None:
    """In the order in which they are named; each is a script like any other."""
    (tmp_path / "first.yaml").write_text(
        "name: first\nmatch: {last_user: {contains: one}}\n"
        "reply: [{faker: 9}, {hold: {name: middle, at_token: 4}}]\n"
    )
    second = {"name": "second", "turns": [[{"text": "a"}], [{"hold": "end"}, {"text": "b"}]]}
    scripts = mockai.load("first.yaml", second, folder=tmp_path)
    assert [(script.name, script.gates) for script in scripts] == [
        ("first", ("middle",)),
        ("second", ("end",)),
    ]
    app.ask("number one")
    scripts[0].wait_held()
    app.press_stop()
    scripts[0].assert_cancelled(max_tokens=4)


def test_a_file_with_a_mistake_is_told_by_its_place(mockai: MockAI, tmp_path: Path) -> None:
    """And nothing of what stands beside it is kept."""
    (tmp_path / "bad.yaml").write_text("name: bad\nreply: [{faker: -1}]\n")
    good = {"name": "good", "reply": [{"text": "a"}]}
    with pytest.raises(ScenarioError, match=r"bad\.yaml:2:10: reply\.0\.faker"):
        mockai.load(good, "bad.yaml", folder=tmp_path)
    assert mockai.script(text="x").name == "script-1"
    assert mockai.drive(scenario_names(mockai.session)) == ["script-1"]


def scenario_names(session: str) -> Flow[list[str]]:
    """Return the names of the scenarios that a session has of its own."""
    answer = yield Call("GET", f"/_mockai/sessions/{session}/scenarios")
    return [item["name"] for item in answer.json()["scenarios"]]


def test_a_stop_button_that_does_nothing_is_told_so(mockai: MockAI, app: Product) -> None:
    """The assertion's text is the verdict's report: expected, seen, and the timeline."""
    story = mockai.script(tokens=40, hold_at=12)
    answer = app.ask()
    story.wait_held()
    mockai.mark("stop")
    story.release()
    answer.result()
    with pytest.raises(AssertionError) as raised:
        story.assert_cancelled(within=0.25, since="stop")
    text = str(raised.value)
    assert text.startswith("expected the client to cancel 'script-1' within 0.25 s")
    assert "completed" in text
    assert re.search(r"timeline  \d\.\d\d head 200", text)
    story.assert_completed(count=1)


def test_a_second_round_waits_for_its_own_stream(mockai: MockAI, app: Product) -> None:
    """What stood at the gate in the first round has not missed it: the wait is for the next one."""
    story = mockai.script(tokens=40, hold_at=12)
    for asked in (1, 2):
        app.ask()
        story.wait_held()
        with mockai.mark("stop"):
            app.press_stop()
        story.assert_cancelled(within=0.25, max_tokens=12, count=asked)


def test_a_script_waits_only_for_its_own_streams(mockai: MockAI, app: Product) -> None:
    """A gate's name is a label that several scripts may share."""
    one = mockai.script("one", model="one", hold_at=3)
    other = mockai.script("other", model="other", hold_at=3)
    app.ask(model="one")
    one.wait_held()
    with pytest.raises(AssertionError, match="'other' to be held at gate 'hold-1'"):
        other.wait_held(timeout=0)


# ── scripts and exchanges ────────────────────────────────────────────────────────────────────


def test_scripts_are_numbered_unless_they_are_named(mockai: MockAI) -> None:
    """A name is needed only where somebody reads it, and the status line shows it."""
    first, named, second = mockai.script(), mockai.script("story", hold_at=[1, 2]), mockai.script()
    assert [script.name for script in (first, named, second)] == ["script-1", "story", "script-2"]
    assert repr(first) == f"<Script script-1 in session '{mockai.session}'>"
    assert repr(named) == f"<Script story in session '{mockai.session}' holds at hold-1, hold-2>"


def test_an_invalid_script_is_refused_by_the_server_in_one_sentence(mockai: MockAI) -> None:
    """The server validates, whatever the language: the client only hands its words on."""
    with pytest.raises(ScenarioError, match=r"tokens.* greater than 0"):
        mockai.script(tokens=-3)
    with pytest.raises(ScenarioError, match="only 3 tokens"):
        mockai.script(tokens=3, hold_at=4)
    assert issubclass(ScenarioError, MockaiError)


def test_exchanges_are_found_by_what_they_are(mockai: MockAI, app: Product) -> None:
    """Filters select; a script sees only what it answered."""
    short, other = mockai.script(text="Hi", model="a"), mockai.script(text="Ho", model="b")
    assert app.ask(model="a").result() == "Hi"
    assert app.ask(model="b").result() == "Ho"
    (hi,) = short.wait_for_exchanges()
    (ho,) = mockai.wait_for_exchanges(model="b", outcome="completed")
    assert (hi.request.model, ho.scenario) == ("a", other.name)
    assert mockai.exchanges() == [hi, ho]
    assert mockai.exchanges(request_id=ho.request_id) == [ho]
    assert mockai.exchanges(outcome="open") == []


def test_the_two_sides_of_a_relay_are_paired_by_their_trace(mockai: MockAI) -> None:
    """An application that hands `traceparent` on is asked about one request of many."""
    mockai.script(tokens=20, hold_at=5)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    path = f"/s/{mockai.session}/v1"
    with RawClient(mockai.url) as other, RawClient(mockai.url) as client:
        other.chat(path, stream=True)
        client.chat(path, f"traceparent: 00-{trace}-00f067aa0ba902b7-01", stream=True)
        client.read_tokens(5)
        client.half_close()
        left = mockai.wait_for(trace_id=trace, outcome="cancelled")
        assert [item.outcome for item in mockai.exchanges() if item != left] == ["open"]
    assert left.request.traceparent is not None


def test_a_client_that_half_closes_is_served_on_where_that_is_asked_for(
    server: ServerThread,
) -> None:
    """`half_close="continue"`: the FIN is an event, and the answer goes on to its end."""
    with MockAI(server.url, half_close="continue") as mockai, RawClient(server.url) as client:
        story = mockai.script(tokens=20, hold_at=5)
        client.chat(f"/s/{mockai.session}/v1", stream=True)
        story.wait_held()
        client.half_close()
        while mockai.exchanges()[0].half_closed_s is None:
            pass  # each call is a turn of the server's loop
        story.release()
        assert story.assert_completed() is None
        assert "client half-closed" in mockai.exchanges()[0].timeline


def test_waiting_for_exchanges_in_vain_asks_for_the_base_url(mockai: MockAI) -> None:
    """Nothing came: the first thing to look at is named."""
    with pytest.raises(AssertionError, match="expected 1 exchange with scenario 'script-1'") as no:
        mockai.script().wait_for_exchanges(timeout=0)
    assert "is OPENAI_BASE_URL used?" in str(no.value)


def test_reset_begins_a_new_world(mockai: MockAI, app: Product) -> None:
    """Scripts, exchanges and open gates of before are gone."""
    mockai.script(text="Hi")
    app.ask().result()
    mockai.release("door", all=True)
    assert mockai.gate("door").open
    mockai.reset()
    assert mockai.exchanges() == []
    assert not mockai.gate("door").open


# ── gates ────────────────────────────────────────────────────────────────────────────────────


def test_a_stream_can_be_let_on_token_by_token(mockai: MockAI, app: Product) -> None:
    """`release(tokens=N)` sends N more and holds again; `all` lets it run."""
    story = mockai.script(tokens=9, hold_at=2)
    app.ask()
    assert story.wait_held().held[0].token == 2
    assert story.release(tokens=3) == 1
    assert story.wait_held().held[0].token == 5
    assert story.release(all=True) == 1
    story.assert_completed()
    assert [hold.token for hold in story.exchanges[0].holds] == [2, 5]


def test_a_script_lets_go_only_its_own_streams(mockai: MockAI, app: Product) -> None:
    """Two scripts share the gate `hold-1`; the session's `release` means everybody there."""
    first = mockai.script(tokens=9, hold_at=2, model="a")
    other = mockai.script(tokens=9, hold_at=2, model="b")
    app.ask(model="a")
    app.ask(model="b")
    assert len(mockai.wait_held("hold-1", count=2).held) == 2
    assert first.release() == 1
    first.assert_completed()
    assert other.exchanges[0].standing_at == "hold-1"
    assert mockai.release("hold-1", exchange=other.exchanges[0].id) == 1
    other.assert_completed()


def test_nobody_at_a_gate_is_a_conflict(mockai: MockAI) -> None:
    """To release before anybody is held is a mistake in the order of the test."""
    with pytest.raises(ConflictError, match="nothing is held at gate 'door'"):
        mockai.release("door")
    with pytest.raises(ConflictError, match=r"no stream of 'script-1' is held at 'hold-1': wait_h"):
        mockai.script(hold_at=1).release()


def test_waiting_for_a_stream_that_has_left_fails_at_once(mockai: MockAI, app: Product) -> None:
    """A client that left before the gate will never come: the text says at which token."""
    story = mockai.script(tokens=9, hold_at=[2, 5])
    app.ask()
    story.wait_held(gate="hold-1")
    app.press_stop()
    with pytest.raises(AssertionError) as raised:
        story.wait_held(gate="hold-2", timeout=60)
    assert "to be held at gate 'hold-2'; 'script-1' left at token 2 of 9" in str(raised.value)


# ── checks ───────────────────────────────────────────────────────────────────────────────────


def test_checks_can_be_written_as_in_a_file(mockai: MockAI, app: Product) -> None:
    """A failed verdict is an answer here, not an exception."""
    mockai.script(text="Hi")
    app.ask().result()
    read, billed = mockai.check({"completed": {}}, {"billed": {"max_tokens": 0}})
    assert (read.passed, billed.passed) == (True, False)
    assert billed.report.startswith("expected the client to be billed at most 0")


def test_an_assertion_judges_what_it_selects(mockai: MockAI, app: Product) -> None:
    """`model`, `nth` and the rest say which exchanges must comply."""
    mockai.script(text="Hi there", model="a")
    mockai.script(text="Ho", model="b")
    app.ask(model="a").result()
    app.ask(model="b").result()
    mockai.assert_billed(max_tokens=1, model="b", nth=1)
    with pytest.raises(AssertionError, match="at most 1 completion token for"):
        mockai.assert_billed(max_tokens=1)
    with pytest.raises(AssertionError, match="in exactly 3 exchanges; there are 2"):
        mockai.assert_completed(count=3, timeout=0)


# ── in an event loop ─────────────────────────────────────────────────────────────────────────


def test_a_wait_never_blocks_a_running_loop(mockai: MockAI) -> None:
    """It fails at once and names what to use; what does not wait works anywhere."""

    async def test() -> None:
        story = mockai.script(hold_at=1)
        assert story.exchanges == []
        mockai.mark("start")
        with pytest.raises(AssertionError, match="0 held"):
            story.wait_held(timeout=0)
        for wait in (story.wait_held, story.wait_for_exchanges, mockai.assert_cancelled):
            with pytest.raises(MockaiError, match=r"use AsyncMockAI .*mockai_async"):
                wait()

    asyncio.run(test())


@pytest.mark.parametrize("face,twin", [(MockAI, AsyncMockAI), (Script, AsyncScript)])
def test_both_faces_have_the_same_words(face: type, twin: type) -> None:
    """What is said to one can be said to the other, word by word and option by option."""

    def words(of: type) -> dict[str, object]:
        public = [name for name in dir(of) if not name.startswith("_")]
        return {name: _options(getattr(of, name)) for name in public}

    assert words(face) == words(twin)
    assert _options(face) == _options(twin) or face is Script  # a script is not made by hand


def _options(word: object) -> list[tuple[str, object, object]] | None:
    if not callable(word):
        return None
    parameters = inspect.signature(word).parameters.values()
    return [(option.name, option.kind, option.default) for option in parameters]


# ── servers and sessions ─────────────────────────────────────────────────────────────────────


def test_without_an_address_a_server_is_started_and_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`with MockAI():` needs nothing else, and leaves nothing behind."""
    monkeypatch.delenv("MOCKAI_URL", raising=False)
    with api.MockAI() as mockai, Product(mockai.base_url, mockai.api_key) as app:
        mockai.script(text="Hi")
        assert app.ask().result() == "Hi"
        assert mockai.base_url == f"{mockai.url}/s/{mockai.session}/v1"
        assert mockai.api_key == f"sk-mockai-{mockai.session}"
        assert repr(mockai) == f"<MockAI session '{mockai.session}' at {mockai.url}>"
    assert repr(mockai).endswith(", closed>")
    mockai.close()
    with pytest.raises(MockaiError, match=f"no mockai server answers at {mockai.url}"):
        mockai.exchanges()


def test_the_address_can_come_from_the_environment(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MOCKAI_URL says which server runs; the address that `mockai serve` prints will do."""
    monkeypatch.setenv("MOCKAI_URL", f"{server.url}/v1")
    with MockAI() as mockai:
        assert mockai.url == server.url


def test_a_session_that_was_made_here_ends_here(server: ServerThread, mockai: MockAI) -> None:
    """With a name or without: whoever makes a session ends it, and nobody else's."""
    with MockAI(server.url, session="made-by-name", seed=7) as named:
        assert named.session == "made-by-name"
        with MockAI(server.url, session=named.session) as guest:
            assert guest.exchanges() == []
        assert named.exchanges() == []
    with pytest.raises(NotFoundError, match="'made-by-name' has ended"):
        named.exchanges()
    assert mockai.exchanges() == []


def test_a_session_that_is_gone_can_be_closed(server: ServerThread) -> None:
    """Cleaning up never hides what a test has found."""
    with MockAI(server.url) as mockai, MockAI(server.url, session=mockai.session) as guest:
        mockai.close()
        with pytest.raises(NotFoundError):
            guest.exchanges()


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "https://h", "http://", "http://h:x", "http://[", "x"]
)
def test_an_address_that_cannot_be_meant_is_refused(url: str) -> None:
    """Only plain HTTP, and with a host."""
    with pytest.raises(MockaiError, match=r"must be http://HOST:PORT \(got"):
        MockAI(url)


def test_no_server_at_all_says_how_to_start_one() -> None:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(MockaiError, match=f"no mockai server answers at {url}.*mockai serve"):
            MockAI(url)


class Stranger(BaseHTTPRequestHandler):
    """Answers every call with a page."""

    def do_POST(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def test_another_server_is_not_mistaken_for_mockai() -> None:
    """A page instead of JSON: the address is wrong, and the error says so."""
    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        thread = threading.Thread(target=stranger.serve_forever, args=(0.01,))
        thread.start()
        try:
            with pytest.raises(MockaiError, match="status 404 and no JSON: what answers there is"):
                MockAI(f"http://127.0.0.1:{stranger.server_port}")
        finally:
            stranger.shutdown()
            thread.join()
