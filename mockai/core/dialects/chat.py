r"""Chat completions: a reply's deltas as the frames and bodies of `/v1/chat/completions`.

Sources: OpenAI's API description and published recordings of the real stream. A frame is
`data: <json>\n\n`, without `event:` or `id:`; the stream ends with `data: [DONE]\n\n`.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from json.encoder import encode_basestring
from typing import Any

from mockai.core.dialects.chat_request import ChatRequest
from mockai.core.dialects.logprobs import Logprobs
from mockai.core.dialects.models import snapshot_of
from mockai.core.errors import OpenAIError
from mockai.core.plan import Frames, MangledFrames, Plan
from mockai.core.policy import UsageReport
from mockai.core.reply import Channel, Delta, Reply
from mockai.core.scripted_errors import scripted_error
from mockai.core.staging import Staged
from mockai.core.tokens import Encoding

ENDPOINT = "chat.completions"
STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"),)
BODY_HEADERS = (("content-type", "application/json"),)
DONE = b"data: [DONE]\n\n"

_ALNUM = string.ascii_letters + string.digits
_AS_ALNUM = bytes(ord(_ALNUM[byte % len(_ALNUM)]) for byte in range(256))
_PADDING = "".join(random.Random(16).choices(_ALNUM, k=1024))
_PAD_STEPS = 16  # the real stream keeps len("data: " + json) constant modulo 16 ...
_PAD_REST = 7  # ... and that constant was 7 in every recording
_PAD_SHELL = len(',"obfuscation":""}')
_PAD_KINDS = 2  # a seed chooses one of so many paddings: plays of a reply share what was rendered


def plan_chat(
    request: ChatRequest,
    stage: Staged,
    *,
    seed: int,
    created: int,
    prompt_tokens: int,
    encoding: Encoding,
    usage_report: UsageReport = "final",
) -> Plan:
    """Return the plan of one request. Same arguments, same bytes; `created` is Unix seconds."""
    reply, completion_id = stage.reply, _completion_id(seed)
    shared = {"id": completion_id, "created": created, "model": snapshot_of(request.model)}
    figures = usage(reply, prompt_tokens)
    if stage.error is not None and _is_whole_answer(stage, request):
        return _error_plan(scripted_error(stage.error, request.model), stage, completion_id)
    frames: Frames = ChatFrames(
        request, stage, shared, figures, seed=seed, encoding=encoding, usage_report=usage_report
    )
    if stage.mangles or stage.swapped:
        frames = MangledFrames(frames, stage.mangles, stage.swapped, last=len(reply) - 1)
    return Plan(
        reply=reply,
        frames=frames,
        stream=request.stream and not stage.headless,
        prompt_tokens=figures["prompt_tokens"],
        completion_id=completion_id,
        headers=STREAM_HEADERS if request.stream else BODY_HEADERS,
        cached_tokens=figures["prompt_tokens_details"]["cached_tokens"],
        ending=stage.ending,
        headless=stage.headless,
    )


def _is_whole_answer(stage: Staged, request: ChatRequest) -> bool:
    """Say whether the error comes in place of the answer; in one body nothing came before it."""
    return stage.ending == "error" or (stage.ending == "end" and not request.stream)


def _error_plan(error: OpenAIError, stage: Staged, completion_id: str) -> Plan:
    """Return the plan of an answer that is an error, sent when the timeline reaches it."""
    return Plan(
        reply=stage.reply,
        frames=_ErrorBody(json.dumps(error.body(), indent=2).encode("ascii")),
        stream=False,
        prompt_tokens=0,
        completion_id=completion_id,
        headers=(*BODY_HEADERS, *error.headers.items()),
        status=error.status,
        ending="error",
    )


class _ErrorBody:
    """The body of an error, as frames see it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def frame(self, index: int) -> bytes:
        return self._body

    def body(self) -> bytes:
        return self._body


