"""The `usage` of a chat completion: what is reported, be it in a chunk or in a body."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from mockai.core.dialects.indenting import indented
from mockai.core.reply import Reply


class Figures(NamedTuple):
    """What is reported, in tokens. `cached` are of the prompt, `reasoning` of the completion."""

    prompt: int
    completion: int
    cached: int
    reasoning: int

    def to_json(self) -> dict[str, Any]:
        """Return the `usage` object: every detail is a subset of the two totals."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def so_far(self, tokens: int) -> dict[str, int]:
        """Return the usage up to `tokens` of the completion, in the three fields that vLLM has."""
        return {
            "prompt_tokens": self.prompt,
            "total_tokens": self.prompt + tokens,
            "completion_tokens": tokens,
        }


def figures_of(reply: Reply, prompt_tokens: int) -> Figures:
    """Return the figures of a whole reply; a script may report others than were counted."""
    said = reply.usage
    prompt = said.get("prompt_tokens", prompt_tokens)
    completion = said.get("completion_tokens", reply.total)
    cached, reasoning = said.get("cached_tokens", 0), reply.reasoning_tokens
    return Figures(prompt, completion, min(cached, prompt), min(reasoning, completion))


@lru_cache(512)
def usage_text(figures: Figures) -> str:
    """Return the object as a member of a body, indented."""
    return indented(figures.to_json())
