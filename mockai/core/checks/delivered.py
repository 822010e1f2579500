"""The check `delivered`: the text that the client kept is what was sent to it, and no more.

A client that left had not read all that was on its way, so its text is a prefix of what was
written. At a hold nothing is on its way: there it must be equal.
"""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from mockai.core.checks.base import Check, Evidence, Judgement, Row
from mockai.core.exchange import Exchange
from mockai.core.units import counted

_AROUND = 30


class Delivered(Check):
    """The client's own text is a prefix of the written one, and equal at a hold."""

    name: ClassVar[str] = "delivered"

    text: str = Field(description="what the client has kept, shown or stored")
    exact: bool | None = Field(
        default=None, description="whether it must be equal; default: where the stream was held"
    )
    choice: int = Field(default=0, ge=0, description="of which choice, for n > 1")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.text and not self.exact:
            raise ValueError("an empty text begins every text: say exact: true")
        return self

    def sentence(self) -> str:
        """Return what is expected of the client."""
        return f"have kept what {self.subject('the stream')} had sent by then"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; what an open exchange still sends may make it right."""
        written = written_text(exchange, self.choice)
        exact = _was_held(exchange) if self.exact is None else self.exact
        ok = self.text == written if exact else written.startswith(self.text)
        count = counted(exchange.tokens.written, "token")
        rule = f"{'all' if exact else 'a beginning'} of the {count} written"
        seen = "it is" if ok else difference_of(self.text, written)
        return Judgement((Row("text", rule, seen, ok),), settled=ok or exchange.ended)


def written_text(exchange: Exchange, choice: int = 0) -> str:
    """Return the text whose tokens the kernel has taken."""
    schedule = exchange.schedule
    if schedule is None:
        return ""
    reply, written = schedule.reply, exchange.tokens.written
    if not written:
        return ""
    return "".join(
        delta.text
        for delta, sent in zip(reply.deltas, reply.sent[1:], strict=False)
        if sent <= written and delta.channel == "content" and delta.choice == choice
    )


def difference_of(text: str, written: str) -> str:
    """Return where two texts part, and how they go on there."""
    pairs = enumerate(zip(text, written, strict=False))
    same = min(len(text), len(written))
    at = next((place for place, (one, other) in pairs if one != other), same)
    kept, sent = text[at : at + _AROUND], written[at : at + _AROUND]
    if not sent:
        return f"{len(text) - at} characters more than was sent: {kept!r}"
    if not kept:
        return f"{len(written) - at} characters are missing: {sent!r}"
    return f"from character {at + 1} on {kept!r}, where {sent!r} was sent"


def _was_held(exchange: Exchange) -> bool:
    """Say whether the stream stood at a gate when it ended, or stands there now."""
    left = exchange.disconnect
    if left is not None:
        return left.while_held is not None
    return not exchange.ended and bool(exchange.holds) and exchange.holds[-1].for_s is None