class ChatFrames:
    """Renders the frames of one answer, each when it is due."""

    __slots__ = (
        "_after",
        "_before",
        "_choice_end",
        "_column",
        "_error",
        "_head",
        "_logprobs",
        "_openings",
        "_pad",
        "_reply",
        "_report",
        "_request",
        "_seed",
        "_start",
        "_usage",
    )

    def __init__(
        self,
        request: ChatRequest,
        stage: Staged,
        shared: Mapping[str, Any],
        figures: dict[str, Any],
        *,
        seed: int,
        encoding: Encoding,
        usage_report: UsageReport,
    ) -> None:
        self._request, self._reply, self._error = request, stage.reply, stage.error
        self._usage, self._report, self._seed = figures, usage_report, seed
        self._head = {"id": shared["id"], "object": "chat.completion", **shared}
        self._before = self._chunk_head() if request.stream else ""
        wanted = request.body.get("logprobs") is True
        top = request.body.get("top_logprobs") or 0
        self._logprobs = Logprobs(encoding, seed, top) if wanted else None
        # Chunks of the gpt-4o era have `logprobs`, as null; those of gpt-5 lack the key.
        self._choice_end = ("" if _is_gpt5(shared["model"]) else ',"logprobs":null') + _FINISH
        self._after = "]" + (',"usage":null' if self._final_chunk else "")
        self._pad = seed % _PAD_KINDS if request.include_obfuscation else -1
        self._openings = _openings(self._reply)
        self._start, self._column = self._before.encode(), None
        if request.stream and self._logprobs is None and usage_report != "continuous":
            size = len(self._before) % _PAD_STEPS
            self._column = self._reply.column((size, self._choice_end, self._after, self._pad))

    def _chunk_head(self) -> str:
        """Return what all chunks begin with."""
        head = {**self._head, "object": "chat.completion.chunk", **_tier(self._head["model"])}
        return "data: " + _dumps(head)[:-1] + ',"choices":['

    # ── a stream ─────────────────────────────────────────────────────────────────────────────

    def frame(self, index: int) -> bytes:
        """Render frame `index`: a delta (the first brings the role chunk along), or the tail."""
        column = self._column
        rest = column[index] if column is not None else None
        if rest is not None:  # the hot path: another play has rendered it
            return self._start + rest
        frame = self._rendered(index)
        if column is not None and self._is_alike(index):
            column[index] = frame[len(self._start) :]
        return frame

    def _is_alike(self, index: int) -> bool:
        """Say whether all plays send this frame, but for what each chunk of theirs begins with."""
        deltas = self._reply.deltas
        if index > len(deltas) or index in self._openings:
            return False
        return deltas[index - 1].channel == "content"

    def _rendered(self, index: int) -> bytes:
        deltas = self._reply.deltas
        if index > len(deltas):
            return self._end()
        delta = deltas[index - 1]
        if delta.channel in _VERBATIM:
            return _VERBATIM[delta.channel](delta)
        said = self._said(delta)
        end = self._choice_end if self._logprobs is None else self._with_logprobs(delta, index)
        if index not in self._openings:
            return self._chunk(said, end, "null", index, delta.choice)
        if delta.channel == "tool_name" and self._tools(delta.choice) == 1:
            merged = f'{{"role":"assistant","content":null,{said[1:-1]},"refusal":null}}'
            return self._chunk(merged, self._choice_end, "null", index, delta.choice)
        opening = self._opening(delta.channel, delta.choice)
        return opening + self._chunk(said, end, "null", index, delta.choice)

    def _opening(self, channel: Channel, choice: int) -> bytes:
        end = self._choice_end
        if self._logprobs is not None and channel in _JUDGED:
            end = f',"logprobs":{_dumps({**_JUDGED, channel: []})}{_FINISH}'
        return self._chunk(_OPENINGS[channel], end, "null", 0, choice)

    def _said(self, delta: Delta) -> str:
        text = encode_basestring(delta.text)
        if delta.channel == "content":
            return f'{{"content":{text}}}'
        return _SAID[delta.channel](text, delta.tool, self._tool_id(delta))

    def _with_logprobs(self, delta: Delta, index: int) -> str:
        if self._logprobs is None or delta.channel not in _JUDGED:
            return self._choice_end
        items = self._logprobs.of(delta.text, index)
        return f',"logprobs":{_dumps({**_JUDGED, delta.channel: items})}{_FINISH}'

    def _end(self) -> bytes:
        count = len(self._reply)
        if self._error is not None:
            error = scripted_error(self._error, self._request.model)
            return f"data: {_dumps(error.body())}\n\n".encode() + DONE
        ends = [self._final(choice, count) for choice in range(self._reply.choices)]
        if self._final_chunk:
            shown = f'{self._before}],"usage":{_dumps(self._usage)}'
            ends.append(self._close(shown, count + 1))
        return b"".join(ends) + DONE

    def _final(self, choice: int, count: int) -> bytes:
        silent = not any(
            delta.choice == choice and delta.channel not in _SILENT for delta in self._reply.deltas
        )
        opening = self._opening("content", choice) if silent else b""
        reason = f'"{self._reply.reason_of(choice)}"'
        return opening + self._chunk("{}", self._choice_end, reason, count, choice)

    def _chunk(self, delta: str, end: str, finish: str, index: int, choice: int) -> bytes:
        after = self._after if self._report != "continuous" else self._usage_so_far(index)
        shown = f'{self._before}{{"index":{choice},"delta":{delta}{end}{finish}}}{after}'
        return self._close(shown, index)

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

    # ── one body ─────────────────────────────────────────────────────────────────────────────

    def body(self) -> bytes:
        """Render the whole answer as one JSON body, indented as the real API's."""
        before, after = _around_choices(self._head["model"])
        usage = ""
        if self._report != "none":
            usage = f'  "usage": {_usage_text(_dumps(self._usage))},\n'
        return (
            f'{{\n  "id": "{self._head["id"]}",\n  "object": "chat.completion",\n'
            f'  "created": {self._head["created"]},\n{before}'
            f'  "choices": {self._choices()},\n{usage}{after}'
        ).encode("ascii")

    def _choices(self) -> str:
        """Return the text of the choices, rendered once for all plays unless a seed is in it."""
        memo, key = self._reply.memo, ("choices", _is_gpt5(self._head["model"]))
        if self._logprobs is None and key in memo:
            return memo[key]
        choices = [self._choice(number) for number in range(self._reply.choices)]
        text = _indented(choices)
        if self._logprobs is None and not any("tool_calls" in one["message"] for one in choices):
            memo[key] = text
        return text

    def _choice(self, number: int) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": number, "message": self._message(number)}
        if self._logprobs is not None:
            choice["logprobs"] = self._all_logprobs(self._logprobs, number)
        elif not _is_gpt5(self._head["model"]):
            choice["logprobs"] = None
        choice["finish_reason"] = self._reply.reason_of(number)
        return choice

    def _all_logprobs(self, logprobs: Logprobs, choice: int) -> dict[str, Any] | None:
        """Return those of all chunks put together: the same figures in a body as in a stream."""
        found: dict[str, Any] = dict(_JUDGED)
        for index, delta in enumerate(self._reply.deltas, 1):
            if delta.choice == choice and delta.channel in _JUDGED:
                found[delta.channel] = (found[delta.channel] or []) + logprobs.of(delta.text, index)
        return found if any(found.values()) else None

    def _message(self, choice: int) -> dict[str, Any]:
        deltas = [delta for delta in self._reply.deltas if delta.choice == choice]
        channels = {delta.channel for delta in deltas}
        unsaid = channels & {"refusal", "tool_name"} and "content" not in channels
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if unsaid else self._reply.said("content", choice),
            "refusal": self._reply.said("refusal", choice) if "refusal" in channels else None,
            "annotations": [],
        }
        if "reasoning" in channels:
            message["reasoning_content"] = self._reply.said("reasoning", choice)
        if "tool_name" in channels:
            message["tool_calls"] = [
                self._tool_call(delta, deltas) for delta in deltas if delta.channel == "tool_name"
            ]
        return message

    def _tool_call(self, head: Delta, deltas: list[Delta]) -> dict[str, Any]:
        parts = [d.text for d in deltas if d.channel == "tool_arguments" and d.tool == head.tool]
        function = {"name": head.text, "arguments": "".join(parts)}
        return {"id": self._tool_id(head), "type": "function", "function": function}

    def _tools(self, choice: int) -> int:
        return sum(d.channel == "tool_name" and d.choice == choice for d in self._reply.deltas)

    def _tool_id(self, delta: Delta) -> str:
        drawn = blake2b(f"{self._seed}:{delta.choice}:{delta.tool}".encode(), digest_size=12)
        return "call_" + drawn.hexdigest()


