"""Bills of a running server: whose policy holds, the ledger, the clock, the provider's pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from openai import OpenAI

from mockai.core.policy import PRESETS
from mockai.core.prices import parse_prices
from mockai.http.server import ServerThread
from mockai.http.state import ServerOptions
from tests.support.control import Answer, Control, send
from tests.support.raw import Connect, RawClient

ADMIN = {"Authorization": "Bearer sk-admin-anything"}
TOKENS, HELD_AT = 40, 5


def leave_held(control: Control, connect: Connect, **script: Any) -> dict[str, Any]:
    """Let a client leave a stream that is held at token 5 of 40; return the exchange."""
    control.script(tokens=TOKENS, hold={"at_token": HELD_AT}, **script)
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    client.half_close()
    return control.ended("cancelled")


def read_all(control: Control, connect: Connect, **fields: Any) -> Answer:
    """Let a client read an answer to its end, which is recorded then."""
    client = connect()
    client.chat(control.path, **fields)
    answer = client.response()
    control.check("completed")  # settled: every exchange has ended
    return answer


def usage(control: Control, **query: Any) -> list[dict[str, Any]]:
    """Return the results of a usage page over the last minutes, by minute."""
    asked = {"start_time": int(time.time()) - 120, "bucket_width": "1m", **query}
    path = "&".join(f"{name}={value}" for name, value in asked.items())
    shown = send(
        control.url, "GET", f"{control.path}/organization/usage/completions?{path}", headers=ADMIN
    )
    assert shown.status == 200, shown
    return [result for bucket in shown.body["data"] for result in bucket["results"]]


@contextmanager
def server_with(**options: Any) -> Iterator[str]:
    """Run a server of one's own; yield its URL."""
    running = ServerThread(ServerOptions(**options)).start()
    try:
        yield running.url
    finally:
        running.stop()


# ── whose policy ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "preset, completion, wasted",
    [
        ("stop-now", 5, 0),
        ("stop-lag", 5, 0),  # held: a duration adds nothing
        ("bill-in-full", 40, 35),
        ("prefill-blind", 6, 1),
        ("background", 40, 35),
        ("nonstream-runs-on", 5, 0),
        ("charged-499", 5, 0),
        ("drain-for-usage", 40, 35),
        ("unreported-free", 0, 0),
    ],
)
def test_a_scenario_names_its_policy(
    control: Control, connect: Connect, preset: str, completion: int, wasted: int
) -> None:
    """The bill of a cancelled stream is the preset's, under its name."""
    bill = leave_held(control, connect, policy=preset)["bill"]
    assert (bill["policy"], bill["completion_tokens"], bill["wasted_tokens"]) == (
        preset,
        completion,
        wasted,
    )
    assert bill["prompt_tokens"] == (0 if preset == "unreported-free" else 11)


def test_one_body_that_is_left_runs_on_where_the_policy_says_so(
    control: Control, connect: Connect
) -> None:
    """`nonstream-runs-on`: the client has gone before the headers, and pays for all."""
    hold = {"at_token": HELD_AT}
    control.script(tokens=TOKENS, hold=hold, policy="nonstream-runs-on")
    client = connect()
    client.chat(control.path)
    control.wait_held()
    client.half_close()
    bill = control.ended("cancelled")["bill"]
    assert (bill["completion_tokens"], bill["wasted_tokens"]) == (TOKENS, TOKENS - HELD_AT)


def test_the_session_s_policy_holds_where_the_scenario_names_none(
    control: Control, connect: Connect
) -> None:
    """A scenario's own comes first."""
    control.call("DELETE", "")
    settings = {"policy": {"name": "ours", "notice": {"tokens": 3}}}
    assert send(control.url, "PUT", control.root, settings).status == 200
    bill = leave_held(control, connect)["bill"]
    assert (bill["policy"], bill["completion_tokens"]) == ("ours", HELD_AT + 3)
    control.call("POST", "reset")
    assert leave_held(control, connect, policy="stop-now")["bill"]["policy"] == "stop-now"


def test_the_server_s_policy_and_prices_hold_where_nobody_else_names_any(connect: Connect) -> None:
    """What the command line says is the default of every session."""
    prices = parse_prices("models: {gpt-4o-mini: {input: 1000000, output: 0}}", source="p.yaml")
    with server_with(policy=PRESETS["bill-in-full"].policy, prices=prices) as url:
        control = Control(url)
        control.script(tokens=TOKENS, hold={"at_token": HELD_AT})
        with RawClient(url) as client:
            client.chat(control.path, stream=True)
            control.wait_held()
        bill = control.ended("cancelled")["bill"]
        assert (bill["policy"], bill["completion_tokens"]) == ("bill-in-full", TOKENS)
        assert bill["cost_usd"] == str(bill["prompt_tokens"])


@pytest.mark.parametrize("where", ["session", "scenario", "check"])
def test_an_unknown_policy_is_refused_with_those_that_are(control: Control, where: str) -> None:
    """Wherever it is named: 400, and the list."""
    answers = {
        "session": lambda: send(control.url, "POST", "/_mockai/sessions", {"policy": "free"}),
        "scenario": lambda: control.try_call(
            "PUT", "scenarios/a", {"reply": [{"text": "b"}], "policy": "free"}
        ),
        "check": lambda: control.try_call(
            "POST", "checks", {"checks": [{"billed": {"policy": "free"}}]}
        ),
    }
    answer = answers[where]()
    assert answer.status == 400
    assert "unknown policy 'free'; allowed are stop-now, stop-lag," in answer.error["message"]
    assert control.call("GET", "scenarios") == {"scenarios": []}


# ── money and checks ─────────────────────────────────────────────────────────────────────────


def test_a_bill_is_in_exact_dollars(control: Control, connect: Connect) -> None:
    """11 prompt and 5 completion tokens of gpt-4o-mini."""
    bill = leave_held(control, connect)["bill"]
    assert (bill["cost_usd"], bill["wasted_usd"], bill["note"]) == ("0.00000465", "0", None)


def test_a_model_without_a_price_says_so(control: Control, connect: Connect) -> None:
    """Tokens are billed, money is null, and the ledger names the model."""
    control.script(tokens=TOKENS)
    read_all(control, connect, model="my-model")
    (exchange,) = control.exchanges()
    assert exchange["bill"]["completion_tokens"] == TOKENS
    assert exchange["bill"]["cost_usd"] is None
    assert "no price for model 'my-model'" in exchange["bill"]["note"]
    assert control.call("GET", "ledger")["unpriced"] == ["my-model"]


def test_a_cancel_is_judged_by_another_provider_s_rules(control: Control, connect: Connect) -> None:
    """The same exchange passes under its own policy and fails under a foreign one."""
    leave_held(control, connect)
    assert control.check("billed", max_tokens=HELD_AT)["passed"]
    assert not control.check("billed", max_tokens=HELD_AT, policy="bill-in-full")["passed"]
    assert control.check("wasted")["passed"]
    assert not control.check("wasted", policy="drain-for-usage")["passed"]
    assert control.check("wasted", max_cost_usd="0.000021", policy="drain-for-usage")["passed"]


def test_what_a_client_booked_is_compared_with_the_bill(control: Control, connect: Connect) -> None:
    """An SDK's own usage object agrees to the token."""
    control.script(tokens=TOKENS)
    booked = read_all(control, connect).body["usage"]
    figures = {name: booked[name] for name in ("prompt_tokens", "completion_tokens")}
    assert control.check("usage", **figures)["passed"]
    assert not control.check("usage", total_tokens=booked["total_tokens"] + 1)["passed"]


# ── what a provider bills beyond the text ────────────────────────────────────────────────────


def test_every_choice_is_billed(control: Control, connect: Connect) -> None:
    """Three choices of 40 tokens are 120 on every account."""
    control.script(tokens=TOKENS)
    told = read_all(control, connect, n=3).body["usage"]
    assert told["completion_tokens"] == 3 * TOKENS
    assert control.exchanges()[0]["bill"]["completion_tokens"] == 3 * TOKENS
    assert usage(control)[0]["output_tokens"] == 3 * TOKENS


def test_cached_prompt_tokens_are_told_billed_and_shown(control: Control, connect: Connect) -> None:
    """8 of 11 prompt tokens at half the price, on every account."""
    reply = [{"usage": {"cached_tokens": 8}}, {"faker": TOKENS}]
    control.call("PUT", "scenarios/cached", {"reply": reply})
    told = read_all(control, connect).body["usage"]
    bill = control.exchanges()[0]["bill"]
    assert told["prompt_tokens_details"]["cached_tokens"] == bill["cached_tokens"] == 8
    assert bill["cost_usd"] == "0.00002505"
    assert (usage(control)[0]["input_cached_tokens"], usage(control)[0]["input_tokens"]) == (8, 11)


