"""One request to a model, from its receipt to its end.

It becomes a record first, then a plan, then a stream; whatever goes wrong on the way ends the
record and is answered with the real API's error body.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus

from aiohttp import web

from mockai.core import openai_errors
from mockai.core.dialects.chat import BODY_HEADERS, ENDPOINT, STREAM_HEADERS, plan_chat
from mockai.core.dialects.chat_request import ChatRequest, parse_chat_request
from mockai.core.dialects.indenting import indented
from mockai.core.errors import OpenAIError, ScriptedError
from mockai.core.exchange import Cause, facts_asking
from mockai.core.exchange import Connection as CarriedBy
from mockai.core.making import maker_of
from mockai.core.matching import Incoming
from mockai.core.plan import Plan
from mockai.core.prompt_tokens import count_prompt_tokens
from mockai.core.rate_limit import PLENTY
from mockai.core.tokens import encoding_of
from mockai.engine.scripts import Chosen
from mockai.engine.session import wall_clock
from mockai.engine.stream import Stream
from mockai.http.door import cors_of
from mockai.http.facts import Asked, begun, process_of
from mockai.http.h1_sink import H1Sink, keep_lines
from mockai.http.internals import Connection, Taken, body_at_hand, connection_of
from mockai.http.state import STATE, State

_log = logging.getLogger("mockai")
_make_carried_by, _make_incoming = maker_of(CarriedBy), maker_of(Incoming)
LARGE = 50_000
"""Bytes of body from which reading it, and counting its tokens, would be felt by other streams."""
CLOSING = {408, 413, 503}
"""What is left of a request that is answered so is not waited for."""
NOT_KEPT = "(the refusal is not recorded: --redact or --no-bodies)"


class ServedRequest:
    """One request and its record, from receipt to end, when `over` is called.

    Whatever raises an `OpenAIError` is to be answered by `refused`.
    """

    def __init__(
        self, request: Asked, connection: Connection, state: State, over: Callable[[], None]
    ) -> None:
        self.request, self.connection, self.state = request, connection, state
        self.session, facts = begun(request, connection, state)
        connection.nth_request += 1
        self.recorder = self.session.receive(
            facts,
            _make_carried_by(connection.id, connection.nth_request),
            wall_s=wall_clock(),
            process=process_of(connection, state),
        )
        self.cors = cors_of(request.headers, state)
        self.sink = H1Sink(
            connection,
            chunked=request.version >= (1, 1),
            keep_alive=request.keep_alive,
            half_close=self.session.settings.half_close,
        )
        self.chosen: Chosen | None = None
        self.stream = Stream(self.recorder, self.sink, state.pacer, self.session, over)
        self.session.serve(self.stream)

    # ── from the body to the plan ────────────────────────────────────────────────────────────

    def asked(self, raw: bytes) -> ChatRequest:
        """Return what is asked, noted whether it can be read or not. Raises the API's refusal."""
        self.session.asked(self.recorder, raw)
        kept, chat = self.state.options.keeping.kept(raw), None
        try:
            chat = parse_chat_request(raw)
        finally:
            self._note_body(kept, chat)
        return chat

    async def asked_much(self, raw: bytes) -> ChatRequest:
        """Do the same off the loop; the client may leave while it is read."""
        self.session.asked(self.recorder, raw)
        kept, chat = self.state.options.keeping.kept(raw), None
        self._note_body(kept, None)
        try:
            chat = await asyncio.to_thread(parse_chat_request, raw)
        finally:
            self._note_body(kept, chat)
        return chat

    def choose(self, chat: ChatRequest, prompt_tokens: int) -> Callable[[], Plan] | None:
        """Return what makes the plan: a scenario answers. Raises the API's refusal.

        `None` when the exchange has ended by now: the client left, or a reset cut it.
        """
        if self.state.closing.is_set():
            raise openai_errors.shutting_down()
        if self.session.ended_at_ns is not None:
            raise openai_errors.session_ended(self.session.id)
        if self.stream.exchange is not None:
            return None
        self.chosen = chosen = self.session.scripts.match(self._incoming(chat))
        self._note_choice(chosen)
        limit = chosen.entry.take(
            max(prompt_tokens, chat.max_tokens or 0),  # what the API counts before it answers
            model=chat.model,
            now_s=self.state.pacer.now_ns() / 1e9,
        )
        if limit is not None:
            raise limit
        return partial(self._planned, chat, chosen, prompt_tokens, int(wall_clock()))

    def is_much(self, chat: ChatRequest) -> bool:
        """Say whether what was chosen takes so long to plan that other streams would feel it."""
        chosen = self.chosen
        return chosen is not None and chosen.entry.is_much(
            chat, encoding_of(chat.model), ordinal=chosen.ordinal
        )

    def _planned(
        self,
        chat: ChatRequest,
        chosen: Chosen,
        prompt_tokens: int,
        created: int,
    ) -> Plan:
        encoding = encoding_of(chat.model)
        return plan_chat(
            chat,
            self.session.scripts.stage(chosen, chat, encoding),
            seed=chosen.seed,
            created=created,
            prompt_tokens=prompt_tokens,
            encoding=encoding,
            usage_report=self.recorder.policy.settle.usage,
        )

    def _note_body(self, kept: tuple[bytes, bool], chat: ChatRequest | None) -> None:
        body, truncated = kept
        self.recorder.request = facts_asking(
            self.recorder.request,
            endpoint=ENDPOINT,
            model=None if chat is None else chat.model,
            stream=chat is not None and chat.stream,
            body=body,
            body_truncated=truncated,
        )

    def _incoming(self, chat: ChatRequest) -> Incoming:
        request = self.request
        session = request.match_info.get("session")
        path = request.path.removeprefix(f"/s/{session}") if session else request.path
        return _make_incoming(chat, path, request.headers, self.recorder.seq)

    def _note_choice(self, chosen: Chosen) -> None:
        recorder, scenario = self.recorder, chosen.entry.scenario
        recorder.scenario, recorder.seed = scenario.name, chosen.base
        recorder.ordinal = chosen.ordinal
        recorder.policy = scenario.policy or recorder.policy

    # ── playing and ending ───────────────────────────────────────────────────────────────────

    def play(self, plan: Plan) -> None:
        """Begin: from here on the plan's timeline runs."""
        self.stream.play(plan, (*self._headers(plan), *self.cors))

    def _headers(self, plan: Plan) -> tuple[tuple[str, str], ...]:
        """Return what comes with the plan's own headers, each name once."""
        limiter = self.chosen.entry.limiter if self.chosen is not None else None
        named = ("x-request-id", self.recorder.request_id)
        if limiter is None and plan.headers in _PLAIN:
            return (named, *_USUAL)
        counted = limiter.headers() if limiter is not None else PLENTY
        limits = {} if plan.status == HTTPStatus.NOT_FOUND else counted  # as the real API does
        own = {name for name, _ in plan.headers}
        fixed = {**dict([named]), **_FIXED_HEADERS, **limits}
        return tuple((name, value) for name, value in fixed.items() if name not in own)

    def refused(self, error: OpenAIError) -> web.Response:
        """End the record, and return the answer."""
        # A refusal quotes what was sent, so it is not kept where that must not be.
        is_private = self.state.options.keeping.is_private
        scripted: Cause = "scripted" if isinstance(error, ScriptedError) else "refused"
        self.stream.refuse(error.status, NOT_KEPT if is_private else error.message, scripted)
        answer = error_response(error, request_id=self.recorder.request_id)
        if error.status in CLOSING:
            answer.force_close()
        return answer

    def failed(self, error: Exception) -> None:
        """End the record: a bug of ours fails this exchange only."""
        if self.stream.exchange is None:  # else the client left while we were at it
            _log.exception("exchange %s failed", self.recorder.id, exc_info=error)
            self.stream.crashed(error)

    def let_go(self) -> None:
        """Let go of the connection, and of the session."""
        self.session.done(self.stream)
        self.sink.release()


