"""From an aiohttp request to the facts that are kept of it, and to the session it belongs to."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Literal

from aiohttp import web

from mockai.core import openai_errors
from mockai.core.exchange import RequestFacts
from mockai.engine.session import Session
from mockai.engine.sessions import DEFAULT
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


def session_of(request: web.Request, state: State) -> tuple[Session, Via | None]:
    """Return the session that a request belongs to: by prefix, header, key, else `default`.

    Raises `OpenAIError`: 404 for an unknown session, 401 for an unknown `sk-mockai-` key.
    """
    name, via = _named_session(request)
    session = state.sessions.find(name)
    if session is not None:
        return session, via
    if via == "key":
        raise openai_errors.unknown_session_key(name)
    raise openai_errors.session_not_found(name)


def _named_session(request: web.Request) -> tuple[str, Via | None]:
    prefix = request.match_info.get("session")
    if prefix is not None:
        return prefix, "prefix"
    header = request.headers.get(SESSION_HEADER)
    if header is not None:
        return header, "header"
    key = _key(request)
    if key is not None and key.startswith(KEY_PREFIX):
        return key.removeprefix(KEY_PREFIX), "key"
    return DEFAULT, None


def facts_of(request: web.Request, state: State, via: Via | None) -> RequestFacts:
    """Return what is known before the body has been read."""
    version = request.version
    return RequestFacts(
        method=request.method,
        path=request.path,
        headers=_headers(request),
        key_id=_key_id(_key(request), state),
        tag=request.headers.get("X-Mockai-Tag"),
        traceparent=request.headers.get("traceparent"),
        peer=_peer(request),
        http_version=f"{version.major}.{version.minor}",
        sdk_retry_count=_number(request.headers.get("x-stainless-retry-count")),
        session_via=via,
    )


def _headers(request: web.Request) -> dict[str, str | None]:
    """Return the headers by name; what came several times, as proxies add it, as a list."""
    headers: dict[str, str | None] = {}
    for given, value in request.headers.items():
        name, keep = _known(given)
        before = headers.get(name)
        whole = f"{before}, {value}" if before is not None else value
        headers[name] = whole[:_HEADER_LIMIT] if keep else None
    return headers


@lru_cache(1_024)
def _known(name: str) -> tuple[str, bool]:
    """Return a header's name in lower case, and whether its value is kept."""
    lower = name.lower()
    return lower, lower in _KEPT or lower.startswith(_KEPT_PREFIXES)


def _key(request: web.Request) -> str | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None


def _key_id(key: str | None, state: State) -> str | None:
    if key is None:
        return None
    data = key.encode("utf-8", "surrogateescape")
    return "k_" + blake2b(data, key=state.key_salt, digest_size=6).hexdigest()


def process_of(request: web.Request, state: State) -> int | None:
    """Return the process that asks, where that is to be known, and is one of this machine."""
    if state.processes is None or request.transport is None:
        return None
    peer, own = map(request.transport.get_extra_info, ("peername", "sockname"))
    if not isinstance(peer, tuple) or not isinstance(own, tuple):
        return None
    return state.processes.asking(peer[1], own[1])


def _peer(request: web.Request) -> str | None:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else None


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < _DIGITS):
        return None
    return int(text)
