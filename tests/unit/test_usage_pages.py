"""The provider's usage and costs pages: queries, buckets, groups, cursors and settlement."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.admin.organization import UsageCompletionsResponse, UsageCostsResponse

from mockai.core.errors import OpenAIError
from mockai.core.ledger import Line, Sums
from mockai.core.prices import shipped_prices
from mockai.core.usage_pages import newest, usage_page
from mockai.core.usage_query import PageKind, PageQuery, read_query

NOON = 1_795_435_200  # 2026-11-23 12:00 UTC
DAY = NOON // 86_400 * 86_400
MINI = "gpt-4o-mini-2024-07-18"


def line(minute: int = NOON, **facts: Any) -> Line:
    """Return a line of the ledger."""
    labels: dict[str, Any] = {"model": "gpt-4o-mini", "policy": "stop-now", "key": "k_1"}
    return Line(**{"minute": minute, "settles": 0, **labels, **facts})


BOOKED = {
    line(): Sums(requests=2, prompt=42, cached=20, completion=24),
    line(NOON + 60, key="k_2"): Sums(requests=1, prompt=21, completion=12),
    line(NOON + 3_600, model="gpt-4o"): Sums(requests=1, prompt=10, completion=5),
    line(NOON, settles=1_300, key="none"): Sums(requests=1, prompt=7, completion=9),
}


def page(
    kind: PageKind = "completions", *, clock_s: float = 0, booked: Any = None, **query: Any
) -> dict[str, Any]:
    """Return a page; a list in the query becomes a repeated `name[]`."""
    pairs = [
        (name + "[]" * isinstance(value, list), str(each))
        for name, value in {"start_time": DAY, **query}.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    asked = read_query(kind, pairs, end=NOON + 7_200)
    lines = (BOOKED if booked is None else booked).items()
    return usage_page(kind, lines, asked, clock_s=clock_s, prices=shipped_prices())


def results(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all results of a page."""
    return [result for bucket in shown["data"] for result in bucket["results"]]


def output(shown: dict[str, Any], label: str) -> dict[str | None, int]:
    """Return output tokens by a label."""
    return {result[label]: result["output_tokens"] for result in results(shown)}


# ── usage ────────────────────────────────────────────────────────────────────────────────────


def test_a_day_of_usage_is_one_bucket_with_one_sum() -> None:
    """Ungrouped, everything that has settled is added up and no group field is set."""
    shown = page()
    assert (shown["object"], shown["has_more"], shown["next_page"]) == ("page", False, None)
    (bucket,) = shown["data"]
    assert (bucket["object"], bucket["start_time"], bucket["end_time"]) == (
        "bucket",
        DAY,
        DAY + 86_400,
    )
    assert bucket["results"] == [
        {
            "object": "organization.usage.completions.result",
            "input_tokens": 73,
            "output_tokens": 41,
            "num_model_requests": 4,
            "input_uncached_tokens": 53,
            "input_cached_tokens": 20,
            "input_cache_write_tokens": 0,
            "input_text_tokens": 53,
            "output_text_tokens": 41,
            "input_cached_text_tokens": 20,
            "input_audio_tokens": 0,
            "input_cached_audio_tokens": 0,
            "output_audio_tokens": 0,
            "input_image_tokens": 0,
            "input_cached_image_tokens": 0,
            "output_image_tokens": 0,
            "project_id": None,
            "user_id": None,
            "api_key_id": None,
            "model": None,
            "batch": None,
            "service_tier": None,
            "api_source": None,
        }
    ]


def test_uncached_and_cached_tokens_make_up_the_input() -> None:
    """The parts of the input add up, as the API says they do."""
    for shown in results(page(group_by=["model", "api_key_id"])):
        parts = ("input_uncached_tokens", "input_cached_tokens", "input_cache_write_tokens")
        assert sum(shown[part] for part in parts) == shown["input_tokens"]


def test_usage_is_grouped_by_what_was_asked() -> None:
    """A model is shown by its snapshot, as the API reports it."""
    assert output(page(group_by=["model"]), "model") == {MINI: 36, "gpt-4o-2024-08-06": 5}
    assert output(page(group_by=["api_key_id"]), "api_key_id") == {"k_1": 29, "k_2": 12}
    both = results(page(group_by=["model", "api_key_id"]))
    assert [(each["model"], each["api_key_id"]) for each in both] == [
        ("gpt-4o-2024-08-06", "k_1"),
        (MINI, "k_1"),
        (MINI, "k_2"),
    ]