async def serve(request: web.Request) -> web.StreamResponse:
    """Read, match, play, and wait for the end, in a task of aiohttp's."""
    over = asyncio.Event()
    served = ServedRequest(request, connection_of(request), request.app[STATE], over.set)
    try:
        raw = await _read(request)
        plan = await _plan(served, raw)
        if plan is not None:
            served.play(plan)
        await over.wait()
    except OpenAIError as error:
        return _answer(request, served.refused(error))
    except Exception as error:  # noqa: BLE001 - see `failed`
        served.failed(error)
    finally:
        served.let_go()
    return Taken(keep_alive=served.sink.keep_alive)


def refuse(request: web.Request, error: OpenAIError) -> web.StreamResponse:
    """Record a request to a model, and answer it with an error."""
    served = ServedRequest(request, connection_of(request), request.app[STATE], lambda: None)
    try:
        return _answer(request, served.refused(error))
    finally:
        served.let_go()


def _answer(request: web.Request, answer: web.Response) -> web.Response:
    """Return a refusal, after which nothing can come if the body has broken off."""
    if request.content.exception() is not None:
        answer.force_close()
    return answer


async def _plan(served: ServedRequest, raw: bytes) -> Plan | None:
    """Return what to play, and do what takes long off the loop; `None` when all is over by now."""
    if len(raw) <= LARGE:
        chat = served.asked(raw)
        tokens = count_tokens(chat)
    else:
        chat = await served.asked_much(raw)
        tokens = await asyncio.to_thread(count_tokens, chat)
    planned = served.choose(chat, tokens)
    if planned is None:
        return None
    return await asyncio.to_thread(rendered, planned) if served.is_much(chat) else planned()


