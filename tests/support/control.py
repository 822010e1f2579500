"""One session of a running server, over the control API and nothing but the standard library."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

WAIT_S = 10
GATE = "hold-1"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer whose body has been read."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The body as JSON."""
        return json.loads(self.raw)

    @property
    def error(self) -> dict[str, Any]:
        """The error, which must have exactly the four members that every error has."""
        error: dict[str, Any] = self.body["error"]
        assert list(error) == ["message", "type", "param", "code"], error
        assert error["message"], error
        return error


def send(
    url: str,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make one HTTP call on a connection of its own; bytes go as they are, the rest as JSON."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        declared = {} if data is None else {"Content-Type": "application/json"}
        connection.request(method, path, data, {**declared, **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    finally:
        connection.close()


class Control:
    """A session of its own, made on the way in."""

    def __init__(self, url: str, session: str | None = None) -> None:
        self.url = url
        self.session = session or f"s{next(_numbers)}"
        self.root = f"/_mockai/sessions/{self.session}"
        self.path = f"/s/{self.session}/v1"
        self.base_url = url + self.path
        self.call("PUT", "")

    def try_call(self, method: str, tail: str, body: Any = None, **query: object) -> Answer:
        """Make a call below the session; whatever comes is the answer."""
        path = self.root + (f"/{tail}" if tail else "")
        return send(self.url, method, f"{path}?{urlencode(query)}" if query else path, body)

    def call(self, method: str, tail: str, body: Any = None, **query: object) -> Any:
        """Make a call below the session that must succeed; return the JSON."""
        answer = self.try_call(method, tail, body, **query)
        assert answer.status < 300, answer
        return answer.body

    def script(
        self,
        name: str = "story",
        *,
        tokens: int = 20,
        hold: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        """Register a scenario of so many tokens, with one hold if given."""
        reply = [{"faker": tokens}, *([{"hold": hold}] if hold else [])]
        self.call("PUT", f"scenarios/{name}", {"reply": reply, **more})

    def wait_held(self, gate: str = GATE, *, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many streams are held at a gate; return who."""
        held: list[dict[str, Any]] = self.call("GET", f"gates/{gate}", wait=WAIT_S, count=count)[
            "held"
        ]
        assert len(held) >= count, self.exchanges()
        return held

    def release(self, gate: str = GATE, **how: object) -> None:
        """Let go who is held; everybody for good, unless told otherwise."""
        self.call("POST", f"gates/{gate}/release", how or {"all": True})

    def mark(self, name: str = "stop") -> None:
        """Stamp a mark."""
        self.call("POST", "marks", {"name": name})

    def check(self, check: str, *, wait: float = WAIT_S, **arguments: object) -> dict[str, Any]:
        """Judge one check; return its result."""
        asked = {"checks": [{check: arguments}], "wait": wait}
        result: dict[str, Any] = self.call("POST", "checks", asked)["results"][0]
        return result

    def exchanges(self, **query: object) -> list[dict[str, Any]]:
        """Return exchanges, oldest first."""
        found: list[dict[str, Any]] = self.call("GET", "exchanges", **query)["exchanges"]
        return found

    def wait_for(self, count: int = 1, **query: object) -> list[dict[str, Any]]:
        """Wait for exactly so many exchanges of a kind."""
        found = self.exchanges(wait=WAIT_S, count=count, **query)
        assert len(found) == count, self.exchanges()
        return found

    def ended(self, outcome: str | None = None) -> dict[str, Any]:
        """Wait for the session's only exchange to end, in this way if given; return it."""
        if outcome is None:
            self.check("completed")  # a single exchange settles it by its end, whatever that is
        else:
            self.wait_for(outcome=outcome)
        (found,) = self.exchanges()
        assert found["outcome"] != "open"
        return found
