"""The record of one request, and its JSON: the shape that every client of the control API reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mockai.core.exchange import (
    Bill,
    Connection,
    Delivery,
    Disconnect,
    Exchange,
    Hold,
    MarkSeen,
    PaceError,
    RequestFacts,
    Schedule,
    Timing,
    Tokens,
    utc_text,
)
from tests.support.facts import cancelled_exchange, open_exchange, reply_of

# The record as it is documented: every key in its place; what came later is named below.
DOCUMENTED = """
{"id": "ex_1", "seq": 4, "session": "default", "generation": 1, "scenario": "slow-story",
 "seed": 7, "ordinal": 1, "request_id": "req_1", "completion_id": "chatcmpl-1",
 "status": 200, "outcome": "cancelled", "cause": null, "error": null, "phase": "streaming",
 "paced": true, "retry_of": null,
 "request": {"method": "POST", "path": "/v1/chat/completions", "endpoint": "chat.completions",
             "model": "gpt-4o-mini", "stream": true,
             "headers": {"user-agent": "x", "authorization": null}, "key_id": "k_9f", "tag": null,
             "traceparent": null, "body": {"model": "gpt-4o-mini"}, "body_truncated": false,
             "peer": "127.0.0.1:50312", "http_version": "1.1", "sdk_retry_count": 0,
             "session_via": "prefix"},
 "disconnect": {"how": "fin", "errno": null, "at_s": 0.241, "token": 12, "while_held": "hold-1",
                "since_mark_s": {"stop": 0.004}},
 "marks": [{"name": "stop", "seq": 1, "at_s": 0.237, "token": 12, "generated": 12}],
 "holds": [{"name": "hold-1", "token": 12, "at_s": 0.23, "for_s": 0.011, "timed_out": false}],
 "tokens": {"prompt": 21, "planned": 400, "generated": 12, "written": 12, "exact": true},
 "delivery": {"written_bytes": 3120, "acked_bytes": 3120, "unsent_bytes": 0, "stalled_s": 0.0},
 "timing": {"received_at": "2026-11-23T05:00:00.000Z", "headers_s": 0.001, "first_token_s": 0.201,
            "last_write_s": 0.23, "ended_s": 0.241,
            "pace_error_ms": {"p50": 0.4, "p99": 1.1, "max": 1.9}},
 "connection": {"id": "c7", "nth_request": 1},
 "bill": {"policy": "stop-now", "prompt_tokens": 21, "completion_tokens": 12, "wasted_tokens": 0,
          "cost_usd": "0.0000103"}}
"""


ADDED = {
    "half_closed_s",
    "delivery.note",
    "bill.wasted_usd",
    "bill.cached_tokens",
    "bill.note",
}


def flat(record: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Return the record with a dotted path to each value."""
    found: dict[str, Any] = {}
    for key, value in record.items():
        inner = isinstance(value, dict) and value
        found |= flat(value, f"{path}{key}.") if inner else {f"{path}{key}": value}
    return found


def full_exchange() -> Exchange:
    """Return the exchange of the documented record."""
    return Exchange(
        id="ex_1",
        seq=4,
        session="default",
        generation=1,
        received_ns=1,
        scenario="slow-story",
        seed=7,
        ordinal=1,
        request_id="req_1",
        completion_id="chatcmpl-1",
        request=RequestFacts(
            path="/v1/chat/completions",
            endpoint="chat.completions",
            model="gpt-4o-mini",
            stream=True,
            headers={"user-agent": "x", "authorization": None},
            key_id="k_9f",
            body=b'{"model": "gpt-4o-mini"}',
            peer="127.0.0.1:50312",
            sdk_retry_count=0,
            session_via="prefix",
        ),
        status=200,
        outcome="cancelled",
        phase="streaming",
        disconnect=Disconnect("fin", None, 0.241, 12, "hold-1", {"stop": 0.0040000001}),
        marks=(MarkSeen("stop", 1, 0.237, 12, 12),),
        holds=(Hold("hold-1", 12, 0.23, 0.0110000004),),
        tokens=Tokens(21, 400, 12, 12, exact=True),
        paced=True,
        delivery=Delivery(3120, 3120, 0, 0.0),
        timing=Timing(
            "2026-11-23T05:00:00.000Z", 0.001, 0.201, 0.23, 0.241, PaceError(0.4, 1.1, 1.9)
        ),
        connection=Connection("c7", 1),
        bill=Bill("stop-now", 21, 12, 0, "0.0000103"),
        schedule=Schedule(reply_of(2), 0.0),
    )