# ── what a channel looks like ────────────────────────────────────────────────────────────────

_FINISH = ',"finish_reason":'
_JUDGED: Mapping[str, None] = {"content": None, "refusal": None}
"""Channels that have log probabilities, none of them yet."""
_SILENT: frozenset[Channel] = frozenset({"thinking", "raw", "comment"})
_VERBATIM: dict[Channel, Callable[[Delta], bytes]] = {
    "thinking": lambda _: b"",
    "raw": lambda delta: delta.text.encode("utf-8", "surrogatepass"),
    "comment": lambda delta: f": {delta.text}\n\n".encode("utf-8", "surrogatepass"),
}
_OPENINGS: dict[Channel, str] = {
    "content": '{"role":"assistant","content":"","refusal":null}',
    "refusal": '{"role":"assistant","content":null,"refusal":""}',
    "reasoning": '{"role":"assistant","content":null}',
    "tool_name": '{"role":"assistant","content":null}',
    "tool_arguments": '{"role":"assistant","content":null}',
}


def _tool_name(name: str, tool: int, tool_id: str) -> str:
    function = f'{{"name":{name},"arguments":""}}'
    head = f'{{"index":{tool},"id":"{tool_id}","type":"function","function":{function}}}'
    return f'{{"tool_calls":[{head}]}}'


