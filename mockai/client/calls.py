"""Calls of the control API and what their answers mean, without any way to send them.

A `Flow` yields calls, is sent their answers, and returns what the caller asked for: so what a
word of the client does is written once, and the sync and the async face only drive it.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

from mockai.client.tracebacks import hidden
from mockai.core.errors import ConflictError, MockaiError, NotFoundError, ScenarioError

__tracebackhide__ = hidden

Returned = TypeVar("Returned")

_ERRORS: dict[str, type[MockaiError]] = {"invalid_scenario": ScenarioError}
_ERRORS_BY_STATUS: dict[int, type[MockaiError]] = {404: NotFoundError, 409: ConflictError}
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the control API; `wait` is how many seconds its answer may take."""

    method: str
    path: str
    body: Any = None
    wait: float = 0.0

    def payload(self) -> bytes:
        """Return the body as JSON; a `Decimal` keeps its digits as text."""
        return b"" if self.body is None else json.dumps(self.body, default=str).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call."""

    status: int
    data: Any

    @classmethod
    def read(cls, status: int, raw: bytes) -> Answer:
        """Return the answer. Raises `MockaiError` when it is not JSON: nobody of ours answered."""
        try:
            return cls(status, json.loads(raw))
        except ValueError:
            raise MockaiError(
                f"status {status} and no JSON: what answers there is no mockai server"
            ) from None

    @property
    def error(self) -> dict[str, Any]:
        """The error object; empty when the call went well."""
        said = self.data.get("error") if isinstance(self.data, dict) else None
        return said if isinstance(said, dict) and self.status >= _FIRST_ERROR else {}

    def json(self) -> Any:
        """Return the data. Raises the `MockaiError` that an error answer stands for."""
        if self.status < _FIRST_ERROR:
            return self.data
        fallback = _ERRORS_BY_STATUS.get(self.status, MockaiError)
        raise _ERRORS.get(self.error.get("code", ""), fallback)(
            self.error.get("message", f"the server answered with status {self.status}")
        )


Flow: TypeAlias = Generator[Call, Answer, Returned]
"""Yields calls, is sent answers, returns what was asked for."""


def sessions() -> str:
    """Return the path of all sessions."""
    return "/_mockai/sessions"


def path(session: str, *parts: str, **query: Any) -> str:
    """Return a path below a session; a query of `None` is left out."""
    whole = "/".join([sessions(), *(quote(part, safe="") for part in (session, *parts))])
    given = {key: value for key, value in query.items() if value is not None}
    return f"{whole}?{urlencode(given)}" if given else whole
