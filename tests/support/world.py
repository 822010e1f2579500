"""A session in virtual time and the clients that call it: the whole engine, without a socket."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

from mockai.core.checks.base import Evidence
from mockai.core.dialects.chat import plan_chat
from mockai.core.dialects.chat_request import ChatRequest, parse_chat_request
from mockai.core.exchange import Connection, RequestFacts
from mockai.core.match_fields import Match
from mockai.core.matching import Incoming
from mockai.core.scenario import Scenario
from mockai.core.tokens import encoding_of
from mockai.engine.pacer import VirtualPacer
from mockai.engine.session import Session, Settings
from mockai.engine.sink import MemorySink
from mockai.engine.stream import Stream

PATIENCE_S = 20
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "rain": {"type": "boolean"}},
    "required": ["city", "rain"],
    "additionalProperties": False,
}


def request(**fields: Any) -> ChatRequest:
    """Return what the client asks: it fits every scenario of the library."""
    schema = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA}}
    body = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Tell me a story"}],
        "stream": True,
        "response_format": schema,
        **fields,
    }
    return parse_chat_request(json.dumps(body).encode())


class World:
    """One scenario, and clients that read on, but leave at a gate or when they lose patience."""

    def __init__(self, scenario: Scenario, **settings: Any) -> None:
        self.pacer = VirtualPacer()
        self.session = Session("test", self.pacer, [scenario], Settings(**settings))

    def call(self, **fields: Any) -> MemorySink:
        """Make one call, and let time pass until it is over."""
        chat, sink = request(**fields), MemorySink()
        facts = RequestFacts(model=chat.model, stream=chat.stream)
        recorder = self.session.receive(facts, Connection("c1"), wall_s=0.0)
        served = Stream(recorder, sink, self.pacer, self.session)
        chosen = self.session.scripts.match(Incoming(chat))
        recorder.scenario = chosen.entry.scenario.name
        encoding = encoding_of(chat.model)
        staged = self.session.scripts.stage(chosen, chat, encoding)
        plan = plan_chat(
            chat, staged, seed=chosen.seed, created=1, prompt_tokens=9, encoding=encoding
        )
        served.play(plan, ())
        started_ns = self.pacer.now_ns()
        while served.exchange is None and recorder.standing_at is None:
            self.pacer.advance(0.1)
            if self.pacer.now_ns() - started_ns > PATIENCE_S * 1e9:
                break
        if served.exchange is None:
            sink.hang_up()
        return sink

    def evidence(self) -> Evidence:
        """Return all that a verdict may look at."""
        return Evidence(self.session.exchanges(), now_ns=self.pacer.now_ns())


REQUESTS: tuple[dict[str, Any], ...] = (
    {},
    {"stream": False},
    {"n": 3, "stream_options": {"include_usage": True}},
    {"logprobs": True, "top_logprobs": 2, "model": "gpt-4"},
    {"max_tokens": 5, "stop": ["e"]},
)


def plays(scenarios: Iterable[Scenario], **settings: Any) -> Iterator[tuple[str, bytes]]:
    """Play each scenario for requests of several kinds; yield its name and all bytes it sent."""
    for scenario in scenarios:
        world = World(scenario.model_copy(update={"match": Match(), "times": 1_000}), **settings)
        yield scenario.name, b"".join(world.call(**fields).body for fields in REQUESTS)


def digest(scenarios: Iterable[Scenario], **settings: Any) -> str:
    """Return what tells whether two sets of plays have the same bytes."""
    drawn = blake2b()
    for name, sent in plays(scenarios, **settings):
        drawn.update(name.encode() + sent)
    return drawn.hexdigest()
