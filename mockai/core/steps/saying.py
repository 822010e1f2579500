"""Steps that say something: text, filler, reasoning, a refusal, JSON."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, model_validator

from mockai.core.filler import filler
from mockai.core.json_instance import instance_of
from mockai.core.model import Model
from mockai.core.prose import prose
from mockai.core.reply import Delta
from mockai.core.steps.base import MOST_TOKENS, Builder, RequestFields, Step, shorthand

_FIELD = re.compile(r"\{request\.([A-Za-z0-9_.]+)\}")


class TextStep(Step):
    """Send this text, token by token; `{request.model}` stands for that field of the request."""

    kind: ClassVar[str] = "text"
    text: str

    def build(self, to: Builder) -> None:
        """Say it."""
        to.say(filled(self.text, to))

    def asks_request(self) -> bool:
        """Say whether a field of the request is named."""
        return _FIELD.search(self.text) is not None


def filled(text: str, to: Builder) -> str:
    """Return the text with the fields of the request that it names; an unknown one is empty."""
    return _FIELD.sub(lambda found: _field(to.request, found[1]), text)


def _field(request: RequestFields, path: str) -> str:
    if path == "last_user":
        return request.last_user
    value: Any = request.body
    for key in path.split("."):
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


TokenCount = Annotated[int, Field(gt=0, le=MOST_TOKENS)]


class FakerArguments(Model):
    """Exactly `tokens` tokens: of filler words, or of a locale's prose."""

    tokens: TokenCount
    locale: str | None = Field(default=None, pattern="^[a-z]{2,3}_[A-Z]{2}$")


class FakerStep(Step):
    """Send exactly N tokens, seeded; `faker: 400` is short for `{tokens: 400}`."""

    kind: ClassVar[str] = "faker"
    faker: Annotated[FakerArguments, shorthand("tokens", TokenCount | FakerArguments)]

    def build(self, to: Builder) -> None:
        """Make the text and say it."""
        wanted = self.faker
        if wanted.locale is None:
            to.say(filler(wanted.tokens, to.seed(), joined=to.begun))
        else:
            to.say(prose(wanted.tokens, to.seed(), locale=wanted.locale))

    def asked_tokens(self) -> int:
        """Return how many it makes."""
        return self.faker.tokens


class ReasoningArguments(Model):
    """Reasoning of so many tokens: hidden, or visible with this text."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["tokens"]}, {"required": ["text"]}]}
    )

    tokens: TokenCount | None = None
    text: Annotated[str, Field(min_length=1)] | None = None
    visible: bool = False

    @model_validator(mode="after")
    def _tokens_or_text(self) -> Self:
        if (self.tokens is None) == (self.text is None):
            raise ValueError("needs either tokens or text")
        return self


class ReasoningStep(Step):
    """Think: hidden tokens that take time and are billed; `visible` sends `reasoning_content`."""

    kind: ClassVar[str] = "reasoning"
    reasoning: Annotated[ReasoningArguments, shorthand("tokens", TokenCount | ReasoningArguments)]

    def build(self, to: Builder) -> None:
        """Think aloud, or in silence."""
        wanted, tokens = self.reasoning, self.reasoning.tokens or 0
        if wanted.visible or wanted.text is not None:
            to.say(wanted.text or filler(tokens, to.seed()), "reasoning")
            return
        for _ in range(tokens):
            to.emit(Delta("", 1, "thinking"))

    def asked_tokens(self) -> int:
        """Return how many it makes, of a text none."""
        return self.reasoning.tokens or 0


class RefusalStep(Step):
    """Refuse: the text comes as `refusal`, not as content."""

    kind: ClassVar[str] = "refusal"
    refusal: str

    def build(self, to: Builder) -> None:
        """Say it."""
        to.say(self.refusal, "refusal")


class JsonStep(Step):
    """Send a valid instance of the request's `response_format` schema, or this value."""

    kind: ClassVar[str] = "json"
    json_: Any = Field(default=None, alias="json")

    def build(self, to: Builder) -> None:
        """Make it and say it."""
        value = self.json_ if self.json_ is not None else instance_of(_schema(to), to.seed())
        to.say(json.dumps(value, ensure_ascii=False))

    def asks_request(self) -> bool:
        """Say whether the request's schema is asked for."""
        return self.json_ is None


def _schema(to: Builder) -> Any:
    wanted = to.request.body.get("response_format") or {}
    described = wanted.get("json_schema") if isinstance(wanted, dict) else None
    return described.get("schema", {}) if isinstance(described, dict) else {}
