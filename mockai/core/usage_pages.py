"""The provider's own pages: usage of completions and costs, in buckets, from a ledger's lines.

Shapes: the official SDK's types (3.54). Group fields are null unless asked for. Only what has
settled is shown; what that means is the ledger's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from mockai.core.dialects.models import snapshot_of
from mockai.core.ledger import NO_KEY, Line, Sums
from mockai.core.prices import Prices
from mockai.core.usage_query import PageKind, PageQuery, cursor

Booked = tuple[Line, Sums]
Labels = dict[str, Any]

_PROJECT, _USER = "proj_mockai", "user-mockai"


def usage_page(
    kind: PageKind, lines: Iterable[Booked], query: PageQuery, *, clock_s: float, prices: Prices
) -> dict[str, Any]:
    """Return one page of what has settled by `clock_s` of the settlement clock."""
    found = _by_bucket(lines, query, clock_s)
    starts = range(query.start, query.end, query.width_s)
    rest = starts[query.limit :]
    return {
        "object": "page",
        "data": [
            {
                "object": "bucket",
                "start_time": start,
                "end_time": start + query.width_s,
                "results": _RESULTS[kind](found.get(start, ()), query, prices),
            }
            for start in starts[: query.limit]
        ],
        "has_more": bool(rest),
        "next_page": cursor(rest[0]) if rest else None,
    }


def newest(lines: Iterable[Line]) -> int:
    """Return the end of the newest minute that has a line: a clock set back hides nothing."""
    return max((line.minute + 60 for line in lines), default=0)


def _by_bucket(
    lines: Iterable[Booked], query: PageQuery, clock_s: float
) -> dict[int, list[Booked]]:
    """Return what has settled and is asked for, by the start of its bucket."""
    found: dict[int, list[Booked]] = {}
    for line, sums in lines:
        # The range is exact to the minute, as finely as usage is kept.
        if line.settles <= clock_s and query.start <= line.minute < query.end:
            start = line.minute // query.width_s * query.width_s
            found.setdefault(start, []).append((line, sums))
    return found


# ── usage ────────────────────────────────────────────────────────────────────────────────────


def _usage_results(lines: Iterable[Booked], query: PageQuery, _: Prices) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], Sums] = {}
    for line, sums in lines:
        labels = _labels(line)
        if _wanted(labels, line, query):
            key = tuple(labels[name] for name in query.group_by)
            groups.setdefault(key, Sums()).add(sums)
    return [
        {
            "object": "organization.usage.completions.result",
            **_usage(groups[key]),
            **_grouped(_USAGE_LABELS, query, key),
        }
        for key in sorted(groups, key=str)
    ]


def _usage(sums: Sums) -> dict[str, int]:
    fresh = sums.prompt - sums.cached
    return {
        "input_tokens": sums.prompt,
        "output_tokens": sums.completion,
        "num_model_requests": sums.requests,
        "input_uncached_tokens": fresh,
        "input_cached_tokens": sums.cached,
        "input_cache_write_tokens": 0,
        "input_text_tokens": fresh,
        "output_text_tokens": sums.completion,
        "input_cached_text_tokens": sums.cached,
        "input_audio_tokens": 0,
        "input_cached_audio_tokens": 0,
        "output_audio_tokens": 0,
        "input_image_tokens": 0,
        "input_cached_image_tokens": 0,
        "output_image_tokens": 0,
    }


# ── costs ────────────────────────────────────────────────────────────────────────────────────


def _cost_results(
    lines: Iterable[Booked], query: PageQuery, prices: Prices
) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], tuple[Decimal, int]] = {}
    for line, sums in lines:
        for item, quantity, amount in _items(line, sums, prices):
            labels = {**_labels(line), "line_item": item}
            if quantity and _wanted(labels, line, query):
                key = tuple(labels[name] for name in query.group_by)
                money, count = groups.get(key, (Decimal(0), 0))
                groups[key] = money + amount, count + quantity
    return [_cost(groups[key], query, key) for key in sorted(groups, key=str)]


def _items(line: Line, sums: Sums, prices: Prices) -> Iterator[tuple[str, int, Decimal]]:
    """Yield line item, tokens and dollars; a model without a price cannot be on this page."""
    price, model = prices.of(line.model), snapshot_of(line.model)
    if price is None:
        return
    fresh = sums.prompt - sums.cached
    yield f"{model}, input_tokens", fresh, price.cost(prompt=fresh, completion=0)
    yield (
        f"{model}, cached_input_tokens",
        sums.cached,
        price.cost(prompt=sums.cached, cached=sums.cached, completion=0),
    )
    completion = sums.completion
    yield f"{model}, output_tokens", completion, price.cost(prompt=0, completion=completion)


def _cost(sums: tuple[Decimal, int], query: PageQuery, key: tuple[Any, ...]) -> dict[str, Any]:
    money, quantity = sums
    by_item = "line_item" in query.group_by
    return {
        "object": "organization.costs.result",
        "amount": {"value": float(money), "currency": "usd"},
        "quantity": quantity if by_item else None,
        "quantity_unit": "tokens" if by_item else None,
        **_grouped(_COST_LABELS, query, key),
    }


_RESULTS: Mapping[
    PageKind, Callable[[Iterable[Booked], PageQuery, Prices], list[dict[str, Any]]]
] = {"completions": _usage_results, "costs": _cost_results}


# ── labels ───────────────────────────────────────────────────────────────────────────────────

_USAGE_LABELS = (
    "project_id",
    "user_id",
    "api_key_id",
    "model",
    "batch",
    "service_tier",
    "api_source",
)
_COST_LABELS = ("project_id", "user_id", "line_item", "api_key_id", "api_source")
_FILTERS = {
    "project_ids": "project_id",
    "user_ids": "user_id",
    "api_key_ids": "api_key_id",
    "models": "model",
    "line_items": "line_item",
}


def _labels(line: Line) -> Labels:
    """Return what a line can be grouped by; mockai has one project and one user."""
    return {
        "project_id": _PROJECT,
        "user_id": _USER,
        "api_key_id": None if line.key == NO_KEY else line.key,
        "model": snapshot_of(line.model),
        "batch": False,
        "service_tier": "default",
        "api_source": "unlabeled",
    }


def _wanted(labels: Labels, line: Line, query: PageQuery) -> bool:
    """Apply the filters; a model may be meant by its alias or by its snapshot."""
    for name, allowed in query.filters.items():
        if name == "batch":
            seen = {"false"}  # nothing here is a batch
        else:
            seen = {labels[_FILTERS[name]], *([line.model] if name == "models" else [])}
        if not allowed & seen:
            return False
    return True


def _grouped(names: tuple[str, ...], query: PageQuery, key: tuple[Any, ...]) -> Labels:
    given = dict(zip(query.group_by, key, strict=True))
    return {name: given.get(name) for name in names}
