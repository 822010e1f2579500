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

    Its arguments have no types: what they are is found out when it is called.

    >>> from mockai.core.exchange import Tokens
    >>> more = maker_from(Tokens, same=["prompt", "planned"])
    >>> more(Tokens(prompt=3, planned=9), written=2) == Tokens(prompt=3, planned=9, written=2)
    True
    """
    return cast("Callable[..., NounT]", _maker(noun, same))


def _maker(noun: Callable[..., Any], same: Collection[str] = ()) -> Callable[..., Any]:
    kind = cast("type[Any]", noun)
    unknown = set(same) - {each.name for each in fields(kind)}
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    known: dict[str, Any] = {"_kind": kind, "_filled": _filled(kind), "_new": object.__new__}
    parameters = ["_source"] if same else []
    lines = ["_made = _new(_filled)"]
    for each in fields(kind):
        name, default = each.name, f"_default_{each.name}"
        has_factory = each.default_factory is not MISSING
        known[default] = each.default_factory if has_factory else each.default
        optional = known[default] is not MISSING
        if name in same:
            value = f"_source.{name}"
        elif not each.init:
            value = f"{default}()" if has_factory else default
        else:
            value = f"{default}() if {name} is {default} else {name}" if has_factory else name
            parameters.append(f"{name}={default}" if optional else name)
        if each.init or optional:
            lines.append(f"_made.{name} = {value}")
    if hasattr(kind, "__post_init__"):
        lines.append("_made.__post_init__()")
    body = "\n    ".join([*lines, "_made.__class__ = _kind", "return _made"])
    exec(f"def make({', '.join(parameters)}):\n    {body}", known)  # noqa: S102 - as dataclasses do
    return cast("Callable[..., Any]", known["make"])


def _filled(kind: type[Any]) -> type[Any]:
    """Return a class of the same slots that is not frozen: an object can change from it to ours."""
    thawed = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return type(kind.__name__, (kind,), {"__slots__": (), **thawed})