def test_the_record_is_the_documented_one() -> None:
    """Every key in its place; times are rounded to microseconds; inner facts stay inside."""
    shown, documented = flat(full_exchange().to_json()), flat(json.loads(DOCUMENTED))
    assert {path: shown.get(path, "missing") for path in documented} == documented
    assert shown.keys() - documented.keys() <= ADDED


def test_the_record_is_json_and_its_order_is_fixed() -> None:
    """Who reads a dump finds the fate before the figures, in every record at the same place."""
    shown = full_exchange().to_json()
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert list(shown) == list(open_exchange().to_json())
    assert list(shown)[:6] == ["id", "seq", "session", "generation", "request", "scenario"]


@pytest.mark.parametrize("field", ["disconnect", "bill", "cause", "error", "retry_of", "scenario"])
def test_what_is_not_there_is_null(field: str) -> None:
    """A key is never left out."""
    bare = Exchange("ex_1", 1, "default", 1, 0, RequestFacts()).to_json()
    assert bare[field] is None
    assert (bare["marks"], bare["holds"], bare["outcome"]) == ([], [], "open")


@pytest.mark.parametrize(
    "body,shown",
    [
        (b"", None),
        (b'{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        (b"[1]", [1]),
        (b'{"a": ', '{"a": '),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b'{"a": 1e999}', '{"a": 1e999}'),
        (b"[" * 100_000, "[" * 100_000),
        (b'{"a": "\\ud800"}', {"a": "\ud800"}),
    ],
    ids=["none", "object", "list", "cut", "binary", "nan", "infinite", "deep", "surrogate"],
)
def test_a_body_is_shown_as_json_or_as_text(body: bytes, shown: Any) -> None:
    """Whatever the client sent, the record can be written as strict JSON."""
    record = open_exchange(request=RequestFacts(body=body)).to_json()
    assert record["request"]["body"] == shown
    json.dumps(record, allow_nan=False)


def test_a_record_is_a_snapshot() -> None:
    """What is handed out shares nothing that could change the record."""
    exchange = full_exchange()
    exchange.to_json()["request"]["headers"]["user-agent"] = "changed"
    exchange.to_json()["disconnect"]["since_mark_s"]["stop"] = 9
    assert exchange.to_json() == full_exchange().to_json()


def test_ended_is_all_but_open() -> None:
    """`failed` and `cancelled` are ends, too."""
    assert not open_exchange().ended
    assert all(open_exchange(outcome=o).ended for o in ("completed", "cancelled", "failed"))


# ── when a token was written ─────────────────────────────────────────────────────────────────


def test_the_instant_of_a_token_is_read_off_the_schedule() -> None:
    """Token 1 after ttft, then one per period; nothing is known of tokens that were not written."""
    pace = {"ttft": "200ms", "tokens_per_second": 50}
    left = cancelled_exchange(0.5, 12, schedule=Schedule(reply_of(20, pace=pace), 0.01))
    instants = [left.token_at_s(n) for n in (0, 1, 2, 12)]
    assert instants == pytest.approx([0.01, 0.21, 0.23, 0.43])
    assert left.token_at_s(13) is None


def test_holds_and_stalls_move_the_instants_after_them() -> None:
    """Each shift counts from its frame on, in all."""
    pace = {"ttft": "200ms", "tokens_per_second": 50}
    shifts = ((3, 1_000_000_000), (5, 1_500_000_000))
    left = cancelled_exchange(schedule=Schedule(reply_of(20, pace=pace), 0.0, shifts))
    assert [left.token_at_s(n) for n in (2, 3, 4, 5, 6)] == [0.22, 1.24, 1.26, 1.78, 1.8]


def test_a_token_inside_a_character_was_written_with_the_whole() -> None:
    """Three tokens of one character have one instant."""
    reply = reply_of({"text": "Hi 🦤 you"}, pace={"tokens_per_second": 1})
    left = cancelled_exchange(schedule=Schedule(reply, 0.0))
    assert [left.token_at_s(n) for n in (1, 2, 3, 4, 5)] == [0, 3, 3, 3, 4]


def test_without_a_plan_no_token_has_an_instant() -> None:
    """A refused request never had a schedule."""
    assert open_exchange(schedule=None).token_at_s(1) is None


def test_wall_time_is_utc_to_the_millisecond() -> None:
    """As logs of other servers have it."""
    assert utc_text(1_795_000_000.1239) == "2026-11-18T11:06:40.123Z"
    assert utc_text(0) == "1970-01-01T00:00:00.000Z"
