"""The naive server: how a mock of this API is written in an afternoon.

`json.dumps` and one relative sleep per chunk, over aiohttp's own StreamResponse. It is here to be
compared with: its chunks are as large as mockai's, and it must not use anything of mockai.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from typing import Any

from aiohttp import web

HEAD = {
    "id": "chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012",
    "object": "chat.completion.chunk",
    "created": 1764000000,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
    "system_fingerprint": "fp_0123456789",
}
HEADERS = {"Content-Type": "text/event-stream; charset=utf-8"}


class Naive:
    """Answers `tokens` tokens, `rate` a second after `ttft` s; a rate of 0 does not sleep."""

    def __init__(self, *, tokens: int, rate: float, ttft: float) -> None:
        self.tokens, self.rate, self.ttft = tokens, rate, ttft

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return await self.stream(request) if body.get("stream") else self.plain()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=HEADERS)
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):  # the client left
            await self.tell(response)
        return response

    async def tell(self, response: web.StreamResponse) -> None:
        await self.sleep(self.ttft)
        await response.write(chunk({"role": "assistant", "content": "", "refusal": None}))
        for index in range(self.tokens):
            if index and self.rate:
                await self.sleep(1 / self.rate)
            await response.write(chunk({"content": f" tok{index:03d}"}))
        await response.write(chunk({}, "stop"))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()

    async def sleep(self, seconds: float) -> None:
        if self.rate:
            await asyncio.sleep(seconds)

    def plain(self) -> web.Response:
        message = {"role": "assistant", "content": " token" * self.tokens, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return web.json_response({**HEAD, "object": "chat.completion", "choices": [choice]})


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """Return one SSE event, rendered as one would."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    whole = {**HEAD, "choices": [choice], "obfuscation": "AbCdEfGh"}
    return f"data: {json.dumps(whole, separators=(',', ':'))}\n\n".encode()


async def serve(naive: Naive) -> None:
    """Serve on a free port until killed; the first line on stdout says which."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", naive.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    sys.stdout.write(f"naive ready http://127.0.0.1:{runner.addresses[0][1]}/v1\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    """Serve what the options say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--ttft", type=float, default=0.2)
    asyncio.run(serve(Naive(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