def test_other_groups_have_one_value_each() -> None:
    """There is one of one user, and there are no batches."""
    groups = ["project_id", "user_id", "batch", "service_tier", "api_source"]
    (shown,) = results(page(group_by=groups))
    assert [shown[name] for name in groups] == [
        "proj_mockai",
        "user-mockai",
        False,
        "default",
        "unlabeled",
    ]


@pytest.mark.parametrize(
    "query, expected",
    [
        ({"models": ["gpt-4o"]}, 5),
        ({"models": [MINI]}, 36),
        ({"models": ["gpt-4o", "gpt-4o-mini"]}, 41),
        ({"api_key_ids": ["k_2"]}, 12),
        ({"api_key_ids": ["k_2"], "models": ["gpt-4o"]}, 0),
        ({"project_ids": ["proj_mockai"]}, 41),
        ({"project_ids": ["proj_other"]}, 0),
        ({"user_ids": ["user-mockai"]}, 41),
        ({"batch": "false"}, 41),
        ({"batch": "true"}, 0),
    ],
)
def test_filters_narrow(query: dict[str, Any], expected: int) -> None:
    """All filters must hold; a model may be named by alias or snapshot."""
    assert sum(each["output_tokens"] for each in results(page(**query))) == expected


def test_minutes_and_hours_are_buckets_too_also_empty_ones() -> None:
    """A bucket without usage is there and has no results."""
    hours = page(bucket_width="1h", start_time=NOON, end_time=NOON + 7_200)
    assert [len(bucket["results"]) for bucket in hours["data"]] == [1, 1]
    minutes = page(bucket_width="1m", start_time=NOON, end_time=NOON + 180)
    assert [len(bucket["results"]) for bucket in minutes["data"]] == [1, 1, 0]


def test_a_range_ends_before_its_end_and_begins_with_its_bucket() -> None:
    """`start_time` is moved to the start of its bucket, `end_time` is exclusive."""
    shown = page(bucket_width="1h", start_time=NOON + 30, end_time=NOON + 60)
    assert shown["data"][0]["start_time"] == NOON
    assert output(shown, "model") == {None: 24}


def test_pages_go_on_where_the_last_one_ended() -> None:
    """Two buckets a page: the cursor leads on until there is no more."""
    query = {"bucket_width": "1h", "start_time": NOON, "end_time": NOON + 5 * 3_600, "limit": 2}
    starts, cursor = [], {}
    for more in (True, True, False):
        shown = page(**query, **cursor)
        starts += [bucket["start_time"] for bucket in shown["data"]]
        assert shown["has_more"] is more
        cursor = {"page": shown["next_page"]}
    assert cursor == {"page": None}
    assert starts == [NOON + hour * 3_600 for hour in range(5)]


# ── settlement ───────────────────────────────────────────────────────────────────────────────


def test_what_has_not_settled_is_not_shown() -> None:
    """Settled from its very second on."""
    assert output(page(clock_s=1_299.9), "model") == {None: 41}
    assert output(page(clock_s=1_300), "model") == {None: 50}


def test_a_correction_shows_late_and_counts_no_request() -> None:
    """The same minute has 12 tokens first and 15 in the end."""
    booked = {
        line(settles=1_300): Sums(requests=1, prompt=21, completion=12),
        line(settles=1_600, correction=True): Sums(completion=3),
    }
    seen = []
    for clock_s in (1_000, 1_300, 1_600):
        shown = results(page(clock_s=clock_s, booked=booked))
        seen.append([(each["output_tokens"], each["num_model_requests"]) for each in shown])
    assert seen == [[], [(12, 1)], [(15, 1)]]


def test_a_wall_clock_that_was_set_back_hides_nothing() -> None:
    """Without an end, a query reaches as far as anything that is booked."""
    assert newest(BOOKED) == NOON + 3_660
    assert newest({}) == 0


# ── costs ────────────────────────────────────────────────────────────────────────────────────


