"""The query of the provider's usage and costs pages, read and refused as the API does.

Sources: the parameters, defaults and limits are those of the official SDK's types; the sentences
are those of the API's other refusals. Must not know what stands on a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mockai.core import openai_errors as refuse
from mockai.core.errors import OpenAIError

PageKind = Literal["completions", "costs"]
WIDTHS = {"1m": 60, "1h": 3_600, "1d": 86_400}
_MOST_SECONDS = 253_402_300_800  # the year 10000
_CURSOR = re.compile(r"page_([0-9a-f]{1,10})")


@dataclass(frozen=True, slots=True)
class Rules:
    """What one page allows: (default, most) buckets by width, groups, and lists to filter by."""

    limits: Mapping[str, tuple[int, int]]
    groups: tuple[str, ...]
    filters: tuple[str, ...]


RULES: Mapping[PageKind, Rules] = {
    "completions": Rules(
        limits={"1m": (60, 1440), "1h": (24, 168), "1d": (7, 31)},
        groups=(
            "project_id",
            "user_id",
            "api_key_id",
            "model",
            "batch",
            "service_tier",
            "api_source",
        ),
        filters=("project_ids", "user_ids", "api_key_ids", "models", "batch"),
    ),
    "costs": Rules(
        limits={"1d": (7, 180)},
        groups=("project_id", "user_id", "line_item", "api_key_id", "api_source"),
        filters=("project_ids", "api_key_ids", "line_items"),
    ),
}


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What was asked: buckets of `width_s` from `start` to `end` (Unix seconds), `limit` at most.

    `filters` has the values that are allowed for each field that was filtered by.
    """

    start: int
    end: int
    width_s: int
    limit: int
    group_by: tuple[str, ...] = ()
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_query(kind: PageKind, pairs: Iterable[tuple[str, str]], *, end: int) -> PageQuery:
    """Read a query string; `end` is where it ends if it does not say. Raises `OpenAIError`."""
    rules, asked = RULES[kind], _lists(pairs)
    known = {"start_time", "end_time", "bucket_width", "group_by", "limit", "page", *rules.filters}
    for name in asked:
        if name not in known:
            raise refuse.unknown_parameter(name)
    if "start_time" not in asked:
        raise refuse.missing_required_parameter("start_time")
    width = _one_of("bucket_width", asked.get("bucket_width", ["1d"])[-1], tuple(rules.limits))
    default, most = rules.limits[width]
    start = _whole("start_time", asked["start_time"][-1], 0, _MOST_SECONDS)
    whole = _reader(asked)
    query = PageQuery(
        start=start // WIDTHS[width] * WIDTHS[width],
        end=whole("end_time", max(end, start + 1), start + 1, _MOST_SECONDS),
        width_s=WIDTHS[width],
        limit=whole("limit", default, 1, most),
        group_by=tuple(
            _one_of("group_by", each, rules.groups) for each in asked.get("group_by", ())
        ),
        filters={name: frozenset(asked[name]) for name in rules.filters if name in asked},
    )
    return _turned(query, asked["page"][-1]) if "page" in asked else query


def cursor(start: int) -> str:
    """Return the `next_page` that begins at a Unix second."""
    return f"page_{start:x}"


def _turned(query: PageQuery, page: str) -> PageQuery:
    """Return the query as it goes on at a cursor of ours."""
    found = _CURSOR.fullmatch(page)
    start = int(found[1], 16) if found else -1
    if not query.start <= start < query.end or start % query.width_s:
        raise OpenAIError(
            400, f"Invalid 'page': {page!r} is no cursor of this query.", param="page"
        )
    return PageQuery(start, query.end, query.width_s, query.limit, query.group_by, query.filters)


def _lists(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Gather values by name; the SDKs send a list as `group_by[]=` or `group_by=`, repeated."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.removesuffix("[]"), []).append(value)
    return found


def _reader(asked: Mapping[str, Sequence[str]]) -> Callable[[str, int, int, int], int]:
    def whole(name: str, default: int, least: int, most: int) -> int:
        return _whole(name, asked[name][-1], least, most) if name in asked else default

    return whole


def _whole(name: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,15}", text):
        raise refuse.invalid_type(name, "an integer", text)
    number = int(text)
    if number < least:
        raise refuse.integer_below_min_value(name, least, number)
    if number > most:
        raise refuse.integer_above_max_value(name, most, number)
    return number


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise refuse.invalid_value(name, value, allowed)
    return value
