"""The control API's description: complete, sound, and true of what is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import BaseModel

from mockai.http.control_models import (
    ExchangesShown,
    ExchangeWhole,
    FindingsShown,
    GateShown,
    GatesShown,
    Health,
    Ledger,
    Report,
    ScenariosShown,
    SessionShown,
    SessionsShown,
    VerdictsShown,
)
from mockai.http.control_routes import CALLS, routes
from mockai.http.server import ServerThread
from tests.support.control import Control, send
from tests.support.raw import CHAT, QUESTION

README = Path(__file__).parents[2] / "README.md"
CATCH_ALL = "/_mockai{tail:.*}"


@pytest.fixture(scope="module")
def document(server: ServerThread) -> Any:
    """The description, as it is served."""
    answer = send(server.url, "GET", "/_mockai/openapi.json")
    assert answer.status == 200
    return answer.body


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield each method and path with what is said of it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def references(value: Any) -> Iterator[str]:
    """Yield every reference within a JSON value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_route_is_described_and_nothing_else(document: Any) -> None:
    """One table makes both; the route that answers everything else is none."""
    served = {(route.method, route.path) for route in routes() if isinstance(route, web.RouteDef)}
    described = {(method, path) for method, path, _ in operations(document)}
    assert described == served - {("*", CATCH_ALL)}


def test_every_call_stands_in_the_readme() -> None:
    """A call that nobody hears of is not there."""
    text = README.read_text("utf-8")
    section = text[text.index("## Way 3") : text.index("## Scripts")]
    for call in CALLS:
        tail = call.path.removeprefix("/_mockai/sessions/{session}").removeprefix("/_mockai")
        last = next((part for part in reversed(tail.split("/")) if part and "{" not in part), "S")
        assert re.search(rf"`[^`]*\b{re.escape(last)}\b[^`]*`", section), call.path
        for query in call.query:
            assert re.search(rf"\b{query.name}\b", section), (call.path, query.name)


def test_the_description_is_sound(document: Any) -> None:
    """OpenAPI 3.1; each operation has an id of its own, its parameters, and its errors."""
    assert document["openapi"].startswith("3.1.")
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    schemas = document["components"]["schemas"]
    found = set(references(document))
    assert {ref.removeprefix("#/components/schemas/") for ref in found} <= schemas.keys()
    for method, path, operation in operations(document):
        named = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert "400" in operation["responses"], (method, path)
        assert operation["summary"].endswith(".")
        assert ("requestBody" in operation) <= (method in {"POST", "PUT"})


def test_the_check_of_every_kind_is_described(document: Any) -> None:
    """With its fields, so that a client that is generated from it knows them."""
    schemas = document["components"]["schemas"]
    assert schemas["Requests"]["properties"].keys() >= {"count", "max", "after", "quiet"}
    assert "RequestsEntry" in str(schemas["Checks"])


ANSWERS: list[tuple[str, type[BaseModel]]] = [
    ("/_mockai/health", Health),
    ("/_mockai/sessions", SessionsShown),
    ("{root}", SessionShown),
    ("{root}/exchanges", ExchangesShown),
    ("{root}/exchanges/{exchange}", ExchangeWhole),
    ("{root}/scenarios", ScenariosShown),
    ("{root}/gates", GatesShown),
    ("{root}/gates/hold-1", GateShown),
    ("{root}/ledger", Ledger),
    ("{root}/findings", FindingsShown),
    ("{root}/report", Report),
]


@pytest.mark.parametrize("path, model", ANSWERS)
def test_what_is_answered_is_as_described(
    control: Control, path: str, model: type[BaseModel]
) -> None:
    """An exchange that was held, marked, read on and billed has everything in it."""
    control.script(tokens=9)
    control.mark("stop")
    assert send(control.url, "POST", control.path + CHAT, QUESTION).status == 200
    (exchange,) = control.exchanges()
    answer = send(control.url, "GET", path.format(root=control.root, exchange=exchange["id"]))
    assert answer.status == 200
    shown = model.model_validate(answer.body)
    assert answer.body.keys() <= {*type(shown).model_fields, *(shown.model_extra or {})}


def test_a_verdict_is_as_described(control: Control) -> None:
    """Passed or failed."""
    asked = {"checks": [{"completed": {}}, {"requests": {"max": 0, "quiet": 0}}], "wait": 0}
    assert VerdictsShown.model_validate(control.call("POST", "checks", asked)).passed is False


def test_the_description_is_open_to_all(document: Any) -> None:
    """A tool that reads it has no token yet; what needs one says so."""
    assert document["components"]["securitySchemes"]["admin"]["scheme"] == "bearer"
    assert {} in document["security"]
