"""Chat completions: a reply as the answer to one request to `/v1/chat/completions`.

Sources: OpenAI's API description and published recordings of the real stream. What the answer
looks like stands in `chat_chunks` (a stream) and `chat_body` (one body).
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b

from mockai.core.dialects.chat_body import Answer
from mockai.core.dialects.chat_chunks import ALNUM, Chunks
from mockai.core.dialects.chat_request import ChatRequest
from mockai.core.dialects.chat_usage import Figures, figures_of
from mockai.core.dialects.indenting import indented
from mockai.core.dialects.logprobs import Logprobs
from mockai.core.dialects.models import snapshot_of
from mockai.core.errors import OpenAIError
from mockai.core.making import maker_of
from mockai.core.plan import Frames, MangledFrames, OneBody, Plan
from mockai.core.policy import UsageReport
from mockai.core.scripted_errors import scripted_error
from mockai.core.staging import Staged
from mockai.core.tokens import Encoding

ENDPOINT = "chat.completions"
STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"),)
BODY_HEADERS = (("content-type", "application/json"),)
_make_plan = maker_of(Plan)
_AS_ALNUM = bytes(ord(ALNUM[byte % len(ALNUM)]) for byte in range(256))


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
    if stage.error is not None and _is_whole_answer(stage, request):
        return _error_plan(scripted_error(stage.error, request.model), stage, completion_id)
    answer = Answer(
        reply,
        completion_id,
        created,
        snapshot_of(request.model),
        seed=seed,
        logprobs=_logprobs(request, encoding, seed),
    )
    figures = figures_of(reply, prompt_tokens)
    return _make_plan(
        reply=reply,
        frames=_frames(request, stage, answer, figures, usage_report),
        stream=request.stream and not stage.headless,
        prompt_tokens=figures.prompt,
        completion_id=completion_id,
        headers=STREAM_HEADERS if request.stream else BODY_HEADERS,
        cached_tokens=figures.cached,
        ending=stage.ending,
        headless=stage.headless,
    )


def _frames(
    request: ChatRequest, stage: Staged, answer: Answer, figures: Figures, report: UsageReport
) -> Frames:
    if not request.stream:
        reported = None if report == "none" else figures
        return OneBody(partial(answer.body, reported))
    chunks = Chunks(
        answer,
        figures,
        obfuscated=request.include_obfuscation,
        final_usage=request.include_usage,
        report=report,
        error=None if stage.error is None else scripted_error(stage.error, request.model),
    )
    if not (stage.mangles or stage.swapped):
        return chunks
    return MangledFrames(chunks, stage.mangles, stage.swapped, last=len(stage.reply) - 1)


def _logprobs(request: ChatRequest, encoding: Encoding, seed: int) -> Logprobs | None:
    top = request.top_logprobs
    return None if top is None else Logprobs(encoding, seed, top)


def _is_whole_answer(stage: Staged, request: ChatRequest) -> bool:
    """Say whether the error comes in place of the answer; in one body nothing came before it."""
    return stage.ending == "error" or (stage.ending == "end" and not request.stream)


def _error_plan(error: OpenAIError, stage: Staged, completion_id: str) -> Plan:
    """Return the plan of an answer that is an error, sent when the timeline reaches it."""
    body = indented(error.body(), "").encode("ascii")
    return Plan(
        reply=stage.reply,
        frames=OneBody(lambda: body),
        stream=False,
        prompt_tokens=0,
        completion_id=completion_id,
        headers=tuple({**dict(BODY_HEADERS), **error.headers}.items()),
        status=error.status,
        ending="error",
    )


def _completion_id(seed: int) -> str:
    drawn = blake2b(f"{seed}".encode(), digest_size=29).digest()
    return "chatcmpl-" + drawn.translate(_AS_ALNUM).decode("ascii")
