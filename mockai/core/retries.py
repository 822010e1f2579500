"""Which request asks again what an earlier one asked: its SDK says so, or its body does.

A person who asks again changes the question, has had the answer, or presses something, which a test
marks: that is no retry. Bodies are
compared by a digest that is never shown. Told the time; knows no socket and no session.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b

from mockai.core.exchange import NS, Outcome, RequestFacts

WINDOW_S = 10.0
"""For how long the same body counts as a retry, once an attempt has come to nothing."""
MOST_BODIES, MOST_ALIKE = 512, 64
Question = tuple[bytes, str, str | None, str | None]
"""Digest of the body, path, key and tag."""
_TO_NOTHING = {"cancelled", "failed"}


@dataclass(slots=True)
class Attempt:
    """One request. `count` is how many attempts its SDK says there were before."""

    exchange: str
    count: int = 0
    retry_of: str | None = None
    is_retried: bool = False
    outcome: Outcome = "open"
    ended_ns: int = 0
    is_marked: bool = False

    def end(self, outcome: Outcome, now_ns: int, *, is_marked: bool = False) -> None:
        """Note how it came out, and whether something was marked meanwhile."""
        self.outcome, self.ended_ns, self.is_marked = outcome, now_ns, is_marked


def repeated(
    earlier: list[Attempt], *, count: int, now_ns: int, pressed_ns: int = 0
) -> Attempt | None:
    """Return which of the attempts with the same body, oldest first, a new one repeats.

    An SDK that counts is believed, whatever became of the attempt before: it may have given up
    waiting for it. Without its word only the newest attempt counts, and only if it was cancelled
    or failed within the window: alike questions side by side are no retries of each other, nor is
    one after a person has pressed something else (a second mark, at `pressed_ns`) since the attempt
    ended; the first after it may only be late.
    """
    if count:
        fewer = [item for item in earlier if item.count < count and not item.is_retried]
        return max(reversed(fewer), key=lambda item: item.count, default=None)
    newest = earlier[-1] if earlier else None
    if newest is None or newest.outcome not in _TO_NOTHING:
        return None
    if newest.is_marked and pressed_ns > newest.ended_ns:
        return None
    return newest if now_ns - newest.ended_ns <= WINDOW_S * NS else None


@dataclass(slots=True)
class Retries:
    """The newest attempts of a session, by what they asked."""

    _attempts: OrderedDict[Question, list[Attempt]] = field(default_factory=OrderedDict)

    def ask(
        self,
        exchange: str,
        request: RequestFacts,
        body: bytes,
        *,
        now_ns: int,
        pressed_ns: int = 0,
    ) -> Attempt:
        """Note a request whose body has come; return it, with the exchange that it repeats.

        `pressed_ns` is the instant of the newest mark.
        """
        question = _question(request, body)
        attempt = Attempt(exchange, request.sdk_retry_count or 0)
        alike = self._attempts.get(question)
        if alike is None:
            self._attempts[question] = [attempt]
            if len(self._attempts) > MOST_BODIES:
                self._attempts.popitem(last=False)
            return attempt
        self._attempts.move_to_end(question)
        before = repeated(alike, count=attempt.count, now_ns=now_ns, pressed_ns=pressed_ns)
        if before is not None:
            attempt.retry_of, before.is_retried = before.exchange, True
        alike.append(attempt)
        if len(alike) > MOST_ALIKE:
            del alike[0]
        return attempt


def _question(request: RequestFacts, body: bytes) -> Question:
    """Return what is the same for two requests that ask the same, of the same, for the same."""
    digest = blake2b(body, digest_size=16).digest()
    return digest, request.path, request.key_id, request.tag
