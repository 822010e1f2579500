"""Dataclasses made quickly: what every request makes a dozen of.

A frozen dataclass sets each field by a call of `object.__setattr__`; a class that is called by
keywords packs them into a dict first, and so does any call with more than fifteen of them. For the
nouns of one request that was a fifth of all its instructions. A maker fills the slots while the
object still is of a class that may be filled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from typing import Any, ParamSpec, TypeVar, cast

ParamsT = ParamSpec("ParamsT")
NounT = TypeVar("NounT")


def maker_of(noun: Callable[ParamsT, NounT]) -> Callable[ParamsT, NounT]:
    """Return a function that makes what calling a frozen dataclass with slots makes.

    >>> from mockai.core.exchange import Tokens
    >>> maker_of(Tokens)(prompt=3, written=2) == Tokens(prompt=3, written=2)
    True
    """
    return cast("Callable[ParamsT, NounT]", _maker(noun))


def maker_from(noun: Callable[..., NounT], same: Collection[str]) -> Callable[..., NounT]:
    """Do likewise; the fields `same` are those of an object, the first argument, by their names.

    >>> from mockai.core.exchange import Tokens
    >>> more = maker_from(Tokens, same=["prompt", "planned"])
    >>> more(Tokens(prompt=3, planned=9), written=2) == Tokens(prompt=3, planned=9, written=2)
    True
    """
    return cast("Callable[..., NounT]", _maker(noun, same))


def _maker(noun: Callable[..., Any], same: Collection[str] = ()) -> Callable[..., Any]:
    kind = cast("type[Any]", noun)
    known: dict[str, Any] = {"kind": kind, "filled": _filled(kind), "new": object.__new__}
    parameters = ["source"] if same else []
    lines = ["made = new(filled)"]
    for each in fields(kind):
        name = value = each.name
        default, factory = f"{name}_default", f"{name}_factory"
        if name in same:
            value = f"source.{name}"
        elif not each.init:
            continue
        elif each.default_factory is not MISSING:
            known[default], known[factory] = MISSING, each.default_factory
            parameters.append(f"{name}={default}")
            value = f"{factory}() if {name} is {default} else {name}"
        elif each.default is not MISSING:
            known[default] = each.default
            parameters.append(f"{name}={default}")
        else:
            parameters.append(name)
        lines.append(f"made.{name} = {value}")
    if hasattr(kind, "__post_init__"):
        lines.append("made.__post_init__()")
    body = "\n    ".join([*lines, "made.__class__ = kind", "return made"])
    exec(f"def make({', '.join(parameters)}):\n    {body}", known)  # noqa: S102 - as dataclasses do
    return cast("Callable[..., Any]", known["make"])


def _filled(kind: type[Any]) -> type[Any]:
    """Return a class of the same slots that is not frozen: an object can change from it to ours."""
    thawed = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(kind.__name__, (kind,), {"__slots__": (), **thawed})
