"""A chat server: the browser asks, the answer streams through, and Stop is to leave.

The client of the model is made once, when the module is imported, as in most apps.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI

app = FastAPI()
client = AsyncOpenAI(max_retries=0)  # reads OPENAI_BASE_URL now


@app.get("/ask")
async def ask(prompt: str) -> StreamingResponse:
    """Stream the model's answer; when the browser leaves, the model is told."""
    return StreamingResponse(_answer(prompt), media_type="text/plain")


async def _answer(prompt: str) -> AsyncIterator[str]:
    stream = await client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}], stream=True
    )
    async with stream:  # leaving this block closes the response: that is the cancel
        async for chunk in stream:
            yield "".join(choice.delta.content or "" for choice in chunk.choices)