def test_each_attempt_pays_for_its_prompt_and_an_error_for_nothing(
    control: Control, connect: Connect
) -> None:
    """A refused attempt, one that was left, one that was read: two prompts."""
    control.call(
        "PUT", "scenarios/down", {"reply": [{"error": {"status": 500}}, {"faker": 1}], "times": 1}
    )
    control.script("slow", times=1, tokens=TOKENS, hold={"at": "first_token"})
    control.script("fast", tokens=TOKENS)
    assert read_all(control, connect).status == 500
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    client.half_close()
    control.wait_for(outcome="cancelled")
    assert read_all(control, connect).status == 200
    bills = [item["bill"] for item in control.exchanges()]
    assert [bill["prompt_tokens"] for bill in bills] == [0, 11, 11]
    assert control.call("GET", "ledger")["totals"]["prompt_tokens"] == 22
    assert usage(control)[0]["num_model_requests"] == 2


# ── usage on the wire ────────────────────────────────────────────────────────────────────────


def chunks_of(control: Control, **fields: Any) -> list[Any]:
    """Stream an answer with the official client; return the chunks."""
    with OpenAI(base_url=control.base_url, api_key="any", max_retries=0) as client:
        stream = client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "Tell me a story"}],
            stream=True,
            **fields,
        )
        with stream:
            return list(stream)


def test_usage_comes_in_a_last_chunk_if_asked_for(control: Control) -> None:
    """`final`: null in every other chunk; without the option no chunk has the key."""
    control.script(tokens=3)
    *others, last = chunks_of(control, stream_options={"include_usage": True})
    assert [chunk.usage for chunk in others] == [None] * len(others)
    assert (last.choices, last.usage.total_tokens) == ([], 14)
    assert all("usage" not in chunk.model_fields_set for chunk in chunks_of(control))


def test_usage_comes_in_every_chunk_as_vllm_has_it(control: Control) -> None:
    """`continuous`: each chunk tells what has been generated up to it."""
    control.script(tokens=3, policy={"settle": {"usage": "continuous"}})
    chunks = chunks_of(control)
    assert [chunk.usage.completion_tokens for chunk in chunks] == [0, 1, 2, 3, 3]
    assert {chunk.usage.prompt_tokens for chunk in chunks} == {11}
    assert chunks[2].usage.model_dump(exclude_unset=True) == {
        "prompt_tokens": 11,
        "total_tokens": 13,
        "completion_tokens": 2,
    }
    *_, last = chunks_of(control, stream_options={"include_usage": True})
    assert (last.choices, last.usage.total_tokens) == ([], 14)


def test_usage_is_never_told_by_a_provider_that_does_not(
    control: Control, connect: Connect
) -> None:
    """`none`: not in a stream that asks for it, not in one body."""
    control.script(tokens=3, policy={"settle": {"usage": "none"}})
    chunks = chunks_of(control, stream_options={"include_usage": True})
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)
    assert "usage" not in read_all(control, connect).body


def test_a_cancelled_stream_is_never_told_its_usage(control: Control, connect: Connect) -> None:
    """Only the pages know what it cost: the last chunk never comes."""
    control.script(tokens=TOKENS, hold={"at_token": HELD_AT})
    client = connect()
    client.chat(control.path, stream=True, stream_options={"include_usage": True})
    seen = client.read_tokens(HELD_AT)
    client.half_close()
    control.ended("cancelled")
    assert seen.count(b'"usage":null') == HELD_AT + 1
    assert b'"usage":{' not in seen
    assert usage(control)[0]["output_tokens"] == HELD_AT


# ── the ledger and the pages ─────────────────────────────────────────────────────────────────


def test_the_ledger_sums_up_a_session(control: Control, connect: Connect) -> None:
    """A cancelled, a completed and a refused request: the last one costs nothing."""
    leave_held(control, connect)
    control.release()
    read_all(control, connect, model="gpt-4o")
    control.call("DELETE", "scenarios/story")
    control.script("other", match={"model": "none"})
    assert read_all(control, connect).status == 404
    ledger = control.call("GET", "ledger")
    assert (ledger["session"], ledger["generation"]) == (control.session, 1)
    assert ledger["totals"]["requests"] == 2
    assert ledger["totals"]["completion_tokens"] == HELD_AT + TOKENS
    assert set(ledger["by_model"]) == {"gpt-4o", "gpt-4o-mini"}
    assert [entry["outcome"] for entry in ledger["entries"]] == ["cancelled", "completed", "failed"]
    assert [entry["cost_usd"] for entry in ledger["entries"]][2] == "0"


