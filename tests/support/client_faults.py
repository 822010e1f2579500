"""What official clients do when something goes wrong: each fault, and what came of it.

`FAULTS` states it; the tests hold real clients to it, and the README's table is made of it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import openai
import yaml

from tests.support.control import Control
from tests.support.facts import reply_of
from tests.support.node import HOME, node_with_client

PATIENCE_S = 1.0
"""How long an impatient client waits: what it takes as `timeout`."""
TOKENS = 20
WHOLE = "nothing: the answer is whole"
ASKED: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "Tell me a story"}],
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as steps of a script, and what the clients then do; they agree if one is named."""

    what: str
    script: str
    python: str
    node: str
    stream: bool = True
    impatient: bool = False

    @property
    def reply(self) -> list[Any]:
        """The steps: the fault's, and the answer that it befalls."""
        steps = yaml.safe_load(f"[{self.script}]")
        return steps if any("faker" in step for step in steps) else [*steps, {"faker": TOKENS}]


@dataclass(slots=True)
class Seen:
    """What a client was given, and how that ended."""

    said: str = ""
    reason: str | None = None
    error: str | None = None
    requests: int = 1

    def note(self, choice: Any, message: Any) -> None:
        """Take what a chunk, or the whole answer, says."""
        self.said += message.content or ""
        self.reason = choice.finish_reason or self.reason


def words(fault: Fault, seen: Seen) -> str:
    """Return what came of it, as a cell of the README's table."""
    planned, count = reply_of(*fault.reply).text, len(seen.said.split())
    again = f"; {seen.requests} requests" if seen.requests > 1 else ""
    if seen.error is not None:
        return f"`{seen.error}`" + (f" after {count} tokens" if count else "") + again
    if seen.said == planned:
        return (WHOLE if seen.reason else "no error; no `finish_reason`") + again
    if planned.startswith(seen.said):
        return f"no error; {count} of {TOKENS} tokens{again}"
    return f"no error; wrong text{again}"


# ── the clients ──────────────────────────────────────────────────────────────────────────────


def python_seen(fault: Fault, base_url: str) -> Seen:
    """Ask the official Python client as a plain program does."""
    seen = Seen()
    with openai.OpenAI(base_url=base_url, api_key="sk-any", timeout=_timeout(fault)) as client:
        try:
            answer = client.chat.completions.create(**ASKED, stream=fault.stream)
            if not fault.stream:
                seen.note(answer.choices[0], answer.choices[0].message)
                return seen
            for chunk in answer:
                for choice in chunk.choices:
                    seen.note(choice, choice.delta)
        except Exception as raised:  # noqa: BLE001 - what it raises is what we want to know
            seen.error = type(raised).__name__
    return seen


async def async_python_seen(fault: Fault, base_url: str) -> Seen:
    """Ask the asynchronous one."""
    seen = Seen()
    client = openai.AsyncOpenAI(base_url=base_url, api_key="sk-any", timeout=_timeout(fault))
    async with client:
        try:
            answer = await client.chat.completions.create(**ASKED, stream=fault.stream)
            if not fault.stream:
                seen.note(answer.choices[0], answer.choices[0].message)
                return seen
            async for chunk in answer:
                for choice in chunk.choices:
                    seen.note(choice, choice.delta)
        except Exception as raised:  # noqa: BLE001
            seen.error = type(raised).__name__
    return seen


def _timeout(fault: Fault) -> float:
    return PATIENCE_S if fault.impatient else 60.0


def in_python(faults: Sequence[Fault], sessions: Sequence[Control]) -> list[Seen]:
    """Return what the Python client makes of each fault, in a session each."""
    with ThreadPoolExecutor(len(faults)) as pool:
        return list(pool.map(python_seen, faults, [session.base_url for session in sessions]))


def in_async_python(faults: Sequence[Fault], sessions: Sequence[Control]) -> list[Seen]:
    """Return what the asynchronous Python client makes of each fault, in a session each."""

    async def all_of_them() -> list[Seen]:
        pairs = zip(faults, sessions, strict=True)
        return await asyncio.gather(
            *(async_python_seen(fault, session.base_url) for fault, session in pairs)
        )

    return asyncio.run(all_of_them())