async def _read(request: web.Request) -> bytes:
    limits = request.app[STATE].options.limits
    raw = body_at_hand(request)
    try:
        if raw is None:
            async with asyncio.timeout(limits.idle_s):
                raw = await request.read()
    except web.RequestPayloadError:  # a chunk or a compression that cannot be read
        raise openai_errors.invalid_json() from None
    except TimeoutError:
        raise openai_errors.request_timeout(limits.idle_s) from None
    except web.HTTPRequestEntityTooLarge:
        raise openai_errors.body_too_large(limits.body) from None
    if len(raw) > limits.body:
        raise openai_errors.body_too_large(limits.body)
    return raw


def error_response(error: OpenAIError, *, request_id: str | None = None) -> web.Response:
    """Return the answer for an error, in the real API's shape."""
    headers = {**error.headers, **({"x-request-id": request_id} if request_id else {})}
    body = indented(error.body(), "")
    return web.Response(
        status=error.status, text=body, content_type="application/json", headers=headers
    )


def rendered(planned: Callable[[], Plan]) -> Plan:
    """Return a plan whose body, if it is one, has been rendered."""
    plan = planned()
    if not plan.stream:
        plan.frames.body()
    return plan


def count_tokens(chat: ChatRequest) -> int:
    """Return the tokens of the prompt."""
    return count_prompt_tokens(
        chat.messages, tools=chat.tools, model=chat.model, encoding=encoding_of(chat.model)
    )


_FIXED_HEADERS: Mapping[str, str] = {
    "openai-version": "2020-10-01",
    "openai-organization": "org-mockai",
    "openai-project": "proj_mockai",
    "openai-processing-ms": "1",
    "x-content-type-options": "nosniff",
    "access-control-expose-headers": "X-Request-ID",
}
_USUAL = tuple({**_FIXED_HEADERS, **PLENTY}.items())
"""What comes with an answer that no rate limiter counts, and that has only a type of its own."""
_PLAIN = (STREAM_HEADERS, BODY_HEADERS)
keep_lines((*_USUAL, *STREAM_HEADERS, *BODY_HEADERS))
