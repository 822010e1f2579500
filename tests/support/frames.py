"""The bytes of a chat completion for fixed arguments."""

from __future__ import annotations

from typing import Any

from mockai.core.dialects.chat import plan_chat
from mockai.core.plan import Plan
from mockai.core.staging import Staged
from mockai.core.tokens import get_encoding
from tests.support.facts import reply_of, request_of

CREATED = 1_764_000_000
STORY = {"text": "Once upon a time, 🦤!"}
USAGE = {"stream_options": {"include_usage": True}}


def plan_of(*steps: Any, seed: int = 7, created: int = CREATED, **asked: Any) -> Plan:
    """Return the plan of a request for such a reply."""
    return plan_chat(
        request_of(**asked),
        Staged(reply_of(*steps)),
        seed=seed,
        created=created,
        prompt_tokens=11,
        encoding=get_encoding("o200k_base"),
    )


def frames_of(*steps: Any, **asked: Any) -> list[bytes]:
    """Return the frames of the stream, without the head."""
    plan = plan_of(*steps, **asked)
    frames = [plan.frames.frame(index) for index in range(1, len(plan.reply))]
    return [frame for frame in frames if isinstance(frame, bytes)]


def stream_of(*steps: Any, **asked: Any) -> bytes:
    """Return the whole stream."""
    return b"".join(frames_of(*steps, **asked))
