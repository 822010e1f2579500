"""Steps that are sent as they are: raw bytes and SSE comments. They carry no tokens."""

from __future__ import annotations

from typing import ClassVar

from pydantic import field_validator

from mockai.core.reply import Delta
from mockai.core.steps.base import Builder, Step


class RawStep(Step):
    r"""Send these characters as they are, as UTF-8: `raw: "data: nonsense\n\n"`."""

    kind: ClassVar[str] = "raw"
    raw: str

    def build(self, to: Builder) -> None:
        """Send them."""
        to.emit(Delta(self.raw, 0, "raw"))


class KeepaliveStep(Step):
    """Send an SSE comment, as some providers do in a long silence: `keepalive: PROCESSING`."""

    kind: ClassVar[str] = "keepalive"
    keepalive: str = "keep-alive"

    @field_validator("keepalive")
    @classmethod
    def _one_line(cls, text: str) -> str:
        if "\n" in text or "\r" in text:
            raise ValueError("a comment is one line")
        return text

    def build(self, to: Builder) -> None:
        """Send it."""
        to.emit(Delta(self.keepalive, 0, "comment"))
