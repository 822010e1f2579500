"""The small rules that a request is made of, and how they combine.

A rule takes a value and its path ("tools[0].function.name") and raises the real API's refusal
when the value breaks it. A member that is absent or null is no fault unless it is required. Knows
types, bounds and shapes; must not know any parameter by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from mockai.core import openai_errors as refuse

Rule = Callable[[Any, str], None]

_INT64 = 2**63


def integer(minimum: int = -_INT64, maximum: int = _INT64 - 1) -> Rule:
    """Take integers. 1.0 is none: the API answers "but got a decimal number" (seen in 2026)."""

    def rule(value: Any, path: str) -> None:
        if type(value) is not int:
            raise refuse.invalid_type(path, "an integer", value)
        if value < minimum:
            raise refuse.integer_below_min_value(path, minimum, value)
        if value > maximum:
            raise refuse.integer_above_max_value(path, maximum, value)

    return rule


def decimal(minimum: int, maximum: int) -> Rule:
    """Take numbers, whole ones too."""

    def rule(value: Any, path: str) -> None:
        if type(value) is not float and type(value) is not int:
            raise refuse.invalid_type(path, "a decimal", value)
        if value < minimum:
            raise refuse.decimal_below_min_value(path, minimum, value)
        if value > maximum:
            raise refuse.decimal_above_max_value(path, maximum, value)

    return rule


def boolean(value: Any, path: str) -> None:
    """Take true and false."""
    if type(value) is not bool:
        raise refuse.invalid_type(path, "a boolean", value)


def string(value: Any, path: str) -> None:
    """Take any string, lone surrogates included."""
    if type(value) is not str:
        raise refuse.invalid_type(path, "a string", value)


def short_string(maximum: int) -> Rule:
    """Take strings of at most `maximum` characters."""

    def rule(value: Any, path: str) -> None:
        string(value, path)
        if len(value) > maximum:
            raise refuse.string_above_max_length(path, maximum, len(value))

    return rule


def name(value: Any, path: str) -> None:
    """Take what functions, tools and schemas may be called."""
    _SHORT_NAME(value, path)
    if not value:
        raise refuse.empty_string(path)
    if not _NAME.fullmatch(value):
        raise refuse.pattern_mismatch(path, f"^{_NAME.pattern}$")


_SHORT_NAME = short_string(64)
_NAME = re.compile("[a-zA-Z0-9_-]+")


def one_of(*allowed: str) -> Rule:
    """Take the strings `allowed`."""
    several = "one of " if len(allowed) > 1 else ""
    expected = f"{several}{refuse.enumerated(allowed, 'or')}"

    def rule(value: Any, path: str) -> None:
        if type(value) is not str:
            raise refuse.invalid_type(path, expected, value)
        if value not in allowed:
            raise refuse.invalid_value(path, value, allowed)

    return rule


def array(
    item: Rule,
    *,
    expected: str = "an array of objects",
    empty: bool = True,
    maximum: int | None = None,
) -> Rule:
    """Take arrays of `item`; `expected` is the API's name for them."""

    def rule(value: Any, path: str) -> None:
        if type(value) is not list:
            raise refuse.invalid_type(path, expected, value)
        if not value and not empty:
            raise refuse.empty_array(path)
        if maximum is not None and len(value) > maximum:
            raise refuse.array_above_max_length(path, maximum, len(value))
        for index, element in enumerate(value):
            item(element, f"{path}[{index}]")

    return rule


def obj(
    members: Mapping[str, Rule] | None = None,
    *,
    required: Collection[str] = (),
    closed: bool = False,
) -> Rule:
    """Take objects whose `members` keep their rules; only a `closed` one has no others.

    Most of the API's nested objects tolerate what they do not know.
    """
    rules = members or {}

    def rule(value: Any, path: str) -> None:
        if type(value) is not dict:
            raise refuse.invalid_type(path, "an object", value)
        if closed:
            _refuse_strangers(value, rules, path)
        for member, check in rules.items():
            if value.get(member) is not None:
                check(value[member], f"{path}.{member}")
            elif member in required:
                _require(value, member, check, path)

    return rule


def tagged(tag: str, variants: Mapping[str, Rule], *, default: str | None = None) -> Rule:
    """Take objects that say by `tag` which of the `variants` they are.

    With a `default` the tag is never at fault: whatever it is, that variant judges (`tool_choice`).
    """
    known = one_of(*variants)

    def rule(value: Any, path: str) -> None:
        if type(value) is not dict:
            raise refuse.invalid_type(path, "an object", value)
        chosen = value.get(tag)
        if default is not None:
            chosen = chosen if chosen in [*variants] else default
        elif chosen is None:
            _require(value, tag, known, path)
        else:
            known(chosen, f"{path}.{tag}")
        variants[str(chosen)](value, path)

    return rule


def mapping(
    item: Rule, *, expected: str, maximum: int | None = None, longest_name: int | None = None
) -> Rule:
    """Take objects of any members that keep the rule `item`."""

    def rule(value: Any, path: str) -> None:
        if type(value) is not dict:
            raise refuse.invalid_type(path, expected, value)
        if maximum is not None and len(value) > maximum:
            raise refuse.object_above_max_properties(path, maximum, len(value))
        for member, element in value.items():
            if longest_name is not None and len(member) > longest_name:
                raise refuse.property_name_above_max_length(path, longest_name, member)
            item(element, f"{path}.{member}")

    return rule


def by_type(rules: Mapping[type, Rule], *, expected: str) -> Rule:
    """Judge a value by the rule for its type: a string by one, an array by another."""

    def rule(value: Any, path: str) -> None:
        check = rules.get(type(value))
        if check is None:
            raise refuse.invalid_type(path, expected, value)
        check(value, path)

    return rule


def _refuse_strangers(value: Mapping[str, Any], known: Collection[str], path: str) -> None:
    for member in value:
        if member not in known:
            raise refuse.unknown_parameter(f"{path}.{member}")


def _require(value: Mapping[str, Any], member: str, check: Rule, path: str) -> None:
    """Refuse an absent member as missing, and a null one in the words of its own rule."""
    if member not in value:
        raise refuse.missing_required_parameter(f"{path}.{member}")
    check(None, f"{path}.{member}")
