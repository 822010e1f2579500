"""A session on a server, held for as long as a client is open, and then given back.

What was taken is given back, nothing else: a session that was there before stays, and so does a
server that somebody else runs.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mockai.client import flows
from mockai.client.tracebacks import hidden
from mockai.client.transport import run
from mockai.core.errors import MockaiError

if TYPE_CHECKING:
    from mockai.client.servers import Running

__tracebackhide__ = hidden


class Lease:
    """A session and its addresses; starts a server when there is no `url` and no MOCKAI_URL.

    Taking one blocks: a millisecond for a session, about half a second for a server.
    """

    def __init__(
        self,
        url: str | None,
        session: str | None,
        settings: Mapping[str, Any],
        *,
        process: bool = False,
    ) -> None:
        self.closed = False
        self._server: Running | None = None
        if url and process:
            raise TypeError("process=True starts a server, so there must be no url")
        url = url or (None if process else os.environ.get("MOCKAI_URL"))
        if not url:
            from mockai.client.servers import start_server

            self._server = start_server(process=process)
            url = self._server.url
        # `mockai serve` prints its address with /v1, so that is what people paste.
        self.url = url.rstrip("/").removesuffix("/v1")
        try:
            made, self._made = run(self.url, flows.open_session(session, settings))
        except BaseException:
            self._stop_server()
            raise
        self.session = made["id"]
        self.base_url = made["base_url"]
        self.api_key = made["api_key"]

    def close(self) -> None:
        """Give back what was taken. Calling it again does nothing."""
        if self.closed:
            return
        self.closed = True
        if self._server is not None:
            self._stop_server()
        elif self._made:
            with contextlib.suppress(MockaiError):  # a session that is gone already needs no end
                run(self.url, flows.end_session(self.session))

    def __str__(self) -> str:
        return f"session '{self.session}' at {self.url}{', closed' if self.closed else ''}"

    def _stop_server(self) -> None:
        if self._server is not None:
            self._server.stop()
