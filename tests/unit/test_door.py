"""Who comes in, who does not, and what those are told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockai.core.door import (
    Door,
    Knock,
    admin_token,
    door_of,
    host_name,
    is_guarded,
    is_loopback,
    refusal,
)
from mockai.core.errors import MockaiError

SESSION = "/_mockai/sessions/{session}"
ANY = "0.0.0.0"  # noqa: S104 - an address to decide on; nothing is bound
LOCAL = Door(hosts=frozenset())
LOCKED = Door(token="t0p-secret")
WIDE = Door()
RIGHT = {"authorization": "Bearer t0p-secret"}


def code(door: Door, method: str = "GET", path: str = SESSION, **facts: Any) -> str | None:
    """Return the code of the refusal."""
    refused = refusal(door, Knock(method=method, path=path, **facts))
    return refused.code if refused else None


# ── Host ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8080", "127.9.9.9:1", "localhost:8080", "LOCALHOST", "localhost.",
     "[::1]:8080", "[::1]", "app.localhost:8080", None],
)  # fmt: skip
def test_a_loopback_server_answers_to_the_names_of_this_machine(host: str | None) -> None:
    """Names that can only mean this machine are let in; so is a program that sends no Host."""
    assert code(LOCAL, host=host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "192.168.1.7:8080", "localhost.evil.example",
     "localhost@evil.example", "127.0.0.1.evil.example", "[::2]:8080", "[::1]evil.example",
     "127.0.0.1, evil.example", "2130706433", ANY, ""],
)  # fmt: skip
def test_a_name_led_here_by_its_own_dns_is_refused(host: str) -> None:
    """DNS rebinding: the page's origin is then ours, so only the Host tells it apart."""
    assert code(LOCAL, host=host, origin=f"http://{host}") == "host_not_allowed"


def test_an_allowed_host_comes_in_whatever_its_port_and_case() -> None:
    """`--allow-host` names a host, not a port."""
    door = door_of("127.0.0.1", host="127.0.0.1", allowed=["Mockai.Test"])
    assert code(door, host="mockai.test:9999") is None
    assert code(door, host="other.test") == "host_not_allowed"


def test_the_name_that_the_server_was_bound_by_comes_in() -> None:
    """`--host devbox`, where devbox is 127.0.1.1, is reached as devbox."""
    assert code(door_of("127.0.1.1", host="devbox"), host="devbox:8080") is None


def test_off_loopback_any_host_comes_in_unless_some_are_named() -> None:
    """A container is reached by names that it cannot know; named ones narrow them down."""
    anyone = door_of(ANY, host=ANY, is_open=True)
    named = door_of(ANY, host=ANY, is_open=True, allowed=["mockai"])
    assert code(anyone, host="whatever:8080") is None
    assert code(named, host="whatever:8080") == "host_not_allowed"
    assert code(named, host="mockai:8080") is None
    assert code(named, host="127.0.0.1:8080") is None  # its own health check


def test_the_refusal_of_a_host_says_the_cure() -> None:
    """The sentence names the option with the host to give."""
    refused = refusal(LOCAL, Knock(method="GET", path=SESSION, host="mock.test:80"))
    assert refused is not None
    assert refused.status == 403
    assert "--allow-host mock.test" in refused.message


# ── Origin ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:5173", "http://127.0.0.1:8080", "null"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_a_foreign_page_is_refused(method: str, origin: str) -> None:
    """Another port is another page too; a sandboxed page has the origin `null`."""
    assert code(WIDE, method, host="localhost:8080", origin=origin) == "origin_not_allowed"


def test_a_page_that_mockai_served_may_call_it() -> None:
    """Its origin is the Host that it was fetched from."""
    assert code(LOCAL, "POST", host="localhost:8080", origin="http://localhost:8080") is None


# ── the token ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("given", ["Bearer t0p-secret", "bearer t0p-secret", "Bearer  t0p-secret "])
def test_the_token_opens(given: str) -> None:
    """The scheme's case and spaces around the token do not matter (RFC 7235)."""
    assert code(LOCKED, authorization=given) is None


@pytest.mark.parametrize(
    "given",
    [None, "", "Bearer", "Bearer ", "Bearer T0P-SECRET", "Bearer t0p-secre", "Bearer t0p-secret2",
     "Basic t0p-secret", "t0p-secret", "Bearer sk-mockai-default", "Bearer tøp", "Bearer \udcff"],
)  # fmt: skip
def test_anything_else_does_not_open(given: str | None) -> None:
    """Neither a part of it, nor another scheme, nor the key of a session, nor broken bytes."""
    assert code(LOCKED, authorization=given) == "admin_token_required"


