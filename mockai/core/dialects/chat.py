r"""Chat completions: a reply's deltas as the frames and bodies of `/v1/chat/completions`.

Sources: OpenAI's API description and published recordings of the real stream. A frame is
`data: <json>\n\n`, without `event:` or `id:`; the stream ends with `data: [DONE]\n\n`.
"""

from __future__ import annotations

import json
import random
import string
from json.encoder import encode_basestring
from typing import Any

from mockai.core.dialects.chat_request import ChatRequest
from mockai.core.dialects.models import snapshot_of
from mockai.core.plan import Plan
from mockai.core.policy import UsageReport
from mockai.core.reply import Reply

ENDPOINT = "chat.completions"
STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"),)
BODY_HEADERS = (("content-type", "application/json"),)
DONE = b"data: [DONE]\n\n"

_ALNUM = string.ascii_letters + string.digits
_PADDING = "".join(random.Random(16).choices(_ALNUM, k=1024))
_PAD_STEPS = 16  # the real stream keeps len("data: " + json) constant modulo 16 ...
_PAD_REST = 7  # ... and that constant was 7 in every recording
_PAD_SHELL = len(',"obfuscation":""}')


def plan_chat(
    request: ChatRequest,
    reply: Reply,
    *,
    seed: int,
    created: int,
    prompt_tokens: int,
    usage_report: UsageReport = "final",
) -> Plan:
    """Return the plan of one request. Same arguments, same bytes; `created` is Unix seconds."""
    letters = random.Random(seed).choices(_ALNUM, k=29)
    completion_id = "chatcmpl-" + "".join(letters)
    head = {
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": snapshot_of(request.model),
    }
    return Plan(
        reply=reply,
        frames=ChatFrames(
            request, reply, head, usage(prompt_tokens, reply.total), seed, usage_report
        ),
        stream=request.stream,
        prompt_tokens=prompt_tokens,
        completion_id=completion_id,
        headers=STREAM_HEADERS if request.stream else BODY_HEADERS,
    )


class ChatFrames:
    """Renders the frames of one answer, each when it is due."""

    __slots__ = (
        "_after",
        "_before",
        "_choice_end",
        "_head",
        "_pad",
        "_reply",
        "_report",
        "_request",
        "_usage",
    )

    def __init__(
        self,
        request: ChatRequest,
        reply: Reply,
        head: dict[str, Any],
        usage: dict[str, Any],
        seed: int,
        usage_report: UsageReport = "final",
    ) -> None:
        self._request, self._reply, self._head, self._usage = request, reply, head, usage
        self._report = usage_report
        chunk_head = {**head, "object": "chat.completion.chunk", **_tier(head)}
        self._before = "data: " + _dumps(chunk_head)[:-1] + ',"choices":['
        # Chunks of the gpt-4o era have `logprobs`, as null; those of gpt-5 lack the key.
        self._choice_end = ("" if _is_gpt5(head) else ',"logprobs":null') + ',"finish_reason":'
        self._after = "]" + (',"usage":null' if self._final_chunk else "")
        self._pad = seed if request.include_obfuscation else -1

    def frame(self, index: int) -> bytes:
        """Render frame `index`: a delta (the first brings the role chunk along), or the tail."""
        deltas = self._reply.deltas
        if index > len(deltas):
            return (b"" if deltas else self._role()) + self._end()
        delta = f'{{"content":{encode_basestring(deltas[index - 1].text)}}}'
        chunk = self._chunk(delta, "null", index)
        return self._role() + chunk if index == 1 else chunk

    def body(self) -> bytes:
        """Render the whole answer as one JSON body, indented as the real API's."""
        choice: dict[str, Any] = {"index": 0, "message": self._message()}
        if not _is_gpt5(self._head):
            choice["logprobs"] = None
        choice["finish_reason"] = self._reply.finish_reason
        whole = {**self._head, "choices": [choice], "usage": self._usage, **_tier(self._head)}
        if self._report == "none":
            del whole["usage"]
        return json.dumps(whole, indent=2).encode("ascii")

    def _message(self) -> dict[str, Any]:
        text = self._reply.text
        return {"role": "assistant", "content": text, "refusal": None, "annotations": []}

    def _role(self) -> bytes:
        return self._chunk('{"role":"assistant","content":"","refusal":null}', "null", 0)

    def _end(self) -> bytes:
        count = len(self._reply)
        end = self._chunk("{}", f'"{self._reply.finish_reason}"', count)
        if self._final_chunk:
            shown = f'{self._before}],"usage":{_dumps(self._usage)}'
            end += self._close(shown, count + 1)
        return end + DONE

    def _chunk(self, delta: str, finish: str, index: int) -> bytes:
        choice = f'{{"index":0,"delta":{delta}{self._choice_end}{finish}}}'
        after = self._after if self._report != "continuous" else self._usage_so_far(index)
        return self._close(f"{self._before}{choice}{after}", index)

    @property
    def _final_chunk(self) -> bool:
        """True when a chunk of its own ends the stream with the usage."""
        return self._request.include_usage and self._report != "none"

    def _usage_so_far(self, index: int) -> str:
        """Return the end of a chunk with the usage up to it, in the three fields that vLLM has."""
        tokens, prompt = self._reply.tokens, self._usage["prompt_tokens"]
        done = tokens[min(index, len(tokens) - 1)]
        so_far = {
            "prompt_tokens": prompt,
            "total_tokens": prompt + done,
            "completion_tokens": done,
        }
        return f'],"usage":{_dumps(so_far)}'

    def _close(self, text: str, index: int) -> bytes:
        """End a chunk, with the padding that hides the length of its text."""
        if self._pad < 0:
            return f"{text}}}\n\n".encode()
        start = (self._pad + index * 131) % 1009
        size = (_PAD_REST - len(text) - _PAD_SHELL) % _PAD_STEPS
        return f'{text},"obfuscation":"{_PADDING[start : start + size]}"}}\n\n'.encode()


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    """Return the `usage` object: every detail is a subset of the two totals."""
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _tier(head: dict[str, Any]) -> dict[str, Any]:
    fingerprint = None if _is_gpt5(head) else "fp_0123456789"
    return {"service_tier": "default", "system_fingerprint": fingerprint}


def _is_gpt5(head: dict[str, Any]) -> bool:
    return str(head["model"]).startswith("gpt-5")


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
