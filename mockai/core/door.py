"""Who may come in: decided on the facts of a request, before anything is done for it.

The rules guard the control API, which can read what was recorded and cut what runs. `/v1` only
answers with what a test has scripted and stays open, as do health, metrics and the description.
Knows hosts, origins, tokens and content types; must not know sockets or an HTTP library.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mockai.core.errors import MockaiError

CONTROL = "/_mockai"
SESSION_KEY = "sk-mockai-"
_OPEN_PATHS = {f"{CONTROL}/health", f"{CONTROL}/openapi.json"}
_READING = {"GET", "HEAD", "OPTIONS"}
_TYPES = {
    "application/json",
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How the door stands: `token` locks the control API, `hosts` are the names it answers to.

    Without `hosts` every `Host` is accepted: off loopback the network decides who comes here.
    """

    token: str | None = None
    hosts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """What a request says of itself; `path` is that of the route which will serve it."""

    method: str
    path: str
    host: str | None = None
    origin: str | None = None
    authorization: str | None = None
    content_type: str | None = None
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served: an HTTP status, a code for programs, a sentence for people."""

    status: int
    code: str
    message: str


def refusal(door: Door, knock: Knock) -> Refusal | None:
    """Return why a request is refused; `None` lets it in."""
    if not is_guarded(knock.path):
        return None
    return next((found for rule in RULES if (found := rule(door, knock)) is not None), None)


def is_guarded(path: str) -> bool:
    """Say whether a route is part of the control API, and not open to all."""
    return path.startswith(CONTROL) and path not in _OPEN_PATHS


def is_write(method: str) -> bool:
    """Say whether a method can change anything."""
    return method not in _READING


# ── the rules, in the order in which they are asked ──────────────────────────────────────────


def _foreign_host(door: Door, knock: Knock) -> Refusal | None:
    """Refuse a name that is not ours: a page of that name was led here by its own DNS server."""
    if door.hosts is None or knock.host is None:  # a browser always sends a Host
        return None
    name = host_name(knock.host)
    if is_loopback(name) or name in door.hosts:
        return None
    return Refusal(
        403,
        "host_not_allowed",
        f"this server does not answer to the host {name!r}; "
        f"if that is a name of this machine, start it with --allow-host {name}",
    )


def _foreign_origin(door: Door, knock: Knock) -> Refusal | None:  # noqa: ARG001
    """Refuse other people's pages; a page that mockai itself served may call it."""
    if knock.origin is None or _netloc(knock.origin) == (knock.host or "").lower():
        return None
    return Refusal(
        403, "origin_not_allowed", f"a web page of {knock.origin!r} may not use the control API"
    )


def _locked(door: Door, knock: Knock) -> Refusal | None:
    """Refuse whoever does not know the token; compared in constant time."""
    if door.token is None:
        return None
    scheme, _, given = (knock.authorization or "").partition(" ")
    known = hmac.compare_digest(_bytes(given.strip()), _bytes(door.token))
    if known and scheme.lower() == "bearer":
        return None
    return Refusal(
        401,
        "admin_token_required",
        "the control API is locked: send 'Authorization: Bearer TOKEN' with the server's "
        "--admin-token (a session's API key does not open it)",
    )


def _wrong_type(door: Door, knock: Knock) -> Refusal | None:  # noqa: ARG001
    """Refuse bodies that any web page could send without asking first."""
    if not knock.has_body or not is_write(knock.method) or _is_structured(knock.content_type):
        return None
    return Refusal(
        415,
        "unsupported_media_type",
        f"the body must be declared as JSON or YAML (got {knock.content_type or 'no type'}): "
        "send 'content-type: application/json'",
    )


RULES: tuple[Callable[[Door, Knock], Refusal | None], ...] = (
    _foreign_host,
    _foreign_origin,
    _locked,
    _wrong_type,
)


def _is_structured(content_type: str | None) -> bool:
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind in _TYPES or kind.endswith(("+json", "+yaml"))


def _netloc(origin: str) -> str:
    return origin.partition("://")[2].lower()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# ── how the door is set up ───────────────────────────────────────────────────────────────────


def door_of(
    address: str,
    *,
    host: str,
    token: str | None = None,
    is_open: bool = False,
    allowed: Iterable[str] = (),
) -> Door:
    """Return the door of a server that is bound to `address` and was asked to listen on `host`.

    Raises `MockaiError` when others could come in and nothing says that they may.
    """
    names = frozenset(map(host_name, allowed))
    if is_loopback(address):
        return Door(token=token, hosts=names | {host_name(host)})
    if token is None and not is_open:
        raise MockaiError(
            f"--host {host} lets other machines in, and the control API is not locked: "
            "set --admin-token TOKEN, or say --open where the network keeps others out"
        )
    return Door(token=token, hosts=names or None)


def admin_token(text: str) -> str:
    """Return a token that a header can carry. Raises `ValueError` for one that would not lock."""
    if not text:
        raise ValueError("is empty, which would lock nothing: set it to a secret, or leave it out")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces, so that a header can carry it")
    if text.startswith(SESSION_KEY):
        raise ValueError(f"must not start with {SESSION_KEY!r}: such a key leads to a session")
    return text


def host_name(host: str) -> str:
    """Return the name or address of a `Host` header: lower case, no port, no brackets.

    >>> host_name("LocalHost:8080"), host_name("[::1]:8080"), host_name("::1")
    ('localhost', '::1', '::1')
    """
    name = host.strip().lower()
    if name.startswith("["):
        inside, _, rest = name[1:].partition("]")
        return inside if rest[:1] in ("", ":") else name
    if name.count(":") == 1:
        name = name.partition(":")[0]
    return name.removesuffix(".")


def is_loopback(name: str) -> bool:
    """Say whether a name or address can only mean this machine."""
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761: nobody can own these
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
