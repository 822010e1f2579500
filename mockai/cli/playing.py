"""A scenario played to a client in memory, as fast as it would be, onto a screen.

The engine is the server's, without a socket: what is shown is what a client would get. The client
reads on; it leaves a silence when its patience is over, and gates are released after as long.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from mockai.cli.screen import Screen, on_one_line
from mockai.core.dialects.chat import plan_chat
from mockai.core.dialects.chat_request import parse_chat_request
from mockai.core.exchange import Connection, Exchange, RequestFacts
from mockai.core.match_fields import Match
from mockai.core.matching import Incoming
from mockai.core.plan import Plan
from mockai.core.prompt_tokens import count_prompt_tokens
from mockai.core.recorder import Recorder
from mockai.core.scenario import Scenario
from mockai.core.timeline import events
from mockai.core.tokens import encoding_of
from mockai.engine.pacer import LoopPacer
from mockai.engine.session import Session, Settings, wall_clock
from mockai.engine.sink import MemorySink
from mockai.engine.stream import Stream

_REFRESH_S = 0.05
_WIDTH = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """How to play: `patience_s` at a gate and in a silence, `calls` (none: one for each turn)."""

    model: str = "gpt-4o-mini"
    prompt: str = "Tell me a story"
    speed: float = 1.0
    seed: int | None = None
    calls: int | None = None
    patience_s: float = 1.0


async def play(scenario: Scenario, playing: Playing, screen: Screen) -> None:
    """Play a scenario, whatever it matches, and show what happens."""
    pacer = LoopPacer(asyncio.get_running_loop())
    settings = Settings(speed=playing.speed, seed=playing.seed)
    anybody = scenario.model_copy(update={"match": Match()})
    session = Session("play", pacer, [anybody], settings)
    calls = playing.calls or len(scenario.turns or (None,))
    for number in range(1, calls + 1):
        which = f", call {number} of {calls}" if calls > 1 else ""
        screen.line(f"{scenario.name}{which}")
        await _Call(session, pacer, playing, screen).run()


class _Call:
    """One call: it is made, followed to its end, and summed up."""

    def __init__(
        self, session: Session, pacer: LoopPacer, playing: Playing, screen: Screen
    ) -> None:
        self._session, self._pacer, self._screen = session, pacer, screen
        self._patience_s = playing.patience_s
        messages = [{"role": "user", "content": playing.prompt}]
        asked = {"model": playing.model, "messages": messages, "stream": True}
        self._chat = parse_chat_request(json.dumps(asked).encode())
        self._sink = MemorySink()
        facts = RequestFacts(model=playing.model, stream=True)
        self._recorder: Recorder = session.receive(facts, Connection("play"), wall_s=wall_clock())
        self._stream = Stream(self._recorder, self._sink, pacer, session)
        self._shown: set[tuple[str, float]] = set()

    async def run(self) -> None:
        """Make the call, and show it until it has ended."""
        plan = self._begin()
        while (ended := self._stream.exchange) is None:
            now = self._recorder.snapshot(self._pacer.now_ns())
            self._show(now, plan)
            self._move_on(now, plan)
            await asyncio.sleep(_REFRESH_S)
        self._show(ended, plan)
        for line in self._summary(ended, plan):
            self._screen.line(line)

    def _begin(self) -> Plan | None:
        """Return what is played; nothing, when the rate limiter refuses the call."""
        chat, scripts = self._chat, self._session.scripts
        encoding = encoding_of(chat.model)
        prompt = count_prompt_tokens(chat.messages, model=chat.model, encoding=encoding)
        chosen = scripts.match(Incoming(chat))
        self._recorder.scenario = chosen.entry.scenario.name
        now_s = self._pacer.now_ns() / 1e9
        refused = chosen.entry.take(prompt, model=chat.model, now_s=now_s)
        if refused is not None:
            self._stream.refuse(refused.status, refused.message, "scripted")
            return None
        plan = plan_chat(
            chat,
            scripts.stage(chosen, chat, encoding),
            seed=chosen.seed,
            created=int(wall_clock()),
            prompt_tokens=prompt,
            encoding=encoding,
        )
        self._stream.play(plan, ())
        return plan

    def _show(self, exchange: Exchange, plan: Plan | None) -> None:
        """Write the events that are new, and draw how far it is."""
        for event in events(exchange):
            known = (event.name, round(event.at_s, 6))
            if known not in self._shown and event.name not in {"last_write", "received"}:
                self._shown.add(known)
                self._screen.line(f"  {event.at_s:8.3f}  {event.text}")
        if plan is not None and not exchange.ended:
            tokens = exchange.tokens
            self._screen.progress(tokens.generated, tokens.planned, said_by(plan, tokens.generated))

    def _move_on(self, exchange: Exchange, plan: Plan | None) -> None:
        """Release the gate at which it has stood, and leave a silence, after the patience."""
        elapsed_s = (self._pacer.now_ns() - exchange.received_ns) / 1e9
        if self._recorder.standing_at is not None:
            if elapsed_s - exchange.holds[-1].at_s >= self._patience_s:
                self._session.gates.release(self._recorder.standing_at)
        elif plan is not None and _is_silent(plan, exchange):
            heard_s = exchange.timing.last_write_s or exchange.timing.headers_s or 0.0
            if elapsed_s - heard_s >= self._patience_s:
                self._sink.hang_up()

    def _summary(self, exchange: Exchange, plan: Plan | None) -> Iterator[str]:
        said = on_one_line(said_by(plan, exchange.tokens.generated)) if plan is not None else ""
        if said and exchange.status == HTTPStatus.OK:
            yield f"  said      {said if len(said) <= _WIDTH else said[: _WIDTH - 1] + '…'}"
        if (error := exchange.error or error_in(self._sink.body)) is not None:
            yield f"  error     {error}"
        if self._sink.cut is not None:
            yield f"  cut       {self._sink.cut}"
        tokens, size = exchange.tokens, exchange.delivery.written_bytes
        yield f"  sent      {tokens.written} of {tokens.planned} tokens, {size:,} bytes"


def error_in(body: bytes) -> str | None:
    """Return the message of the error that an answer is, or that its stream ends with."""
    found = re.search(rb'^(?:data: )?(\{\s*"error": ?\{.*?\}\s*\})', body, re.DOTALL | re.MULTILINE)
    return None if found is None else json.loads(found[1])["error"]["message"]


def said_by(plan: Plan, tokens: int) -> str:
    """Return what is said within the first so many tokens, reasoning and calls of tools too."""
    deltas = plan.reply.deltas[: plan.reply.frame_of(tokens)] if tokens else ()
    return "".join(delta.text for delta in deltas if delta.channel not in {"raw", "comment"})


def _is_silent(plan: Plan, exchange: Exchange) -> bool:
    """Say whether the next thing that happens is nothing, for good."""
    nameless = [hold.token for hold in plan.reply.holds if not hold.name]
    return bool(nameless) and exchange.tokens.generated >= nameless[0]
