"""The base of everything that people write in YAML, JSON or Python: strict and frozen."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

NAME = r"^[A-Za-z0-9_-]{1,64}$"
Name = Annotated[str, Field(pattern=NAME)]
"""A session, scenario, gate or mark name: 1 to 64 letters, digits, `_` or `-`."""


class Model(BaseModel):
    """Frozen, and strict about keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def misplaced(text: str, at: tuple[str | int, ...]) -> PydanticCustomError:
    """Return what a validator raises when the mistake is at a place within its value.

    `at` is a path as pydantic has it: after the place of a step comes its tag.
    """
    return PydanticCustomError("misplaced", "{text}", {"text": text, "at": at})
