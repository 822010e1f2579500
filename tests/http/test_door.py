"""The door of a running server: who comes in, and that no spelling of a path goes around it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from mockai.client import AsyncMockAI, MockAI
from mockai.core.errors import MockaiError
from mockai.http.server import ServerThread
from mockai.http.state import ServerOptions
from tests.support.control import Answer, Control, send
from tests.support.raw import Connect, RawClient, question

TOKEN = "open-sesame"
PAGE = "http://localhost:5173"
SESSIONS = "/_mockai/sessions"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    """A server whose control API needs a token."""
    running = ServerThread(ServerOptions(admin_token=TOKEN)).start()
    yield running.url
    running.stop()


def code(answer: Answer) -> tuple[int, str]:
    """Return the status and code of a refusal."""
    return answer.status, answer.error["code"]


# ── the token ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", SESSIONS), ("HEAD", SESSIONS), ("POST", SESSIONS), ("PUT", f"{SESSIONS}/s"),
        ("DELETE", f"{SESSIONS}/s"), ("OPTIONS", SESSIONS), ("PATCH", SESSIONS),
        ("GET", f"{SESSIONS}/default/exchanges"), ("POST", f"{SESSIONS}/default/reset"),
        ("GET", "/%5Fmockai/sessions"), ("GET", "/_mockai/%73essions"), ("GET", "/_mockai//x"),
        ("GET", "/_mockai/health/../sessions"), ("GET", f"{SESSIONS}?a=/_mockai/health"),
    ],
)  # fmt: skip
def test_a_locked_control_api_needs_the_token_however_it_is_spelt(
    locked: str, method: str, path: str
) -> None:
    """The route that would serve a request decides, not the text of its path."""
    answer = send(locked, method, path)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_the_token_opens_it(locked: str) -> None:
    """And nothing but the token: a session's key leads to a session."""
    assert send(locked, "GET", SESSIONS, headers=BEARER).status == 200
    key = {"Authorization": "Bearer sk-mockai-default"}
    assert code(send(locked, "GET", SESSIONS, headers=key)) == (401, "admin_token_required")


@pytest.mark.parametrize(
    "query, headers",
    [
        (f"?token={TOKEN}&access_token={TOKEN}&admin_token={TOKEN}", {}),
        ("", {"Authorization": f"Basic {TOKEN}"}),
        ("", {"Authorization": TOKEN}),
        ("", {"Authorization": f"Bearer no, Bearer {TOKEN}"}),
        ("", {"X-Api-Key": TOKEN}),
        ("", {"Cookie": f"token={TOKEN}"}),
    ],
)
def test_the_token_opens_in_one_place_only(
    locked: str, query: str, headers: dict[str, str]
) -> None:
    """A URL ends in logs and histories, and a cookie is sent by a browser on its own."""
    answer = send(locked, "GET", SESSIONS + query, headers=headers)
    assert code(answer) == (401, "admin_token_required")
    assert TOKEN.encode() not in answer.raw


@pytest.mark.parametrize("path", ["/_mockai/health", "/metrics", "/v1/models"])
def test_what_is_open_to_all_stays_open(locked: str, path: str) -> None:
    """Health and metrics are asked by machines that have no token; `/v1` has keys of its own."""
    assert send(locked, "GET", path).status == 200


def test_a_token_is_never_kept(locked: str) -> None:
    """Sent to `/v1` by mistake, it does not stand in the record; its key id cannot be turned."""
    assert send(locked, "POST", "/v1/nothing", {}, BEARER).status == 404
    record = send(locked, "GET", f"{SESSIONS}/default/exchanges", headers=BEARER)
    assert TOKEN.encode() not in record.raw
    assert b'"Authorization": null' in record.raw or b'"authorization": null' in record.raw


def test_a_locked_server_records_and_answers_as_ever(locked: str) -> None:
    """The door stands before the control API only: a client of `/v1` notices nothing."""
    scenario = {"reply": [{"text": "hi"}]}
    path = f"{SESSIONS}/default/scenarios/hi"
    assert send(locked, "PUT", path, scenario, BEARER).status == 200
    assert send(locked, "POST", "/v1/chat/completions", question()).status == 200


# ── web pages ────────────────────────────────────────────────────────────────────────────────


def test_a_page_that_dns_led_here_is_refused(connect: Connect, server: ServerThread) -> None:
    """Rebinding: its Host is its own name. The cure is named for those whose name it is."""
    client = connect()
    client.send(b"GET /_mockai/sessions HTTP/1.1\r\nHost: evil.example:8080\r\n\r\n")
    answer = client.response()
    assert code(answer) == (403, "host_not_allowed")
    assert "--allow-host evil.example" in answer.error["message"]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_foreign_page_may_not_use_the_control_api(server: ServerThread, method: str) -> None:
    """Neither reading nor writing nor asking first; the browser is told of no permission."""
    answer = send(server.url, method, SESSIONS, headers={"Origin": PAGE})
    assert code(answer) == (403, "origin_not_allowed")
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_form_may_not_drive_mockai(control: Control, connect: Connect, kind: str | None) -> None:
    """A body that a page can send without asking is refused, and nothing has changed."""
    head = f"POST {control.root}/marks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 16\r\n"
    head += f"Content-Type: {kind}\r\n\r\n" if kind else "\r\n"
    client = connect()
    client.send(head.encode() + b'{"name": "stop"}')
    assert code(client.response()) == (415, "unsupported_media_type")
    assert client.is_closed()


