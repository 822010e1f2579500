"""A chat completion as one JSON body, indented as the real API's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from mockai.core.dialects.chat_usage import Figures, usage_text
from mockai.core.dialects.indenting import indented
from mockai.core.dialects.logprobs import Logprobs
from mockai.core.reply import WITH_LOGPROBS, Channel, Delta, Reply

NO_LOGPROBS: Mapping[str, None] = dict[str, None].fromkeys(WITH_LOGPROBS)
"""What is told of log probabilities while there are none."""


class Answer:
    """What all forms of one answer have in common, and the form in one body."""

    __slots__ = ("created", "id", "logprobs", "model", "reply", "seed")

    def __init__(
        self,
        reply: Reply,
        id: str,
        created: int,
        model: str,
        *,
        seed: int,
        logprobs: Logprobs | None,
    ) -> None:
        self.reply, self.id, self.created, self.model = reply, id, created, model
        self.seed, self.logprobs = seed, logprobs

    def body(self, figures: Figures | None) -> bytes:
        """Render it; without figures nothing is reported."""
        before, after = _around_choices(self.model)
        usage = "" if figures is None else f'  "usage": {usage_text(figures)},\n'
        return (
            f'{{\n  "id": "{self.id}",\n  "object": "chat.completion",\n'
            f'  "created": {self.created},\n{before}'
            f'  "choices": {self._choices()},\n{usage}{after}'
        ).encode("ascii")

    def tool_id(self, delta: Delta) -> str:
        """Return the id of a tool call: the same in a stream."""
        drawn = blake2b(f"{self.seed}:{delta.choice}:{delta.tool}".encode(), digest_size=12)
        return "call_" + drawn.hexdigest()

    def _choices(self) -> str:
        """Return the text of the choices, rendered once for all plays unless a seed is in it."""
        memo, key = self.reply.memo, ("choices", is_gpt5(self.model))
        if self.logprobs is None and key in memo:
            return str(memo[key])
        groups: list[list[tuple[int, Delta]]] = [[] for _ in range(self.reply.choices)]
        for index, delta in enumerate(self.reply.deltas, 1):
            groups[delta.choice].append((index, delta))
        choices = [self._choice(number, group) for number, group in enumerate(groups)]
        text = indented(choices)
        if self.logprobs is None and not any("tool_calls" in one["message"] for one in choices):
            memo[key] = text
        return text

    def _choice(self, number: int, group: Sequence[tuple[int, Delta]]) -> dict[str, Any]:
        message = self._message([delta for _, delta in group])
        choice: dict[str, Any] = {"index": number, "message": message}
        if self.logprobs is not None:
            choice["logprobs"] = _all_logprobs(self.logprobs, group)
        elif not is_gpt5(self.model):
            choice["logprobs"] = None
        choice["finish_reason"] = self.reply.reason_of(number)
        return choice

    def _message(self, deltas: Sequence[Delta]) -> dict[str, Any]:
        channels = {delta.channel for delta in deltas}
        unsaid = channels & {"refusal", "tool_name"} and "content" not in channels
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if unsaid else _said(deltas, "content"),
            "refusal": _said(deltas, "refusal") if "refusal" in channels else None,
            "annotations": [],
        }
        if "reasoning" in channels:
            message["reasoning_content"] = _said(deltas, "reasoning")
        if "tool_name" in channels:
            message["tool_calls"] = [
                self._tool_call(delta, deltas) for delta in deltas if delta.channel == "tool_name"
            ]
        return message

    def _tool_call(self, head: Delta, deltas: Sequence[Delta]) -> dict[str, Any]:
        arguments = _said([delta for delta in deltas if delta.tool == head.tool], "tool_arguments")
        function = {"name": head.text, "arguments": arguments}
        return {"id": self.tool_id(head), "type": "function", "function": function}


def _said(deltas: Sequence[Delta], channel: Channel) -> str:
    return "".join(delta.text for delta in deltas if delta.channel == channel)


def _all_logprobs(logprobs: Logprobs, group: Sequence[tuple[int, Delta]]) -> dict[str, Any] | None:
    """Return those of all chunks put together: the same figures in a body as in a stream."""
    found: dict[str, list[dict[str, Any]]] = {channel: [] for channel in WITH_LOGPROBS}
    for index, delta in group:
        if delta.channel in WITH_LOGPROBS:
            found[delta.channel] += logprobs.of(delta.text, index, delta.logprobs)
    shown = {channel: items or None for channel, items in found.items()}
    return shown if any(shown.values()) else None


def tier(model: str) -> dict[str, Any]:
    """Return what an answer says of who made it."""
    fingerprint = None if is_gpt5(model) else "fp_0123456789"
    return {"service_tier": "default", "system_fingerprint": fingerprint}


def is_gpt5(model: str) -> bool:
    """Say whether a model has the forms of the gpt-5 era: no `logprobs` key, no fingerprint."""
    return model.startswith("gpt-5")


@lru_cache(256)
def _around_choices(model: str) -> tuple[str, str]:
    """Return what stands in a body just before the choices, and last of all."""
    last = ",\n".join(f'  "{name}": {json.dumps(value)}' for name, value in tier(model).items())
    return f'  "model": {json.dumps(model)},\n', f"{last}\n}}"
