"""What mockai knows of aiohttp's insides is in one module, and still true of this aiohttp.

When one of these fails after an update: look through `mockai/http/internals.py` with the new
source beside it, mend what has changed, run `tests/http`, then note the version in `CHECKED`.
With another version: `uv run --with aiohttp==3.12.0 python -m pytest tests/http`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from aiohttp import helpers, http_parser, streams, web, web_protocol

import mockai
from mockai.http.internals import CHECKED, Connection, Taken

SOURCES = Path(mockai.__file__).parent
Handler = web_protocol.RequestHandler

# what we override or call -> its parameters, as they must be
SIGNATURES: list[tuple[Callable[..., Any], str]] = [
    (Handler.connection_made, "self transport"),
    (Handler.data_received, "self data"),
    (Handler.eof_received, "self"),
    (Handler.connection_lost, "self exc"),
    (Handler.finish_response, "self request resp start_time"),
    (Handler.handle_error, "self request status exc message"),
    (Handler.close, "self"),
    (Handler._process_keepalive, "self"),  # noqa: SLF001 - as we do
    (web.StreamResponse.prepare, "self request"),
    (web.StreamResponse.write_eof, "self data"),
    (streams.StreamReader.is_eof, "self"),
    (streams.EmptyStreamReader.is_eof, "self"),
    (helpers.rfc822_formatted_time, ""),
]
ATTRIBUTES = [
    "_close",
    "_current_request",
    "_keepalive",
    "_keepalive_handle",
    "_keepalive_timeout",
    "_lingering_time",
    "_loop",
    "_messages",
    "_next_keepalive_close_time",
    "_parser",
    "_paused",
    "_waiter",
    "transport",
]


def test_aiohttp_is_of_a_version_that_was_looked_through() -> None:
    """A new minor version may have changed what no signature shows."""
    installed = tuple(int(part) for part in version("aiohttp").split(".")[:2])
    assert CHECKED[0] <= installed <= CHECKED[1], f"look through internals.py: {__doc__}"


def test_what_is_allowed_to_be_installed_was_looked_through_too() -> None:
    """The oldest version that the package asks for is the oldest of `CHECKED`."""
    (asked,) = [line for line in requires("mockai-server") or [] if line.startswith("aiohttp")]
    assert asked == "aiohttp>={}.{}".format(*CHECKED[0]), __doc__


@pytest.mark.parametrize(
    "function, names", SIGNATURES, ids=lambda item: getattr(item, "__qualname__", "")
)
def test_what_is_overridden_or_called_takes_what_it_took(
    function: Callable[..., Any], names: str
) -> None:
    """A parameter that comes or goes would break us at run time, or silently."""
    assert list(inspect.signature(function).parameters) == names.split(), __doc__


COUNTING = hasattr(http_parser.HttpRequestParser, "message_consumed")
"""Since 3.14 the parser wants to know what was taken of what it has read."""


@pytest.mark.parametrize("name", [name for name in ATTRIBUTES if COUNTING or name != "_parser"])
def test_what_is_read_of_a_connection_is_still_kept_there(name: str) -> None:
    """These are aiohttp's own; we only look at them."""
    slots = {slot for kind in Handler.__mro__ for slot in getattr(kind, "__slots__", ())}
    assert name in slots, __doc__


def test_every_inside_that_is_used_is_looked_at_here() -> None:
    """A private word of aiohttp's that nobody lists would change without a failure."""
    tree = ast.parse((SOURCES / "http/internals.py").read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and "__" not in node.attr
    }
    ours = {name for kind in (Connection, Taken) for name in vars(kind)} | {"_taken_keep_alive"}
    listed = {*ATTRIBUTES, *(function.__name__ for function, _ in SIGNATURES), "_kwargs"}
    assert used - ours <= listed, __doc__


def test_the_hooks_of_a_connection_are_plain_or_asynchronous_as_ours_are() -> None:
    """Who awaits a plain function, or forgets to, is told only when it happens."""
    assert inspect.iscoroutinefunction(Handler.finish_response)
    assert not inspect.iscoroutinefunction(Handler.data_received)
    assert isinstance(inspect.getattr_static(web.StreamResponse, "keep_alive"), property)
    assert web_protocol._ErrInfo(400, ValueError(), "why").message == "why"  # noqa: SLF001
    assert parsedate_to_datetime(helpers.rfc822_formatted_time()).tzinfo is not None


def test_a_connection_waits_keeps_and_drops_as_we_read_it() -> None:
    """Idle it has a waiter; what came waits as pairs of a message and a body that knows its end."""

    async def look() -> tuple[bool, bool, list[tuple[Any, ...]]]:
        runner = web.AppRunner(web.Application())
        await runner.setup()
        assert runner.server is not None
        connection = Connection(
            runner.server,
            loop=asyncio.get_running_loop(),
            **runner.server._kwargs,  # noqa: SLF001 - as `listen` does
        )
        connection.crowd = Nobody()  # type: ignore[assignment]
        connection.lane = None
        connection.connection_made(Nowhere())
        await asyncio.sleep(0)
        is_waiting = connection._waiter is not None and not connection._waiter.done()  # noqa: SLF001
        connection.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
        came = list(connection._messages)  # noqa: SLF001
        was_whole = came[0][1].is_eof()
        connection.data_received(b"y")
        now_whole = came[0][1].is_eof()
        connection.connection_lost(None)
        await runner.cleanup()
        return is_waiting, now_whole and not was_whole, came

    is_waiting, knows_its_end, came = asyncio.run(look())
    assert is_waiting
    assert knows_its_end
    assert [len(pair) for pair in came] == [2]


def test_a_message_and_its_body_tell_what_the_lane_asks_of_them() -> None:
    """A whole body lies in pieces in a buffer; one of nothing has none."""
    for name in (
        *("method", "path", "version", "headers"),
        *("should_close", "chunked", "compression", "upgrade"),
    ):
        assert hasattr(http_parser.RawRequestMessage, name), __doc__
    assert {"_buffer", "total_bytes"} <= set(streams.StreamReader.__slots__)
    assert getattr(streams.EMPTY_PAYLOAD, "_buffer", ()) == ()
    assert streams.EMPTY_PAYLOAD.total_bytes == 0


class Nowhere(asyncio.Transport):
    """A transport that leads nowhere."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Buffer nothing."""

    def is_reading(self) -> bool:
        """Read on."""
        return True

    def close(self) -> None:
        """Close nothing."""


class Nobody:
    """A crowd of whom nobody is counted."""

    def leave(self) -> None:
        """Count nobody."""


def imported(node: ast.AST) -> list[str]:
    """Return the modules that a statement imports, or imports from."""
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def test_only_one_module_knows_the_insides() -> None:
    """Everybody else takes what `aiohttp` and `aiohttp.web` export."""
    found = {
        path.relative_to(SOURCES).as_posix()
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in imported(node)
        if name.startswith("aiohttp.") and name != "aiohttp.web"
    }
    assert found == {"http/internals.py"}
