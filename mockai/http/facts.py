"""From a request to the facts that are kept of it, and to the session it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple, Protocol

from mockai.core import openai_errors
from mockai.core.exchange import RequestFacts, make_request_facts
from mockai.engine.session import Session
from mockai.engine.sessions import DEFAULT
from mockai.http.internals import Connection
from mockai.http.state import State

KEY_PREFIX = "sk-mockai-"
SESSION_HEADER = "X-Mockai-Session"

_KEPT = {
    "accept",
    "forwarded",
    "last-event-id",
    "traceparent",
    "user-agent",
    "via",
    "x-client-request-id",
}
_KEPT_PREFIXES = ("content-", "x-forwarded-", "x-mockai-", "x-stainless-")
_HEADER_LIMIT = 1_000
_DIGITS = 10

Via = Literal["prefix", "header", "key"]


class Beginning(NamedTuple):
    """What a connection keeps of its newest request: what it said before the body, and to whom."""

    method: str
    path: str
    version: tuple[int, int]
    headers: Mapping[str, str]
    prefix: str | None
    session: str
    via: Via | None
    facts: RequestFacts


class Asked(Protocol):
    """What is looked at of a request, whether aiohttp serves it or the lane does."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def version(self) -> tuple[int, int]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def keep_alive(self) -> bool: ...
    @property
    def match_info(self) -> Mapping[str, str]: ...


def begun(request: Asked, connection: Connection, state: State) -> tuple[Session, RequestFacts]:
    """Return the session that a request belongs to, and what is known before its body is read.

    Clients say the same before each body, so what a connection said last is not read again.
    Raises as `session_of`.
    """
    last, prefix = connection.beginning, request.match_info.get("session")
    if (
        not isinstance(last, Beginning)
        or last.headers != request.headers
        or last.path != request.path
        or last.prefix != prefix  # which an encoded slash can change where the path is the same
        or last.method != request.method
        or last.version != request.version
    ):
        key = _key(request.headers)
        name, via = _named_session(request, key)
        facts = _facts_of(request, connection, via, _key_id(key, state.key_salt))
        last = connection.beginning = Beginning(
            request.method, request.path, request.version, request.headers, prefix, name, via, facts
        )
    return _found(last.session, last.via, state), last.facts


def session_of(request: Asked, state: State) -> Session:
    """Return the session that a request belongs to: by prefix, header, key, else `default`.

    Raises `OpenAIError`: 404 for an unknown session, 401 for an unknown `sk-mockai-` key.
    """
    return _found(*_named_session(request, _key(request.headers)), state)


def _found(name: str, via: Via | None, state: State) -> Session:
    session = state.sessions.find(name)
    if session is not None:
        return session
    if via == "key":
        raise openai_errors.unknown_session_key(name)
    raise openai_errors.session_not_found(name)


def _named_session(request: Asked, key: str | None) -> tuple[str, Via | None]:
    prefix = request.match_info.get("session")
    if prefix is not None:
        return prefix, "prefix"
    header = request.headers.get(SESSION_HEADER)
    if header is not None:
        return header, "header"
    if key is not None and key.startswith(KEY_PREFIX):
        return key.removeprefix(KEY_PREFIX), "key"
    return DEFAULT, None


def _facts_of(
    request: Asked, connection: Connection, via: Via | None, key_id: str | None
) -> RequestFacts:
    headers, (major, minor) = request.headers, request.version
    return make_request_facts(
        method=request.method,
        path=request.path,
        headers=_headers(headers),
        key_id=key_id,
        tag=headers.get("X-Mockai-Tag"),
        traceparent=headers.get("traceparent"),
        peer=_address(connection.peer),
        http_version=f"{major}.{minor}",
        sdk_retry_count=_number(headers.get("x-stainless-retry-count")),
        session_via=via,
    )


def _headers(given: Mapping[str, str]) -> dict[str, str | None]:
    """Return the headers by name; what came several times, as proxies add it, as a list."""
    headers: dict[str, str | None] = {}
    for written, value in given.items():
        name, keep = _known(written)
        before = headers.get(name)
        whole = value if before is None else f"{before}, {value}"
        headers[name] = whole[:_HEADER_LIMIT] if keep else None
    return headers


@lru_cache(1_024)
def _known(name: str) -> tuple[str, bool]:
    """Return a header's name in lower case, and whether its value is kept."""
    lower = name.lower()
    return lower, lower in _KEPT or lower.startswith(_KEPT_PREFIXES)


def _key(headers: Mapping[str, str]) -> str | None:
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def _key_id(key: str | None, salt: bytes) -> str | None:
    if key is None:
        return None
    data = key.encode("utf-8", "surrogateescape")
    return "k_" + blake2b(data, key=salt, digest_size=6).hexdigest()


def process_of(connection: Connection, state: State) -> int | None:
    """Return the process that asks, where that is to be known, and is one of this machine."""
    if state.processes is None:
        return None
    peer, own = connection.peer, connection.own
    if not isinstance(peer, tuple) or not isinstance(own, tuple):
        return None
    return state.processes.asking(peer[1], own[1])


def _address(peer: object) -> str | None:
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else None


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < _DIGITS):
        return None
    return int(text)
