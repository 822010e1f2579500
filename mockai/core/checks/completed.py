"""The check `completed`: the answer was read to its end (or: survived a neighbour's cancel)."""

from __future__ import annotations

from typing import ClassVar

from mockai.core.checks.base import Check, Evidence, Judgement, Row, fate
from mockai.core.exchange import Exchange


class Completed(Check):
    """The last frame reached the kernel before the client left."""

    name: ClassVar[str] = "completed"

    def sentence(self) -> str:
        """Return what is expected of the client."""
        return f"read {self.subject('the answer')} to its end"

    def judge(self, exchange: Exchange, evidence: Evidence) -> Judgement:
        """Compare; an open exchange may still complete."""
        row = Row("outcome", "completed", fate(exchange), exchange.outcome == "completed")
        return Judgement((row,), settled=exchange.ended)
