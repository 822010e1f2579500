"""Errors of the control API, in the shape of the OpenAI surface: `{"error": {...}}`."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from mockai.core.errors import ConflictError, FullError, MockaiError, NotFoundError, ScenarioError


class ControlError(MockaiError):
    """A control call that cannot be done as asked."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param
        self.headers: Mapping[str, str] = headers or {}


_STATUS: tuple[tuple[type[MockaiError], int, str], ...] = (
    (ScenarioError, 400, "invalid_scenario"),
    (NotFoundError, 404, "not_found"),
    (ConflictError, 409, "conflict"),
    (FullError, 429, "too_many_sessions"),
)


def error_response(error: MockaiError) -> web.Response:
    """Return the answer for an error of the control API."""
    if isinstance(error, ControlError):
        answer = _error(error.status, str(error), error.code, error.param)
        answer.headers.update(error.headers)
        return answer
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return _error(status, str(error), code)
    return _error(400, str(error), "invalid_request")


def invalid(param: str, message: str) -> ControlError:
    """Return the error for a parameter that cannot be used."""
    return ControlError(400, message, code="invalid_value", param=param)


def too_large(limit: int) -> ControlError:
    """Return the error for a body of more than `limit` bytes."""
    return ControlError(
        413, f"the body has more than {limit} bytes (--max-body)", code="body_too_large"
    )


def _error(status: int, message: str, code: str, param: str | None = None) -> web.Response:
    fault = (
        "mockai_error"
        if status >= web.HTTPInternalServerError.status_code
        else "invalid_request_error"
    )
    body = {"error": {"message": message, "type": fault, "param": param, "code": code}}
    return web.json_response(body, status=status)