_SAID: dict[Channel, Callable[[str, int, str], str]] = {
    "refusal": lambda text, _tool, _id: f'{{"refusal":{text}}}',
    "reasoning": lambda text, _tool, _id: f'{{"content":null,"reasoning_content":{text}}}',
    "tool_name": _tool_name,
    "tool_arguments": lambda text, tool, _id: (
        f'{{"tool_calls":[{{"index":{tool},"function":{{"arguments":{text}}}}}]}}'
    ),
}


def _openings(reply: Reply) -> frozenset[int]:
    """Return the frames that bring a role chunk along: the first of each choice that speaks."""
    found: dict[int, int] = {}
    for index, delta in enumerate(reply.deltas, 1):
        if delta.channel not in _SILENT:
            found.setdefault(delta.choice, index)
            if len(found) == reply.choices:
                break
    return frozenset(found.values())


def _completion_id(seed: int) -> str:
    drawn = blake2b(f"{seed}".encode(), digest_size=29).digest()
    return "chatcmpl-" + drawn.translate(_AS_ALNUM).decode("ascii")


def usage(reply: Reply, prompt_tokens: int) -> dict[str, Any]:
    """Return the `usage` object: every detail is a subset of the two totals."""
    prompt = reply.usage.get("prompt_tokens", prompt_tokens)
    completion = reply.usage.get("completion_tokens", reply.total)
    cached, reasoning = reply.usage.get("cached_tokens", 0), reply.reasoning_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": min(cached, prompt),
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": min(reasoning, completion),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _tier(model: str) -> dict[str, Any]:
    fingerprint = None if _is_gpt5(model) else "fp_0123456789"
    return {"service_tier": "default", "system_fingerprint": fingerprint}


def _is_gpt5(model: str) -> bool:
    return model.startswith("gpt-5")


_dumps = json.JSONEncoder(separators=(",", ":")).encode


@lru_cache(256)
def _around_choices(model: str) -> tuple[str, str]:
    """Return what stands in a body just before the choices, and last of all."""
    tier = ",\n".join(f'  "{name}": {json.dumps(value)}' for name, value in _tier(model).items())
    return f'  "model": {json.dumps(model)},\n', f"{tier}\n}}"


def _indented(member: Any) -> str:
    """Return the JSON of a member of a body. Slow: only without indents does C render it."""
    return json.dumps(member, indent=2).replace("\n", "\n  ")


@lru_cache(512)
def _usage_text(compact: str) -> str:
    return _indented(json.loads(compact))
