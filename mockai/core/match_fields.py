"""What a scenario can ask of a request; a field that is left out matches everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from random import Random
from typing import Any

from pydantic import Field, field_validator

from mockai.core import boxed_regex
from mockai.core.model import Model, Nth
from mockai.core.pattern_text import text_matching

PATIENCE_S = 0.25
"""How long a pattern may look at one short text; what it needs for that grows with the text."""
_SHORT = 120


class TextMatch(Model):
    """What a text must be; all that are given must hold. `regex` is searched, not anchored."""

    contains: str | None = None
    equals: str | None = None
    regex: str | None = None

    @field_validator("regex")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            boxed_regex.compiled(pattern)
            for text in _trying(pattern):
                if boxed_regex.found(pattern, text, PATIENCE_S) is None:
                    why = f"no answer within {PATIENCE_S} s for a text of {len(text)} characters"
                    raise ValueError(f"the pattern backtracks for ever: {why}")
        return pattern


def _trying(pattern: str) -> Iterator[str]:
    """Yield short texts that almost fit: what makes a bad pattern try every way there is."""
    fitting: list[str] = []
    with suppress(TimeoutError):  # it is slow; the plain texts below show whether too slow
        fitting += [text_matching(pattern, Random(seed), reach=40) or "a" for seed in range(3)]
    for text in (*fitting, "a", "0", "a "):
        repeated = text * (_SHORT // max(1, len(text)) + 1)
        yield text[:_SHORT] + "\0"
        yield repeated[:_SHORT] + "\0"


class Match(Model):
    """Which requests the scenario answers."""

    model: str | None = Field(default=None, description="glob over the model, such as gpt-4*")
    last_user: TextMatch | None = Field(default=None, description="the last user message")
    any_message: TextMatch | None = Field(default=None, description="any message's text")
    system: TextMatch | None = Field(default=None, description="the system (developer) prompt")
    stream: bool | None = Field(default=None, description="whether a stream is asked for")
    path: str | None = Field(default=None, description="glob over the path after the session")
    headers: dict[str, str] = Field(
        default_factory=dict, description="header name to a glob over its value"
    )
    tools: tuple[str, ...] | None = Field(
        default=None, description="names of tools that must be offered; [] for none at all"
    )
    tool_result: bool | None = Field(
        default=None, description="whether the result of a tool call is among the messages"
    )
    nth: Nth | None = Field(default=None, description="the nth request of the session, from 1")
    json_: dict[str, Any] = Field(
        default_factory=dict,
        alias="json",
        description="path in the body to the value there, such as metadata.user: ann",
    )
