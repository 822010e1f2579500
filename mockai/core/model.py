"""The base of everything that people write in YAML, JSON or Python: strict and frozen.

Numbers and truths are what they look like: the text "5" is no number, and `true` is not 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

NAME = r"^[A-Za-z0-9_-]{1,64}$"
Name = Annotated[str, Field(pattern=NAME)]
"""A session, scenario, gate or mark name: 1 to 64 letters, digits, `_` or `-`."""
Ordinal = Annotated[int, Field(ge=1)]
Nth = Ordinal | Annotated[tuple[Ordinal, ...], Field(min_length=1)]
"""Which of several in a row, from 1: one of them, or some."""


def _number(error: Any) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, bool | str | bytes):
            raise PydanticKnownError(error)
        return value

    return check


def _truth(value: Any) -> Any:
    if not isinstance(value, bool):
        raise PydanticKnownError("bool_type")
    return value


_NOT_COERCED: dict[str, Callable[[Any], Any]] = {
    "int": _number("int_type"),
    "float": _number("float_type"),
    "bool": _truth,
}


def _uncoerced(schema: Any) -> Any:
    """Return a pydantic schema in which numbers and truths are not made of other things."""
    if isinstance(schema, list | tuple):
        return type(schema)(_uncoerced(item) for item in schema)
    if not isinstance(schema, dict):
        return schema
    inner = {
        key: value if key in {"metadata", "default", "ref"} else _uncoerced(value)
        for key, value in schema.items()
    }
    check = _NOT_COERCED.get(str(schema.get("type")))
    return inner if check is None else core_schema.no_info_before_validator_function(check, inner)


class Model(BaseModel):
    """Frozen, and strict about keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Refuse what pydantic would take for a number."""
        schema: CoreSchema = _uncoerced(handler(source))
        return schema


def misplaced(text: str, at: tuple[str | int, ...]) -> PydanticCustomError:
    """Return what a validator raises when the mistake is at a place within its value.

    `at` is a path as pydantic has it: after the place of a step comes its tag.
    """
    return PydanticCustomError("misplaced", "{text}", {"text": text, "at": at})
