"""The checks: one definition each, from which come Python, HTTP, YAML and the command line.

To add a check: write its module, give it an entry here, the words of its Python method in
`client/terms`, and its row in the README. A test says which of these is missing.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Discriminator, Tag, create_model

from mockai.core.checks.base import Check
from mockai.core.checks.billed import Billed
from mockai.core.checks.cancelled import Cancelled
from mockai.core.checks.completed import Completed
from mockai.core.checks.delivered import Delivered
from mockai.core.checks.open import Open
from mockai.core.checks.order import Order
from mockai.core.checks.requests import Requests
from mockai.core.checks.sent import Sent
from mockai.core.checks.usage import Usage
from mockai.core.checks.wasted import Wasted
from mockai.core.model import Model

CHECKS: dict[str, type[Check]] = {
    check.name: check
    for check in (
        Cancelled,
        Completed,
        Requests,
        Open,
        Billed,
        Wasted,
        Sent,
        Delivered,
        Usage,
        Order,
    )
}


def _entry(check: type[Check]) -> Any:
    """Return the model of a check's single-key form: `{"cancelled": {...}}`."""
    make: Any = create_model
    return make(
        f"{check.__name__}Entry",
        __base__=Model,
        __doc__=f'`{{"{check.name}": {{...}}}}`.',
        **{check.name: (check, ...)},
    )


ENTRIES = {name: _entry(check) for name, check in CHECKS.items()}


def _kind(value: Any) -> str | None:
    keys = (
        list(value) if isinstance(value, dict) else list(getattr(type(value), "model_fields", ()))
    )
    return keys[0] if len(keys) == 1 and keys[0] in CHECKS else None


if TYPE_CHECKING:
    CheckEntry: TypeAlias = Model
else:
    CheckEntry = Annotated[
        reduce(or_, (Annotated[entry, Tag(name)] for name, entry in ENTRIES.items())),
        Discriminator(
            _kind,
            custom_error_type="unknown_check",
            custom_error_message=f"a check is a mapping with one key of: {', '.join(CHECKS)}",
        ),
    ]
"""A check in its single-key form, as in YAML and over HTTP."""


def check_of(entry: Model) -> Check:
    """Return the check inside its single-key form."""
    (kind,) = type(entry).model_fields
    check: Check = getattr(entry, kind)
    return check
