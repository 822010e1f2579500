"""The step `tool_call`: one call, or several in parallel."""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from mockai.core.model import Model
from mockai.core.steps.base import Builder, Step


class ToolCall(Model):
    """A call: arguments as a mapping, or as text that is sent as it is, valid JSON or not."""

    name: str = Field(min_length=1, max_length=64)
    arguments: dict[str, Any] | str = Field(default_factory=dict)

    def text(self) -> str:
        """Return the arguments as they go over the wire."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False, separators=(",", ":"))


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


_Calls = Annotated[tuple[ToolCall, ...], Field(min_length=1)]


class ToolCallStep(Step):
    """Call a tool, or several: `tool_call: {name: weather, arguments: {city: Paris}}`."""

    kind: ClassVar[str] = "tool_call"
    tool_call: Annotated[_Calls, BeforeValidator(_listed, json_schema_input_type=ToolCall | _Calls)]

    def build(self, to: Builder) -> None:
        """Call each, one after the other."""
        for call in self.tool_call:
            to.call_tool(call.name, call.text())
