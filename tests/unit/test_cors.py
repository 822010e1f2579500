"""Pages of other origins read `/v1` only when the server was told so."""

from __future__ import annotations

import pytest

from mockai.core.cors import allowing, cors_origin, preflight
from mockai.core.errors import MockaiError

PAGE = "http://localhost:5173"


@pytest.mark.parametrize("origins", [(), ("https://other.example",)])
@pytest.mark.parametrize("origin", [PAGE, "null", None])
def test_who_is_not_named_is_told_nothing(origins: tuple[str, ...], origin: str | None) -> None:
    """Without the headers the browser keeps the answer from the page."""
    assert allowing(origins, origin) == preflight(origins, origin, "authorization") == ()


@pytest.mark.parametrize("origins", [(PAGE,), ("https://other.example", PAGE), ("*",)])
def test_who_is_named_is_named_in_the_answer(origins: tuple[str, ...]) -> None:
    """The origin itself, never `*`, so that a cache must not mix the answers up (`vary`)."""
    headers = dict(allowing(origins, PAGE))
    assert headers["access-control-allow-origin"] == PAGE
    assert headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in headers


def test_a_program_without_an_origin_is_told_nothing() -> None:
    """Only browsers ask."""
    assert allowing(("*",), None) == ()


def test_a_preflight_is_allowed_the_headers_that_it_asks_for() -> None:
    """The official client sends a dozen headers of its own; each must be named."""
    headers = dict(preflight((PAGE,), PAGE, "authorization,x-stainless-os"))
    assert headers["access-control-allow-headers"] == "authorization,x-stainless-os"
    assert "POST" in headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    "text, origin",
    [(f"{PAGE}/", PAGE), (" HTTPS://App.Example ", "https://app.example"), ("*", "*")],
)
def test_an_origin_is_read_as_browsers_write_it(text: str, origin: str) -> None:
    """Lower case, without a slash at the end."""
    assert cors_origin(text) == origin


@pytest.mark.parametrize("text", ["", "localhost:5173", "ftp://x", "http://", "http://x/path"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    """The sentence shows how one is written."""
    with pytest.raises(MockaiError, match="http://HOST:PORT"):
        cors_origin(text)