def in_node(faults: Sequence[Fault], sessions: Sequence[Control]) -> list[Seen]:
    """Return what the Node client makes of each fault, in a session each."""
    lines = [
        json.dumps(
            {
                "id": number,
                "baseURL": session.base_url,
                "stream": fault.stream,
                "timeout": round(1000 * _timeout(fault)),
            }
        )
        for number, (fault, session) in enumerate(zip(faults, sessions, strict=True))
    ]
    done = subprocess.run(
        [node_with_client(), "faults.mjs"],
        input="\n".join(lines),
        cwd=HOME,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = {over.pop("id"): Seen(**over) for over in map(json.loads, done.stdout.splitlines())}
    return [found[number] for number in range(len(faults))]


# ── what they do ─────────────────────────────────────────────────────────────────────────────

FAULTS = (
    Fault(
        "401 wrong key", "error: invalid_api_key", "`AuthenticationError`", "`AuthenticationError`"
    ),
    Fault(
        "403 country",
        "error: unsupported_country_region_territory",
        "`PermissionDeniedError`",
        "`PermissionDeniedError`",
    ),
    Fault("404 model", "error: model_not_found", "`NotFoundError`", "`NotFoundError`"),
    Fault(
        "409 conflict",
        "error: {code: conversation_locked, retry_after: 1ms}",
        "`ConflictError`; 3 requests",
        "`ConflictError`; 3 requests",
    ),
    Fault(
        "400 context too long",
        "error: context_length_exceeded",
        "`BadRequestError`",
        "`BadRequestError`",
    ),
    Fault(
        "429 requests per minute",
        "error: {code: rate_limit_exceeded, retry_after: 1ms}",
        "`RateLimitError`; 3 requests",
        "`RateLimitError`; 3 requests",
    ),
    Fault(
        "429 tokens per minute",
        "error: {code: tokens_per_minute_exceeded, retry_after: 1ms}",
        "`RateLimitError`; 3 requests",
        "`RateLimitError`; 3 requests",
    ),
    Fault(
        "429 slow down",
        "error: {code: slow_down, retry_after: 1ms}",
        "`RateLimitError`; 3 requests",
        "`RateLimitError`; 3 requests",
    ),
    Fault(
        "429 no money left",
        "error: insufficient_quota",
        "`RateLimitError`; 3 requests",
        "`RateLimitError`; 3 requests",
    ),
    Fault(
        "429, retry in ten minutes",
        "error: {code: rate_limit_exceeded, retry_after: 10m}",
        "`RateLimitError`",
        "`RateLimitError`; 3 requests",
    ),
    Fault(
        "500",
        "error: {code: server_error, retry_after: 1ms}",
        "`InternalServerError`; 3 requests",
        "`InternalServerError`; 3 requests",
    ),
    Fault(
        "503 overloaded",
        "error: {code: server_is_overloaded, retry_after: 1ms}",
        "`InternalServerError`; 3 requests",
        "`InternalServerError`; 3 requests",
    ),
    Fault(
        "500 once, then fine",
        "error: {code: server_error, retry_after: 1ms, nth: 1}",
        "nothing: the answer is whole; 2 requests",
        "nothing: the answer is whole; 2 requests",
    ),
    Fault(
        "closed before the headers",
        "cut: {headers: true}",
        "`APIConnectionError`; 3 requests",
        "`APIConnectionError`; 3 requests",
    ),
    Fault(
        "reset before the headers",
        "cut: {how: reset, headers: true}",
        "`APIConnectionError`; 3 requests",
        "`APIConnectionError`; 3 requests",
    ),
    Fault(
        "error event in the stream",
        "error: {code: server_error, at_token: 5}",
        "`APIError` after 5 tokens",
        "`APIError` after 5 tokens",
    ),
    Fault(
        "the same, not streamed",
        "error: {code: server_error, at_token: 5, retry_after: 1ms}",
        "`InternalServerError`; 3 requests",
        "`InternalServerError`; 3 requests",
        stream=False,
    ),
    Fault(
        "connection closed in the stream",
        "cut: {at_token: 5}",
        "`APIConnectionError` after 5 tokens",
        "`TypeError` after 5 tokens",
    ),
    Fault(
        "connection reset in the stream",
        "cut: {how: reset, at_token: 5}",
        "`APIConnectionError` after 5 tokens",
        "`TypeError` after 5 tokens",
    ),
    Fault(
        "closed inside an HTTP chunk",
        "cut: {how: in_chunk, at_token: 5}",
        "`APIConnectionError` after 5 tokens",
        "`TypeError` after 5 tokens",
    ),
    Fault(
        "closed in a body, not streamed",
        "cut: fin",
        "`APIConnectionError`; 3 requests",
        "`TypeError`",
        stream=False,
    ),
    Fault(
        "reset in a body, not streamed",
        "cut: reset",
        "`APIConnectionError`; 3 requests",
        "`TypeError`",
        stream=False,
    ),
    Fault(
        "no headers within its timeout",
        "silence: {headers: true}",
        "`APITimeoutError`; 3 requests",
        "`APIConnectionTimeoutError`; 3 requests",
        impatient=True,
    ),
    Fault(
        "silence longer than its timeout",
        "faker: 5, pause: 3s, faker: 15",
        "`APITimeoutError` after 5 tokens",
        "nothing: the answer is whole",
        impatient=True,
    ),
    Fault(
        "no `[DONE]`",
        "mangle: missing_done",
        "nothing: the answer is whole",
        "nothing: the answer is whole",
    ),
    Fault(
        "no finish chunk",
        "mangle: missing_finish",
        "no error; no `finish_reason`",
        "no error; no `finish_reason`",
    ),
    Fault(
        "last event cut in half",
        "mangle: truncated_event",
        "no error; no `finish_reason`",
        "`SyntaxError` after 20 tokens",
    ),
    Fault(
        "last event without its blank line",
        "mangle: missing_done, mangle: missing_blank_line",
        "no error; no `finish_reason`",
        "nothing: the answer is whole",
    ),
    Fault(
        "malformed JSON",
        "mangle: {how: malformed_json, at_token: 5}",
        "`JSONDecodeError` after 5 tokens",
        "`SyntaxError` after 5 tokens",
    ),
    Fault(
        "empty `data:`",
        "mangle: {how: empty_data, at_token: 5}",
        "`JSONDecodeError` after 5 tokens",
        "`SyntaxError` after 5 tokens",
    ),
    Fault(
        "text that is no JSON", 'raw: "data: nonsense\\n\\n"', "`JSONDecodeError`", "`SyntaxError`"
    ),
    Fault(
        "text that is no event",
        'raw: "<html>\\n\\n"',
        "nothing: the answer is whole",
        "nothing: the answer is whole",
    ),
    Fault("CR LF", "mangle: crlf", "nothing: the answer is whole", "nothing: the answer is whole"),
    Fault(
        "byte order mark",
        "mangle: bom",
        "nothing: the answer is whole",
        "nothing: the answer is whole",
    ),
    Fault(
        "no space after `data:`",
        "mangle: no_space",
        "nothing: the answer is whole",
        "nothing: the answer is whole",
    ),
    Fault(
        "split inside a character",
        "faker: {tokens: 20, locale: ja_JP}, mangle: split_character",
        "nothing: the answer is whole",
        "nothing: the answer is whole",
    ),
    Fault(
        "split inside `data`",
        "mangle: split_field",
        "nothing: the answer is whole",
        "nothing: the answer is whole",
    ),
    Fault(
        "one byte at a time",
        "mangle: bytewise",
        "nothing: the answer is whole",
        "nothing: the answer is whole",
    ),
    Fault(
        "an event twice",
        "mangle: {how: duplicate, at_token: 5}",
        "no error; wrong text",
        "no error; wrong text",
    ),
    Fault(
        "two events swapped",
        "mangle: {how: reorder, at_token: 5}",
        "no error; wrong text",
        "no error; wrong text",
    ),
    Fault(
        "SSE comments",
        "keepalive: PROCESSING",
        "nothing: the answer is whole",
        "nothing: the answer is whole",
    ),
)
