"""The control API's description (OpenAPI 3.1), made from the table of its calls and its models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from mockai.core.model import NAME
from mockai.http import control_models
from mockai.http.control_calls import SESSION, Call, Content
from mockai.http.control_models import Error

Schemas = Mapping[Any, dict[str, Any]]
"""JSON schemas by model and mode: what it takes, or what it gives."""
_REF = "#/components/schemas/{model}"
_ABOUT = (
    "Steer a mockai server and ask it what happened: sessions, scenarios, gates, marks, exchanges, "
    "checks. Durations are seconds, or text such as 500ms. A call that cannot be done is answered "
    "with an error object."
)
_COMMON = (400, 401, 403, 413, 415)
"""What the door may say to any guarded call; a reading call is refused for its parameters."""
_ERRORS = {
    400: "a parameter or a body that cannot be used",
    401: "the admin token is missing or wrong",
    403: "a request that a browser made for another page, or to another host",
    404: "there is nothing of that name",
    408: "the body did not come in time",
    409: "it makes sense, but not now",
    413: "the body is too large",
    415: "the body is neither JSON nor YAML",
    429: "a limit of the server is reached",
}


def describe(calls: Iterable[Call]) -> bytes:
    """Return the document as JSON."""
    known = [replace(call, body=_known(call.body), answer=_known(call.answer)) for call in calls]
    schemas, definitions = models_json_schema(_models(known), ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for call in known:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call, schemas)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "mockai control API", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"admin": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"admin": []}],
    }
    return json.dumps(document).encode()


def _known(content: Content) -> Content:
    """Return models for the names that stand for them."""
    if isinstance(content, Mapping):
        return {kind: _model(schema) for kind, schema in content.items()}
    known: Content = _model(content)
    return known


def _model(named: Any) -> Any:
    return getattr(control_models, named) if isinstance(named, str) else named


def _models(calls: Iterable[Call]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Error, "serialization"): None}
    for call in calls:
        found |= {(model, "validation"): None for model in _used(call.body)}
        found |= {(model, "serialization"): None for model in _used(call.answer)}
    return list(found)


def _used(content: Content) -> Iterator[type[BaseModel]]:
    kinds = content.values() if isinstance(content, Mapping) else [content]
    for kind in kinds:
        if isinstance(kind, type):
            yield kind


def _operation(call: Call, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": call.handler.__name__ + ("_named" if _is_twin(call) else ""),
        "summary": call.about,
        "parameters": [*_path_parameters(call), *_query_parameters(call)],
        "responses": {
            str(call.status): {
                "description": "done",
                "content": _content(call.answer, "serialization", schemas),
            },
            **{str(status): _failure(status, schemas) for status in _failures(call)},
        },
    }
    if call.body is not None:
        content = _content(call.body, "validation", schemas)
        operation["requestBody"] = {"required": _is_required(call), "content": content}
    return operation


def _is_twin(call: Call) -> bool:
    """Say whether the handler serves a collection and its members alike."""
    return call.method == "PUT" and call.path.endswith("/scenarios/{name}")


def _is_required(call: Call) -> bool:
    """Say whether an empty body is refused: an empty one counts as an empty object."""
    return isinstance(call.body, Mapping) or any(
        field.is_required() for model in _used(call.body) for field in model.model_fields.values()
    )


def _path_parameters(call: Call) -> Iterator[dict[str, Any]]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    if call.method in {"PUT", "POST"}:
        schema = {"type": "string", "pattern": NAME}  # something is going to be kept under it
    for name in re.findall(r"{(\w+)}", call.path):
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(call: Call) -> Iterator[dict[str, Any]]:
    for query in call.query:
        yield {
            "name": query.name,
            "in": "query",
            "required": False,
            "description": query.description,
            "schema": dict(query.schema),
        }


def _failures(call: Call) -> list[int]:
    named = [404] if call.path.startswith(SESSION) else []
    late = [408] if call.method != "GET" else []
    return sorted({*_COMMON, *named, *late, *call.fails})


def _failure(status: int, schemas: Schemas) -> dict[str, Any]:
    content = _content(Error, "serialization", schemas)
    return {"description": _ERRORS[status], "content": content}


def _content(content: Content, mode: JsonSchemaMode, schemas: Schemas) -> dict[str, Any]:
    kinds = content if isinstance(content, Mapping) else {"application/json": content}
    return {
        kind: {"schema": schemas[schema, mode] if isinstance(schema, type) else schema}
        for kind, schema in kinds.items()
        if schema is not None
    }