@pytest.mark.parametrize(
    "path", ["/_mockai/health", "/_mockai/openapi.json", "/metrics", "/v1/models", ""]
)
def test_what_is_open_to_all_needs_nothing(path: str) -> None:
    """Health, metrics, the description, `/v1` and paths that nothing serves are not guarded."""
    door = Door(token="t0p-secret", hosts=frozenset())
    knocked = {"host": "evil.example", "origin": "null", "has_body": True}
    assert code(door, "POST", path, **knocked) is None


@pytest.mark.parametrize(
    "path, guarded",
    [("/_mockai", True), ("/_mockai/", True), ("/_mockai{tail}", True), ("/_mockai/healthy", True),
     (SESSION, True), ("/_mockai/health", False), ("/s/{session}/v1{tail}", False)],
)  # fmt: skip
def test_the_control_api_is_what_stands_below_its_root(path: str, *, guarded: bool) -> None:
    """Also what is not there: who may not come in does not learn what is."""
    assert is_guarded(path) is guarded


# ── the type of a body ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/yaml",
     "application/x-yaml", "text/yaml", "application/merge-patch+json"],
)  # fmt: skip
def test_json_and_yaml_are_bodies(kind: str) -> None:
    """A browser asks before it sends any of these to another origin."""
    assert code(WIDE, "POST", content_type=kind, has_body=True) is None


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/jsonx", "text/plain;application/json"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_body_that_any_page_could_send_is_refused(method: str, kind: str | None) -> None:
    """A form or a beacon cannot drive mockai; the sentence says which header to send."""
    refused = refusal(WIDE, Knock(method=method, path=SESSION, content_type=kind, has_body=True))
    assert refused is not None
    assert (refused.status, refused.code) == (415, "unsupported_media_type")
    assert "content-type: application/json" in refused.message


def test_a_write_without_a_body_needs_no_type() -> None:
    """`curl -X POST …/reset` works; a page that sends it across origins is caught by its Origin."""
    assert code(WIDE, "POST") is None
    assert code(WIDE, "POST", origin="http://evil.example") == "origin_not_allowed"


def test_the_first_rule_that_refuses_speaks() -> None:
    """Who has no business here learns nothing about the token."""
    door = Door(token="t0p-secret", hosts=frozenset())
    facts: dict[str, Any] = {"host": "evil.example", "origin": "null", "has_body": True}
    codes = [code(door, "POST", **facts)]
    facts["host"] = "localhost"
    codes.append(code(door, "POST", **facts))
    facts["origin"] = None
    codes.append(code(door, "POST", **facts))
    codes.append(code(door, "POST", **facts, **RIGHT))
    assert codes == [
        "host_not_allowed", "origin_not_allowed", "admin_token_required", "unsupported_media_type",
    ]  # fmt: skip


# ── setting it up ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", [ANY, "::", "192.168.1.7", "10.0.0.1"])
def test_others_are_let_in_only_when_something_says_so(address: str) -> None:
    """Off loopback without a token and without `--open` there is no server; both are named."""
    with pytest.raises(MockaiError, match=r"(?s)--admin-token.*--open"):
        door_of(address, host=address)
    assert door_of(address, host=address, is_open=True).token is None
    assert door_of(address, host=address, token="x1").token == "x1"


def test_a_token_locks_an_open_server_and_a_loopback_one() -> None:
    """`--open` says that others may reach it, not that the token is void."""
    assert door_of(ANY, host=ANY, token="x1", is_open=True).token == "x1"
    assert door_of("127.0.0.1", host="127.0.0.1", token="x1").token == "x1"


@pytest.mark.parametrize("text", ["", "two words", "tab\t", "ünïcode", "sk-mockai-s1"])
def test_a_token_that_would_not_lock_is_refused(text: str) -> None:
    """Above all an empty one: a secret that CI did not find must not open the door."""
    with pytest.raises(ValueError, match=r"must|empty"):
        admin_token(text)


@given(st.text(), st.text(), st.text())
def test_whatever_is_sent_gets_an_answer(host: str, origin: str, kind: str) -> None:
    """No text in a header makes the door fall: it is open or it refuses, with a sentence."""
    door = Door(token="t0p-secret", hosts=frozenset({"mockai"}))
    knock = Knock(
        method="POST", path=SESSION, host=host, origin=origin, authorization=origin,
        content_type=kind, has_body=True,
    )  # fmt: skip
    refused = refusal(door, knock)
    assert refused is not None  # nobody guesses the token
    assert refused.message


@given(st.text(), st.integers(0, 65535))
def test_a_port_does_not_change_who_a_host_is(name: str, port: int) -> None:
    """Only names that are this machine's are loopback, with and without a port."""
    stripped = name.strip().lower().rstrip(".")
    if ":" not in stripped and not stripped.startswith("["):
        assert is_loopback(host_name(f"{stripped}:{port}")) == is_loopback(stripped)
