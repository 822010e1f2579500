"""The scenarios of one session: which one answers a request, and with which reply.

Keeps what differs between two sessions that play the same scenario: how often it has answered,
its compiled replies, and its rate limiter's buckets.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from random import Random

from mockai.core import openai_errors
from mockai.core.compile import compile_reply
from mockai.core.dialects.chat_request import ChatRequest
from mockai.core.errors import NotFoundError, OpenAIError
from mockai.core.limits import limited
from mockai.core.making import maker_of
from mockai.core.matching import ANYTHING, Incoming, difference, miss
from mockai.core.playable import ENCODINGS
from mockai.core.rate_limit import RateLimiter
from mockai.core.reply import Reply
from mockai.core.scenario import DEFAULT_SCENARIO, Scenario
from mockai.core.shelf import Shelf
from mockai.core.staging import Staged, jittered, joined, staged
from mockai.core.steps.base import MOST_TOKENS
from mockai.core.tokens import Encoding, get_encoding

_MOST_FRAMES = 50_000
_MUCH = 10_000  # tokens: as long as this takes to compile, other streams would wait (15 ms)
# Tokens that are compiled in the time in which one alternative is written down. To draw what a
# token has of them takes as long as two, and the token itself is one.
_DRAWN = 5
_CHARACTERS = 4  # of a script make a token or so
_MULTIPLY = frozenset({"n", "logprobs"})  # parameters by which there is more to make of a token
_LIMIT = frozenset({"n", "max_tokens", "max_completion_tokens", "stop"})  # by which replies differ


@dataclass(slots=True)
class Entry:
    """A registered scenario: how often it answered, and what was compiled of it."""

    scenario: Scenario
    seed: int | None = None
    """The session's, in place of the scenario's own: the words come from it too."""
    played: int = 0
    limiter: RateLimiter | None = None
    replies: Shelf[Reply] = field(default_factory=lambda: Shelf(_MOST_FRAMES))
    """What requests got of it: by encoding, turn, choices and the request's own limits."""
    # What every request looks at; the model's own fields are slower.
    takes_anything: bool = field(init=False)
    plays: int | None = field(init=False)
    fixed: tuple[bool, ...] = field(init=False)
    """For each turn, whether its reply is the same for all requests but for their limits."""
    size: int | None = None
    """About how many tokens there are to compile, once somebody has asked."""

    def __post_init__(self) -> None:
        scenario = self.scenario
        self.takes_anything = scenario.match == ANYTHING
        self.plays = scenario.plays
        turns = range(len(scenario.turns or (None,)))
        self.fixed = tuple(not scenario.looks_at_request(turn) for turn in turns)

    @property
    def spent(self) -> bool:
        """True when it has answered as often as it may."""
        return self.plays is not None and self.played >= self.plays

    def answers(self, incoming: Incoming) -> bool:
        """Say whether it answers a request, as long as it is not spent."""
        return self.takes_anything or not difference(self.scenario.match, incoming)

    def compile_all(self, speed: float) -> None:
        """Compile every turn and choice, for any model.

        Raises `ScenarioError` for what cannot be played.
        """
        for encoding in map(get_encoding, ENCODINGS):
            for turn in range(len(self.fixed)):
                for choice in range(self.scenario.choices_of(turn)):
                    self._compiled(None, encoding, speed, turn, choice)

    def staged(
        self, request: ChatRequest, encoding: Encoding, speed: float, *, ordinal: int, seed: int
    ) -> Staged:
        """Return the reply as this request gets it, on play `ordinal`.

        Raises `OpenAIError` when so many choices of it are more than anybody can mean.
        """
        turn = self._turn(ordinal)
        reply, jitter = self._reply(request, encoding, speed, turn), self.scenario.pace.jitter
        if not jitter and not reply.faults:
            return _make_staged(reply)
        draw = Random(seed)
        return staged(jittered(reply, jitter, draw), ordinal=ordinal, draw=draw)

    def is_much(self, request: ChatRequest, encoding: Encoding, *, ordinal: int) -> bool:
        """Say whether making the answer takes so long that other streams would feel it.

        Each play draws its log probabilities anew; a stream does so chunk by chunk, when due.
        """
        if self.size is None:
            written = len(repr(self.scenario.turns or self.scenario.reply)) // _CHARACTERS
            self.size = self.scenario.asked_tokens + written
        if self.size <= _MUCH and _MULTIPLY.isdisjoint(request.body):
            return False  # as nearly always
        top = None if request.stream else request.top_logprobs
        drawn = 0 if top is None else _DRAWN * (3 + top)
        if self.size * request.choices * (1 + drawn) <= _MUCH:
            return False
        turn = self._turn(ordinal)
        is_made = self.fixed[turn] and self._key(request, encoding, turn) in self.replies
        return not is_made or drawn > 0 or bool(self.scenario.pace.jitter)  # drawn likewise

    def take(self, tokens: int, *, model: str, now_s: float) -> OpenAIError | None:
        """Draw from the rate limiter, if there is one; return the refusal."""
        limit = self.scenario.rate_limit
        if limit is None:
            return None
        if self.limiter is None:
            self.limiter = RateLimiter(
                requests_per_minute=limit.requests_per_minute,
                tokens_per_minute=limit.tokens_per_minute,
                now_s=now_s,
            )
        return self.limiter.take(tokens, model=model, now_s=now_s)

    def _reply(self, request: ChatRequest, encoding: Encoding, speed: float, turn: int) -> Reply:
        """Return the reply with the request's choices and limits, made once for all alike."""

        def made() -> Reply:
            first = self._compiled(request, encoding, speed, turn, 0)
            if request.choices > 1 and first.total * request.choices > MOST_TOKENS:
                raise openai_errors.too_many_choices(request.choices, first.total, MOST_TOKENS)
            others = (
                self._compiled(request, encoding, speed, turn, choice)
                for choice in range(1, request.choices)
            )
            return joined([self._limited(request, reply) for reply in (first, *others)])

        if not self.fixed[turn]:
            return made()
        key = self._key(request, encoding, turn)
        return self.replies.get(key, lambda: made().shared())

    def _turn(self, ordinal: int) -> int:
        return (ordinal - 1) % len(self.fixed)

    def _key(self, request: ChatRequest, encoding: Encoding, turn: int) -> Hashable:
        """Return what requests that get the same reply have in common."""
        if _LIMIT.isdisjoint(request.body):
            return encoding.name, turn, 1, None, ()  # likewise
        return encoding.name, turn, request.choices, request.max_tokens, tuple(request.stop)

    def _limited(self, request: ChatRequest, reply: Reply) -> Reply:
        if not self.scenario.obey_limits:
            return reply
        return limited(reply, max_tokens=request.max_tokens, stop=request.stop)

    def _compiled(
        self,
        request: ChatRequest | None,
        encoding: Encoding,
        speed: float,
        turn: int,
        choice: int,
    ) -> Reply:
        return compile_reply(
            self.scenario,
            encoding,
            speed=speed,
            seed=self.seed,
            request=request,
            turn=turn,
            choice=choice,
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """What answers a request: which scenario, the how-manieth time, with which seed."""

    entry: Entry
    ordinal: int
    seed: int
    """Seed of this request: ids, padding, jitter and the draws of faults come from it."""
    base: int
    """The seed that it was drawn from: the scenario's, or the session's in its place."""


_make_chosen = maker_of(Chosen)
_make_staged = maker_of(Staged)


def compiled(scenarios: Iterable[Scenario], speed: float, seed: int | None = None) -> list[Entry]:
    """Return entries that are ready to play. Raises `ScenarioError` before it keeps any."""
    entries = [Entry(scenario, seed) for scenario in scenarios]
    for entry in entries:
        entry.compile_all(speed)
    return entries


class Scripts:
    """The scenarios of a session's generation: its own, then those loaded at start."""

    def __init__(
        self, loaded: Iterable[Scenario], *, speed: float, seed: int | None, strict_match: bool
    ) -> None:
        self.own: dict[str, Entry] = {}
        self.loaded = [Entry(scenario, seed) for scenario in loaded]
        self._default = Entry(DEFAULT_SCENARIO, seed)
        self._speed, self._seed, self._strict_match = speed, seed, strict_match

    def register(self, scenarios: Iterable[Scenario]) -> None:
        """Add scenarios or replace those of the same name; all are compiled before any is kept.

        Raises `ScenarioError` for one that cannot be played.
        """
        self.keep(self.compiled(scenarios))

    def compiled(self, scenarios: Iterable[Scenario]) -> list[Entry]:
        """Compile what is to be kept; on any thread, as nothing is changed. Raises as above."""
        return compiled(scenarios, self._speed)

    def keep(self, entries: Iterable[Entry]) -> None:
        """Add what has been compiled."""
        for entry in entries:
            self.own[entry.scenario.name] = entry

    def reload(self, loaded: Iterable[Scenario]) -> None:
        """Put these in place of those loaded before; one that is unchanged goes on as it was."""
        before = {entry.scenario.name: entry for entry in self.loaded}
        self.loaded = [
            kept
            if (kept := before.get(scenario.name)) is not None and kept.scenario == scenario
            else Entry(scenario, self._seed)
            for scenario in loaded
        ]

    def unregister(self, name: str) -> None:
        """Drop one of the session's own scenarios. Raises `NotFoundError`."""
        if self.own.pop(name, None) is None:
            raise NotFoundError(f"no scenario '{name}' of the session's own")

    def entries(self) -> list[Entry]:
        """Return what may answer, in the order in which it is asked."""
        entries = [*self.own.values(), *self.loaded]
        if entries or self._strict_match:
            return entries
        return [self._default]

    def match(self, incoming: Incoming) -> Chosen:
        """Return what answers a request. Raises `OpenAIError` (404) with the nearest scenarios."""
        entries = self.entries()
        for entry in entries:
            if not entry.spent and entry.answers(incoming):
                entry.played += 1
                return self._chosen(entry)
        raise openai_errors.no_scenario(
            miss(((entry.scenario, entry.spent) for entry in entries), incoming)
        )

    def stage(self, chosen: Chosen, request: ChatRequest, encoding: Encoding) -> Staged:
        """Return the reply as this request gets it."""
        return chosen.entry.staged(
            request, encoding, self._speed, ordinal=chosen.ordinal, seed=chosen.seed
        )

    def _chosen(self, entry: Entry) -> Chosen:
        base = entry.scenario.seed if self._seed is None else self._seed
        # The name keeps the ids of two scenarios with the same seed apart.
        drawn = blake2b(f"{base}:{entry.scenario.name}:{entry.played}".encode(), digest_size=6)
        return _make_chosen(entry, entry.played, int.from_bytes(drawn.digest()), base)
