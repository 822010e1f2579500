"""The checks: one definition each, from which come Python, HTTP, YAML and the command line.

To add a check: write its module, give it an entry here, and add its row to the README.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from mockai.core.checks.base import Check
from mockai.core.checks.billed import Billed
from mockai.core.checks.cancelled import Cancelled
from mockai.core.checks.completed import Completed
from mockai.core.checks.usage import Usage
from mockai.core.checks.wasted import Wasted
from mockai.core.model import Model

CHECKS: dict[str, type[Check]] = {
    check.name: check for check in (Cancelled, Completed, Billed, Wasted, Usage)
}


class CancelledEntry(Model):
    """`{"cancelled": {...}}`."""

    cancelled: Cancelled


class CompletedEntry(Model):
    """`{"completed": {...}}`."""

    completed: Completed


class BilledEntry(Model):
    """`{"billed": {...}}`."""

    billed: Billed


class WastedEntry(Model):
    """`{"wasted": {...}}`."""

    wasted: Wasted


class UsageEntry(Model):
    """`{"usage": {...}}`."""

    usage: Usage


def _kind(value: Any) -> str | None:
    keys = (
        list(value) if isinstance(value, dict) else list(getattr(type(value), "model_fields", ()))
    )
    return keys[0] if len(keys) == 1 and keys[0] in CHECKS else None


CheckEntry = Annotated[
    Annotated[CancelledEntry, Tag("cancelled")]
    | Annotated[CompletedEntry, Tag("completed")]
    | Annotated[BilledEntry, Tag("billed")]
    | Annotated[WastedEntry, Tag("wasted")]
    | Annotated[UsageEntry, Tag("usage")],
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