def test_the_ledger_is_a_table_for_people_too(control: Control, connect: Connect) -> None:
    """As text: entries, sums, and the whole at the end."""
    leave_held(control, connect)
    drawn = control.try_call("GET", "ledger", format="text").raw.decode()
    assert "#1 story (stop-now)" in drawn
    assert drawn.splitlines()[-1].split() == ["in", "all", "1", "11", "5", "0", "$0.00000465", "$0"]


def test_the_official_client_reads_the_pages(control: Control, connect: Connect) -> None:
    """`client.admin.organization.usage`: lists, groups and cursors as it sends them."""
    control.script(tokens=TOKENS)
    read_all(control, connect)
    start = int(time.time()) - 120
    with OpenAI(base_url=control.base_url, api_key="any", admin_api_key="sk-admin") as client:
        pages = client.admin.organization.usage
        found = pages.completions(
            start_time=start, bucket_width="1m", group_by=["model", "api_key_id"], limit=1
        )
        results = []
        while True:
            results += [result for bucket in found.data for result in bucket.results]
            if found.next_page is None:
                break
            found = pages.completions(
                start_time=start,
                bucket_width="1m",
                group_by=["model", "api_key_id"],
                limit=1,
                page=found.next_page,
            )
        (usage_result,) = results
        costs = pages.costs(start_time=start, group_by=["line_item"])
    assert (usage_result.model, usage_result.output_tokens) == ("gpt-4o-mini-2024-07-18", TOKENS)
    items = [result for bucket in costs.data for result in bucket.results]
    assert [(item.line_item, item.quantity) for item in items] == [
        ("gpt-4o-mini-2024-07-18, input_tokens", 11),
        ("gpt-4o-mini-2024-07-18, output_tokens", TOKENS),
    ]


def test_a_page_shows_a_request_when_it_has_settled(control: Control, connect: Connect) -> None:
    """The forum's five minutes pass when the test says so; a correction comes later still."""
    settle = {"delay": "1h", "correct": {"after": "2h", "tokens": 3}}
    control.script(tokens=TOKENS, policy={"settle": settle})
    read_all(control, connect)
    assert usage(control) == []
    assert control.call("POST", "clock", {"advance": "59m"}) == {"advanced_s": 3540}
    assert usage(control) == []
    control.call("POST", "clock", {"advance": 60})
    assert [result["output_tokens"] for result in usage(control)] == [TOKENS]
    assert control.call("POST", "clock", {"advance": "1h"}) == {"advanced_s": 7200}
    assert [result["output_tokens"] for result in usage(control)] == [TOKENS + 3]
    assert control.call("GET", "ledger")["totals"]["completion_tokens"] == TOKENS


@pytest.mark.parametrize("advance", [-1, "soon", None])
def test_the_clock_moves_forward_only(control: Control, advance: Any) -> None:
    """A negative or unreadable span is refused with what is allowed."""
    answer = control.try_call("POST", "clock", {"advance": advance})
    assert answer.status == 400
    assert "not a duration" in answer.error["message"]


def test_a_session_s_pages_know_nothing_of_another_s(control: Control, connect: Connect) -> None:
    """Isolation holds for money too; without a prefix the default session is shown."""
    other = Control(control.url)
    control.script(tokens=TOKENS)
    read_all(control, connect)
    assert len(usage(control)) == 1
    assert usage(other) == []


@pytest.mark.parametrize("page", ["usage/completions", "costs"])
def test_a_page_wants_a_key_and_a_query_that_makes_sense(control: Control, page: str) -> None:
    """401 without a key, 400 without a start, 405 for a POST: the API's own errors."""
    path = f"{control.path}/organization/{page}"
    assert send(control.url, "GET", path + "?start_time=1").status == 401
    missing = send(control.url, "GET", path, headers=ADMIN)
    assert (missing.status, missing.error["param"]) == (400, "start_time")
    assert send(control.url, "POST", path, {}, headers=ADMIN).status == 405


def test_reading_pages_leaves_no_exchange(control: Control) -> None:
    """A dashboard that polls is not the client under test."""
    usage(control)
    assert control.exchanges() == []


def test_an_ended_session_has_no_pages(control: Control) -> None:
    """410, as for every request to it."""
    other = Control(control.url)
    other.call("DELETE", "")
    path = f"{other.path}/organization/costs?start_time=1"
    assert send(control.url, "GET", path, headers=ADMIN).status == 410
