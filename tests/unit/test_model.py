"""What people write is taken as it is written: no number is made of a text, no truth of a word."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from mockai.core.model import Model


class Written(Model):
    """One of each."""

    whole: int = 1
    number: float = 1.0
    truth: bool = False
    maybe: int | None = None
    either: bool | str = False
    many: tuple[int, ...] = ()
    limited: Annotated[int, Field(ge=1)] = 1


@pytest.mark.parametrize(
    "field,value",
    [
        ("whole", "5"),
        ("whole", True),
        ("whole", 5.5),
        ("number", "5.5"),
        ("number", False),
        ("truth", "false"),
        ("truth", 0),
        ("maybe", "5"),
        ("many", ["1"]),
        ("limited", True),
        ("limited", 0),
    ],
)
def test_what_only_looks_like_it_is_refused(field: str, value: Any) -> None:
    """`stream: "false"` would be true to somebody and false to another."""
    with pytest.raises(ValidationError, match=field):
        Written.model_validate({field: value})


@pytest.mark.parametrize(
    "field,value",
    [
        ("whole", 5),
        ("whole", 5.0),
        ("number", 5),
        ("truth", True),
        ("maybe", None),
        ("either", "yes"),
        ("either", True),
        ("many", [1, 2]),
    ],
)
def test_what_is_it_is_taken(field: str, value: Any) -> None:
    """JSON has one kind of number."""
    made = getattr(Written.model_validate({field: value}), field)
    assert made == (tuple(value) if isinstance(value, list) else value)


def test_the_schema_tells_the_types() -> None:
    """An editor that knows it underlines the same."""
    properties = Written.model_json_schema()["properties"]
    assert properties["whole"]["type"] == "integer"
    assert properties["truth"]["type"] == "boolean"
    assert properties["limited"] == {
        "default": 1,
        "minimum": 1,
        "title": "Limited",
        "type": "integer",
    }
