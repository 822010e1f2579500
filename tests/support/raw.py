"""A client made of one blocking socket: it sends, reads and leaves exactly as told."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.control import Answer

TIMEOUT_S = 20
CHAT = "/chat/completions"
QUESTION: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "Tell me a story"}],
}


def question(**fields: Any) -> bytes:
    """Return the body of a small chat request."""
    return json.dumps({**QUESTION, **fields}).encode()


def head_of(method: str, path: str, *headers: str, version: str = "1.1") -> bytes:
    """Return the head of a request."""
    return "\r\n".join(
        [f"{method} {path} HTTP/{version}", "Host: mockai", *headers, "", ""]
    ).encode()


def post(path: str, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    """Return a whole POST."""
    return head_of("POST", path, f"Content-Length: {len(body)}", *headers, version=version) + body


class RawClient:
    """One connection. Everything read stays in `seen` until it is taken as a response."""

    def __init__(self, url: str, *, receive_buffer: int | None = None) -> None:
        address = urlsplit(url)
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.take_up(receive_buffer)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect((address.hostname, address.port))
        self.seen = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def take_up(self, size: int) -> None:
        """Set how many bytes may lie unread in this client's socket."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    # ── sending and reading ──────────────────────────────────────────────────────────────────

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def send_last(self, data: bytes) -> None:
        """Send bytes with the FIN right behind them (Linux: in the same packet), and stay."""
        self.sock.sendall(data, getattr(socket, "MSG_MORE", 0))
        self.half_close()

    def chat(self, path: str, *headers: str, version: str = "1.1", **fields: Any) -> None:
        """Ask for a chat completion below `path` (`/v1`, `/s/SESSION/v1`)."""
        self.send(post(path + CHAT, question(**fields), *headers, version=version))

    def read_tokens(self, count: int) -> bytes:
        """Read until so many tokens have come and nothing is left unread before the next one."""
        wanted = count + 1 if count else 0  # the role chunk has a content too
        while not (self.seen.count(b'"content":"') == wanted and self._is_between_events()):
            self._more()
        return self.seen

    def read_some(self, count: int) -> bytes:
        """Read until at least so many tokens have come."""
        while self.seen.count(b'"content":"') <= count:
            self._more()
        return self.seen

    def read_head(self) -> bytes:
        """Read until the head of a response is there."""
        while b"\r\n\r\n" not in self.seen:
            self._more()
        return self.seen

    def response(self) -> Answer:
        """Read one whole response, and take it."""
        head = self.read_head().partition(b"\r\n\r\n")[0]
        self.seen = self.seen[len(head) + 4 :]
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        return Answer(int(first.split()[1]), headers, self._body(headers))

    def read_to_end(self) -> bytes:
        """Read until the server closes; return all that was not taken."""
        try:
            while data := self.sock.recv(1 << 16):
                self.seen += data
        except ConnectionResetError:
            pass
        return self.seen

    def is_closed(self) -> bool:
        """Wait for the server to close; false when it sends something instead."""
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True

    # ── leaving ──────────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Close: a FIN when everything was read, else a RST."""
        self.sock.close()

    def half_close(self) -> None:
        """Send a FIN, and stay."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Send a RST, whatever was read."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # ── inside ───────────────────────────────────────────────────────────────────────────────

    def _is_between_events(self) -> bool:
        head, _, body = self.seen.partition(b"\r\n\r\n")
        is_chunked = b"transfer-encoding: chunked" in head
        return self.seen.endswith(b"\r\n" if is_chunked or not body else b"\n\n")

    def _more(self) -> None:
        data = self.sock.recv(1 << 16)
        if not data:
            raise EOFError(self.seen)
        self.seen += data

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return self._chunks()
        if "content-length" in headers:
            return self._take(int(headers["content-length"]))
        body, self.seen = self.read_to_end(), b""
        return body

    def _chunks(self) -> bytes:
        chunks = []
        while size := int(self._line(), 16):
            chunks.append(self._take(size))
            self._line()
        self._line()
        return b"".join(chunks)

    def _line(self) -> bytes:
        while b"\r\n" not in self.seen:
            self._more()
        line, _, self.seen = self.seen.partition(b"\r\n")
        return line

    def _take(self, size: int) -> bytes:
        while len(self.seen) < size:
            self._more()
        taken, self.seen = self.seen[:size], self.seen[size:]
        return taken


Connect = Callable[..., RawClient]
"""The fixture `connect`: opens a raw connection; `receive_buffer` bounds what may lie unread."""
