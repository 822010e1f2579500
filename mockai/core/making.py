"""Frozen nouns made quickly: what every request makes a dozen of.

A frozen dataclass sets each field by a call of `object.__setattr__`, and a class that is called by
keywords packs them into a dict first: seven times what filling the slots takes, and a tenth of a
plain request together. A maker fills them while the object still is of a class that may be filled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, ParamSpec, TypeVar, cast

ParamsT = ParamSpec("ParamsT")
NounT = TypeVar("NounT")


def maker_of(noun: Callable[ParamsT, NounT]) -> Callable[ParamsT, NounT]:
    """Return a function that makes what calling a frozen dataclass with slots makes.

    The same parameters and defaults; only that all can be given by name costs nothing here.

    >>> from mockai.core.exchange import Tokens
    >>> maker_of(Tokens)(prompt=3, written=2) == Tokens(prompt=3, written=2)
    True
    """
    kind = cast("type[Any]", noun)
    known: dict[str, Any] = {"kind": kind, "open_kind": _open(kind), "new": object.__new__}
    parameters, lines = [], []
    for each in fields(kind):
        if not each.init:
            continue
        name, value = each.name, each.name
        if each.default is not MISSING:
            known[f"{name}_"] = each.default
            parameters.append(f"{name}={name}_")
        elif each.default_factory is not MISSING:
            known[f"{name}_"] = each.default_factory
            parameters.append(f"{name}={name}_")
            value = f"{name}_() if {name} is {name}_ else {name}"
        else:
            parameters.append(name)
        lines.append(f"made.{name} = {value}")
    if hasattr(kind, "__post_init__"):
        lines.append("made.__post_init__()")
    body = "\n    ".join(["made = new(open_kind)", *lines, "made.__class__ = kind", "return made"])
    exec(f"def make({', '.join(parameters)}):\n    {body}", known)  # noqa: S102 - as dataclasses do
    return cast("Callable[ParamsT, NounT]", known["make"])


def _open(kind: type[Any]) -> type[Any]:
    """Return the same class, but not frozen: of the same slots, so an object can change to it."""
    unfrozen = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(kind.__name__, (kind,), {"__slots__": (), **unfrozen})
