"""What can go wrong, by whose fault it is.

A `MockaiError` is for the person who runs mockai and is always one plain sentence. An
`OpenAIError` is for the client that called: it carries the status and body of the real API.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MockaiError(Exception):
    """Something that the person who runs mockai can mend; the text says how."""


class VocabularyError(MockaiError):
    """A tokenizer file is missing or damaged."""


class ScenarioError(MockaiError):
    """A scenario is not valid; the text has one line per fault: `file:line:column: field: why`."""


class UnplayableError(ScenarioError):
    """A scenario that is valid but cannot be played; `loc` is the place, `why` the reason alone."""

    def __init__(self, name: str, why: str, loc: tuple[str | int, ...]) -> None:
        super().__init__(f"{name}: {why}")
        self.why, self.loc = why, loc


class NotFoundError(MockaiError):
    """A session, exchange, scenario or gate that does not exist."""


class ConflictError(MockaiError):
    """A request that makes sense, but not now: nothing is held at that gate."""


class FullError(MockaiError):
    """A limit of the server is reached; the text names the option that raises it."""


class OpenAIError(Exception):
    """An error answer in the real API's own words.

    `status` is the HTTP status; the body is `{"error": {"message", "type", "param", "code"}}`,
    always with all four keys (source: OpenAI's OpenAPI description).
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
        self.headers: Mapping[str, str] = headers or {}

    def body(self) -> dict[str, Any]:
        """Return the JSON body that goes with the status."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class ScriptedError(OpenAIError):
    """An error answer that a scenario asks for: no fault of the client's."""