@pytest.mark.parametrize("tail", ["reset", ""])
def test_a_write_without_a_body_needs_no_type(control: Control, tail: str) -> None:
    """`curl -X POST` of an empty body works as it stands."""
    path = f"{control.root}/{tail}" if tail else SESSIONS
    answer = send(control.url, "POST", path)
    assert answer.status in {200, 201}
    if not tail:
        send(control.url, "DELETE", f"{SESSIONS}/{answer.body['id']}")


# ── CORS ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def paged() -> Iterator[str]:
    """A server whose `/v1` pages of one origin may use."""
    running = ServerThread(ServerOptions(cors_origins=(PAGE,))).start()
    yield running.url
    running.stop()


def allowed(answer: Answer) -> str | None:
    """Return the origin that an answer allows."""
    return {k.lower(): v for k, v in answer.headers.items()}.get("access-control-allow-origin")


PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
}


def test_a_page_that_is_named_may_use_v1(paged: str) -> None:
    """The preflight, a stream, an answer in one body, an error and a refusal all say so."""
    origin = {"Origin": PAGE}
    asked = send(paged, "OPTIONS", "/v1/chat/completions", headers={**origin, **PREFLIGHT})
    assert (asked.status, allowed(asked)) == (204, PAGE)
    assert asked.headers["access-control-allow-headers"].endswith("x-stainless-os")
    scenario = {"reply": [{"text": "hi"}]}
    send(paged, "PUT", f"{SESSIONS}/default/scenarios/hi", scenario)
    for body in (question(stream=True), question(), b"{", b'{"model": 1}'):
        assert allowed(send(paged, "POST", "/v1/chat/completions", body, origin)) == PAGE
    assert allowed(send(paged, "GET", "/v1/models", headers=origin)) == PAGE
    assert allowed(send(paged, "GET", "/v1/nothing", headers=origin)) == PAGE
    exchanges = send(paged, "GET", f"{SESSIONS}/default/exchanges").body["exchanges"]
    assert "OPTIONS" not in {item["request"]["method"] for item in exchanges}


@pytest.mark.parametrize("path", ["/v1/models", "/s/default/v1/models"])
def test_other_pages_and_other_paths_are_told_nothing(paged: str, path: str) -> None:
    """CORS is for the origins named and for `/v1`; the control API stays closed to all pages."""
    assert allowed(send(paged, "GET", path, headers={"Origin": "https://evil.example"})) is None
    assert allowed(send(paged, "GET", path)) is None
    assert code(send(paged, "GET", SESSIONS, headers={"Origin": PAGE})) == (
        403,
        "origin_not_allowed",
    )
    assert allowed(send(paged, "GET", "/_mockai/health", headers={"Origin": PAGE})) is None


def test_without_the_option_no_page_may_read_v1(server: ServerThread) -> None:
    """Not even a preflight is answered as one."""
    headers = {"Origin": PAGE, **PREFLIGHT}
    asked = send(server.url, "OPTIONS", "/v1/chat/completions", headers=headers)
    assert asked.status == 405
    assert allowed(asked) is None


# ── setting it up ────────────────────────────────────────────────────────────────────────────


def test_off_loopback_a_server_does_not_start_unlocked() -> None:
    """From Python as from the command line; the socket is not left behind."""
    with pytest.raises(MockaiError, match=r"--admin-token.*--open"):
        ServerThread(ServerOptions(host="0.0.0.0")).start()  # noqa: S104


@pytest.mark.parametrize("options", [{"is_open": True}, {"admin_token": TOKEN}])
def test_off_loopback_it_starts_when_told_how(options: dict[str, Any]) -> None:
    """Any Host comes in: a container cannot know its names."""
    running = ServerThread(ServerOptions(host="0.0.0.0", **options)).start()  # noqa: S104
    try:
        with RawClient(f"http://127.0.0.1:{urlsplit(running.url).port}") as client:
            auth = f"Authorization: Bearer {TOKEN}\r\n" if "admin_token" in options else ""
            client.send(f"GET {SESSIONS} HTTP/1.1\r\nHost: mockai:8080\r\n{auth}\r\n".encode())
            assert client.response().status == 200
    finally:
        running.stop()


def test_the_python_client_finds_the_token_in_the_environment(
    locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MOCKAI_ADMIN_TOKEN opens a locked server to both clients; without it they say so."""
    with pytest.raises(MockaiError, match="the control API is locked"), MockAI(locked):
        pass
    monkeypatch.setenv("MOCKAI_ADMIN_TOKEN", TOKEN)
    with MockAI(locked) as client:
        assert client.exchanges() == []

    async def both() -> None:
        async with AsyncMockAI(locked) as client:
            assert await client.exchanges() == []

    asyncio.run(both())