def test_costs_are_dollars_by_day() -> None:
    """43 fresh and 20 cached prompt tokens and 36 completion tokens of mini, and those of 4o."""
    (shown,) = results(page("costs"))
    assert shown == {
        "object": "organization.costs.result",
        "amount": {"value": 0.00010455, "currency": "usd"},
        "quantity": None,
        "quantity_unit": None,
        "project_id": None,
        "user_id": None,
        "line_item": None,
        "api_key_id": None,
        "api_source": None,
    }


def test_line_items_have_quantities() -> None:
    """By line item each kind of token stands for itself, with how many they were."""
    shown = results(page("costs", group_by=["line_item"]))
    assert [(each["line_item"], each["quantity"], each["quantity_unit"]) for each in shown] == [
        ("gpt-4o-2024-08-06, input_tokens", 10, "tokens"),
        ("gpt-4o-2024-08-06, output_tokens", 5, "tokens"),
        (f"{MINI}, cached_input_tokens", 20, "tokens"),
        (f"{MINI}, input_tokens", 43, "tokens"),
        (f"{MINI}, output_tokens", 36, "tokens"),
    ]
    only = results(page("costs", line_items=[f"{MINI}, output_tokens"]))
    assert [each["amount"]["value"] for each in only] == [0.0000216]


def test_what_has_no_price_has_no_costs() -> None:
    """The page has no way to say so; the ledger does."""
    booked = {line(model="my-model"): Sums(requests=1, prompt=21, completion=12)}
    assert results(page("costs", booked=booked)) == []
    assert output(page(booked=booked), "model") == {None: 12}


# ── the official types, and queries that make no sense ───────────────────────────────────────


def test_the_pages_have_the_shape_of_the_official_sdk() -> None:
    """Strictly validated, and nothing in them that the SDK does not know."""
    usage = page(group_by=["model"])
    costs = page("costs", group_by=["line_item"])
    for shown, model in ((usage, UsageCompletionsResponse), (costs, UsageCostsResponse)):
        parsed = model.model_validate(shown, strict=True)
        assert parsed.model_extra == {}
        for result in (each for bucket in parsed.data for each in bucket.results):
            assert result.model_extra == {}


@pytest.mark.parametrize(
    "kind, query, code, param",
    [
        ("completions", {"start_time": None}, "missing_required_parameter", "start_time"),
        ("completions", {"start_time": "noon"}, "invalid_type", "start_time"),
        ("completions", {"start_time": -1}, "integer_below_min_value", "start_time"),
        ("completions", {"start_time": 10**12}, "integer_above_max_value", "start_time"),
        ("completions", {"end_time": DAY}, "integer_below_min_value", "end_time"),
        ("completions", {"bucket_width": "1w"}, "invalid_value", "bucket_width"),
        ("costs", {"bucket_width": "1h"}, "invalid_value", "bucket_width"),
        ("completions", {"group_by": ["line_item"]}, "invalid_value", "group_by"),
        ("costs", {"group_by": ["model"]}, "invalid_value", "group_by"),
        ("completions", {"limit": 0}, "integer_below_min_value", "limit"),
        ("completions", {"limit": 32}, "integer_above_max_value", "limit"),
        ("costs", {"limit": 181}, "integer_above_max_value", "limit"),
        ("completions", {"start_tme": 1}, "unknown_parameter", "start_tme"),
        ("completions", {"page": "page_zz"}, None, "page"),
        ("completions", {"page": "page_1"}, None, "page"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(
    kind: PageKind, query: dict[str, Any], code: str | None, param: str
) -> None:
    """The API's own words: which parameter, and why."""
    pairs = [
        (name, str(value[0] if isinstance(value, list) else value))
        for name, value in {"start_time": DAY, **query}.items()
        if value is not None
    ]
    with pytest.raises(OpenAIError) as caught:
        read_query(kind, pairs, end=NOON)
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, param)


def test_the_defaults_are_those_of_the_api() -> None:
    """Days, seven of them, until now."""
    assert read_query("completions", [("start_time", str(DAY + 5))], end=NOON) == PageQuery(
        start=DAY, end=NOON, width_s=86_400, limit=7
    )
