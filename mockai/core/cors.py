"""What a browser must be told before a page of another origin may read answers of `/v1`.

Only origins that the server was started with are told anything; `*` stands for all.
"""

from __future__ import annotations

from collections.abc import Collection

from mockai.core.errors import MockaiError

Header = tuple[str, str]
_METHODS = "GET, POST, DELETE, OPTIONS"
_EXPOSED = "x-request-id, retry-after"
_REMEMBERED_S = "600"


def allowing(origins: Collection[str], origin: str | None) -> tuple[Header, ...]:
    """Return the headers of an answer; none for a page (or a program) that is not allowed."""
    if not origins or origin is None or not ("*" in origins or origin in origins):
        return ()
    return (
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", _EXPOSED),
        ("vary", "Origin"),
    )


def preflight(
    origins: Collection[str], origin: str | None, asked_headers: str | None
) -> tuple[Header, ...]:
    """Return the headers of the answer to a preflight; none when the page is not allowed."""
    allowed = allowing(origins, origin)
    if not allowed:
        return ()
    return (
        *allowed,
        ("access-control-allow-methods", _METHODS),
        ("access-control-allow-headers", asked_headers or "authorization, content-type"),
        ("access-control-max-age", _REMEMBERED_S),
        # https://wicg.github.io/private-network-access: a page of a public site, a local server
        ("access-control-allow-private-network", "true"),
    )


def cors_origin(text: str) -> str:
    """Return an origin as browsers write it, or `*`. Raises `MockaiError`."""
    origin = text.strip().lower().removesuffix("/")
    scheme, _, netloc = origin.partition("://")
    if origin != "*" and (scheme not in {"http", "https"} or not netloc or "/" in netloc):
        raise MockaiError(f"an origin is http://HOST:PORT, or '*' for all (got {text!r})")
    return origin
