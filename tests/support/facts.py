"""Short ways to the core's nouns: scenarios, replies, requests, exchanges, evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from mockai.core.billing import bill
from mockai.core.checks.base import Evidence, MarkStamp
from mockai.core.compile import compile_reply
from mockai.core.dialects.chat_request import ChatRequest, parse_chat_request
from mockai.core.exchange import (
    Bill,
    Delivery,
    Disconnect,
    Exchange,
    Hold,
    MarkSeen,
    RequestFacts,
    Schedule,
    Timing,
    Tokens,
)
from mockai.core.prices import shipped_prices
from mockai.core.reply import Reply
from mockai.core.scenario import Scenario
from mockai.core.tokens import get_encoding

RECEIVED_NS = 5_000_000_000
SECOND = 1_000_000_000
ASKED = RequestFacts(
    path="/v1/chat/completions", endpoint="chat.completions", model="gpt-4o-mini", stream=True
)


def scenario_of(*steps: Any, name: str = "story", **fields: Any) -> Scenario:
    """Return a scenario; a bare number stands for that many tokens of filler."""
    reply = [{"faker": step} if isinstance(step, int) else step for step in steps]
    return Scenario.model_validate({"name": name, "reply": reply, **fields})


def reply_of(*steps: Any, speed: float = 1.0, **fields: Any) -> Reply:
    """Return the compiled reply of such a scenario."""
    return compile_reply(scenario_of(*steps, **fields), get_encoding("o200k_base"), speed=speed)


def request_of(text: str = "Tell me a story", **fields: Any) -> ChatRequest:
    """Return a valid chat request; `stream` is true unless told otherwise."""
    messages = [{"role": "user", "content": text}]
    body = {"model": "gpt-4o-mini", "messages": messages, "stream": True, **fields}
    return parse_chat_request(json.dumps(body).encode())


def open_exchange(**facts: Any) -> Exchange:
    """Return an exchange that is being streamed: 12 of 400 tokens are out, at 50 a second."""
    defaults: dict[str, Any] = {
        "id": "ex_1",
        "seq": 1,
        "session": "default",
        "generation": 1,
        "received_ns": RECEIVED_NS,
        "request": ASKED,
        "scenario": "story",
        "status": 200,
        "phase": "streaming",
        "tokens": Tokens(prompt=21, planned=400, generated=12, written=12),
        "paced": True,
        "delivery": Delivery(written_bytes=3_120),
        "timing": Timing(headers_s=0.0, first_token_s=0.2, last_write_s=0.42),
    }
    return Exchange(**{**defaults, **facts})


def cancelled_exchange(at_s: float = 0.5, token: int = 12, **facts: Any) -> Exchange:
    """Return one whose client left at `at_s` with `token` tokens on the wire."""
    left: dict[str, Any] = {"how": "fin", "errno": None, "at_s": at_s, "token": token}
    held = facts["holds"][-1].name if facts.get("holds") else None
    ended: dict[str, Any] = {
        "outcome": "cancelled",
        "disconnect": Disconnect(**left, while_held=held),
        "tokens": Tokens(prompt=21, planned=400, generated=token, written=token),
        "timing": Timing(headers_s=0.0, first_token_s=0.2, last_write_s=0.42, ended_s=at_s),
        "bill": Bill("stop-now", 21, token, 0),
    }
    return open_exchange(**{**ended, **facts})


def completed_exchange(at_s: float = 8.2, **facts: Any) -> Exchange:
    """Return one that was read to its end."""
    ended: dict[str, Any] = {
        "outcome": "completed",
        "phase": "done",
        "tokens": Tokens(prompt=21, planned=400, generated=400, written=400),
        "delivery": Delivery(written_bytes=124_000),
        "timing": Timing(headers_s=0.0, first_token_s=0.2, last_write_s=at_s, ended_s=at_s),
        "bill": Bill("stop-now", 21, 400, 0),
    }
    return open_exchange(**{**ended, **facts})


def billed(exchange: Exchange) -> Exchange:
    """Return an exchange with the bill that the server would have made."""
    return replace(exchange, bill=bill(exchange, exchange.policy, shipped_prices()))


def mark_at(at_s: float, token: int = 12, name: str = "stop", seq: int = 1) -> MarkSeen:
    """Return a mark that was set while an exchange was open."""
    return MarkSeen(name, seq, at_s, token, generated=token)


def hold_at(at_s: float, token: int = 12, name: str = "hold-1", **end: Any) -> Hold:
    """Return a stay at a gate; it lasts unless `for_s` is given."""
    return Hold(name, token, at_s, **end)


def schedule_of(tokens: int = 400, *, ttft: float = 0.2, rate: float = 50) -> Schedule:
    """Return when the tokens of a paced reply were due."""
    pace = {"ttft": ttft, "tokens_per_second": rate}
    return Schedule(reply_of(tokens, pace=pace), start_s=0.0)


def evidence_of(*exchanges: Exchange, now_s: float = 10.0, **facts: Any) -> Evidence:
    """Return the evidence at `now_s` after receipt; the check was called at 9 s, or `called_s`."""
    called_s = facts.pop("called_s", 9.0)
    return Evidence(
        exchanges,
        now_ns=RECEIVED_NS + round(now_s * SECOND),
        called_ns=RECEIVED_NS + round(called_s * SECOND),
        **facts,
    )


def stamp_at(at_s: float, name: str = "stop", seq: int = 1) -> MarkStamp:
    """Return a mark as the session knows it."""
    return MarkStamp(name, seq, RECEIVED_NS + round(at_s * SECOND))
