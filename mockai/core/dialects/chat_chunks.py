r"""A chat completion as the chunks of a stream: `data: <json>\n\n`, the last `data: [DONE]`.

What follows the head of a chunk (id, time, model) is the same for most plays of a reply, so it is
rendered once and kept in a column of the reply. Must not know requests of other surfaces.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, cast

from mockai.core.dialects.chat_body import NO_LOGPROBS, Answer, is_gpt5, tier
from mockai.core.dialects.chat_usage import Figures
from mockai.core.errors import OpenAIError
from mockai.core.plan import Frame, Frames, Run
from mockai.core.policy import UsageReport
from mockai.core.reply import WITH_LOGPROBS, Channel, Delta, Reply

DONE = b"data: [DONE]\n\n"

ALNUM = string.ascii_letters + string.digits
_PADDING = "".join(random.Random(16).choices(ALNUM, k=1024))
_PAD_STEPS = 16  # the real stream keeps len("data: " + json) constant modulo 16 ...
_PAD_REST = 7  # ... and that constant was 7 in every recording
_PAD_SHELL = len(',"obfuscation":""}')
_PAD_KINDS = 2  # a seed chooses one of so many paddings: plays of a reply share what was rendered


class Chunks(Frames):
    """Renders the frames of one streamed answer, each when it is due.

    `final_usage` asks for a chunk of its own with the usage. `report` is what the policy says of
    usage. `error` is an event in place of the end.
    """

    __slots__ = (
        "_after",
        "_answer",
        "_before",
        "_choice_end",
        "_column",
        "_error",
        "_figures",
        "_final_usage",
        "_openings",
        "_pad",
        "_reply",
        "_report",
        "_start",
    )

    def __init__(
        self,
        answer: Answer,
        figures: Figures,
        *,
        obfuscated: bool,
        final_usage: bool,
        report: UsageReport,
        error: OpenAIError | None = None,
    ) -> None:
        self._answer, self._reply, self._error = answer, answer.reply, error
        self._figures, self._report = figures, report
        self._final_usage = final_usage and report != "none"
        self._before = (
            f'data: {{"id":"{answer.id}","object":"chat.completion.chunk",'
            f'"created":{answer.created},{_about(answer.model)}'
        )
        # Chunks of the gpt-4o era have `logprobs`, as null; those of gpt-5 lack the key.
        self._choice_end = ("" if is_gpt5(answer.model) else ',"logprobs":null') + _FINISH
        self._after = "]" + (',"usage":null' if self._final_usage else "")
        self._pad = answer.seed % _PAD_KINDS if obfuscated else -1
        self._openings = _openings(self._reply)
        self._start, self._column = self._before.encode(), None
        if answer.logprobs is None and report != "continuous":
            size = len(self._before) % _PAD_STEPS
            self._column = self._reply.column((size, self._choice_end, self._after, self._pad))

    def body(self) -> bytes:
        """Render the answer of a request that did not ask for a stream."""
        return self._answer.body(self._figures)

    def in_common(self) -> tuple[bytes, Sequence[bytes | None]] | None:
        """Return what each chunk begins with, and what follows it where a play has rendered it."""
        return None if self._column is None else (self._start, self._column)

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

    def row(self, first: int, end: int, most: int) -> Sequence[Frame]:
        """Render frames that are due together, in one go if other plays have rendered most of them.

        Those of a column are of about one size, so one of them tells how many may be needed.
        """
        start, column = self._start, self._column
        one = column[first + 1] if column is not None and first + 1 < end else None
        if column is None or one is None:
            return super().row(first, end, most)
        needed = most // (len(start) + len(one)) + 1
        rests = column[first : min(end, first + needed)]
        if not all(rests):
            for index, rest in enumerate(rests):
                if rest is None:  # nobody has come here yet, or it is of each play its own
                    frame = self.frame(first + index)
                    if not frame.startswith(start):
                        return super().row(first, end, most)
                    rests[index] = frame[len(start) :]
        known = cast("list[bytes]", rests)
        size = len(start) * len(known) + sum(map(len, known))
        while size - len(start) - len(known[-1]) >= most:  # `one` was shorter than most of them
            size -= len(start) + len(known.pop())
        return Run(start, known)

    def _is_alike(self, index: int) -> bool:
        """Say whether all plays send this frame, but for what each chunk of theirs begins with."""
        deltas = self._reply.deltas
        if index > len(deltas):
            return False
        delta = deltas[index - 1]
        return delta.channel == "content" and not self._opens(delta, index)

    def _opens(self, delta: Delta, index: int) -> bool:
        """Say whether a frame brings the role chunk of its choice along."""
        return self._openings.get(delta.choice) == index

    def _rendered(self, index: int) -> bytes:
        deltas = self._reply.deltas
        if index > len(deltas):
            return self._end()
        delta = deltas[index - 1]
        if delta.channel in _VERBATIM:
            return _VERBATIM[delta.channel](delta)
        said = self._said(delta)
        end = self._with_logprobs(delta, index)
        if not self._opens(delta, index):
            return self._chunk(said, end, "null", index, delta.choice)
        if delta.channel == "tool_name" and self._tools(delta.choice) == 1:
            merged = f'{{"role":"assistant","content":null,{said[1:-1]},"refusal":null}}'
            return self._chunk(merged, self._choice_end, "null", index, delta.choice)
        opening = self._opening(delta.channel, delta.choice)
        return opening + self._chunk(said, end, "null", index, delta.choice)

    def _opening(self, channel: Channel, choice: int) -> bytes:
        end = self._choice_end
        if self._answer.logprobs is not None and channel in WITH_LOGPROBS:
            end = f',"logprobs":{_dumps({**NO_LOGPROBS, channel: []})}{_FINISH}'
        return self._chunk(_OPENINGS[channel], end, "null", 0, choice)

    def _said(self, delta: Delta) -> str:
        text = encode_basestring(delta.text)
        if delta.channel == "content":
            return f'{{"content":{text}}}'
        return _SAID[delta.channel](text, delta.tool, self._answer.tool_id(delta))

    def _tools(self, choice: int) -> int:
        return sum(d.channel == "tool_name" and d.choice == choice for d in self._reply.deltas)

    def _with_logprobs(self, delta: Delta, index: int) -> str:
        logprobs = self._answer.logprobs
        if logprobs is None or delta.channel not in WITH_LOGPROBS:
            return self._choice_end
        items = logprobs.of(delta.text, index, delta.logprobs)
        return f',"logprobs":{_dumps({**NO_LOGPROBS, delta.channel: items})}{_FINISH}'

    def _end(self) -> bytes:
        count = len(self._reply)
        if self._error is not None:
            return f"data: {_dumps(self._error.body())}\n\n".encode() + DONE
        ends = [self._final(choice, count) for choice in range(self._reply.choices)]
        if self._final_usage:
            shown = f'{self._before}],"usage":{_dumps(self._figures.to_json())}'
            ends.append(self._close(shown, count + 1))
        return b"".join(ends) + DONE

    def _final(self, choice: int, count: int) -> bytes:
        opening = b"" if choice in self._openings else self._opening("content", choice)
        reason = f'"{self._reply.reason_of(choice)}"'
        return opening + self._chunk("{}", self._choice_end, reason, count, choice)

    def _chunk(self, delta: str, end: str, finish: str, index: int, choice: int) -> bytes:
        after = self._after if self._report != "continuous" else self._usage_so_far(index)
        shown = f'{self._before}{{"index":{choice},"delta":{delta}{end}{finish}}}{after}'
        return self._close(shown, index)

    def _usage_so_far(self, index: int) -> str:
        tokens = self._reply.tokens
        so_far = self._figures.so_far(tokens[min(index, len(tokens) - 1)])
        return f'],"usage":{_dumps(so_far)}'

    def _close(self, text: str, index: int) -> bytes:
        """End a chunk, with the padding that hides the length of its text."""
        if self._pad < 0:
            return f"{text}}}\n\n".encode()
        start = (self._pad + index * 131) % 1009
        size = (_PAD_REST - len(text) - _PAD_SHELL) % _PAD_STEPS
        return f'{text},"obfuscation":"{_PADDING[start : start + size]}"}}\n\n'.encode()


# ── what a channel looks like ────────────────────────────────────────────────────────────────

_FINISH = ',"finish_reason":'
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


def _openings(reply: Reply) -> Mapping[int, int]:
    """Return the frame of each choice that brings its role chunk along: the first that speaks."""
    known: Mapping[int, int] | None = reply.memo.get("openings")
    if known is not None:
        return known
    found: dict[int, int] = {}
    for index, delta in enumerate(reply.deltas, 1):
        if delta.channel not in _SILENT:
            found.setdefault(delta.choice, index)
            if len(found) == reply.choices:
                break
    reply.memo["openings"] = found
    return found


@lru_cache(256)
def _about(model: str) -> str:
    """Return what each chunk says of the model, up to its choices."""
    return _dumps({"model": model, **tier(model)})[1:-1] + ',"choices":['


_dumps: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode
