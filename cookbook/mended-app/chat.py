"""The same chat, mended: Stop cancels the task, and leaving `async with` closes the response."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI


class Chat:
    """What the window shows, and its button."""

    def __init__(self) -> None:
        self.client = AsyncOpenAI()  # finds OPENAI_BASE_URL
        self.shown = ""
        self.answer: asyncio.Task[None] | None = None

    async def ask(self, prompt: str) -> None:
        """Show the answer as it comes."""
        self.answer = asyncio.current_task()
        stream = await self.client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}], stream=True
        )
        async with stream:
            async for chunk in stream:
                self.shown += "".join(choice.delta.content or "" for choice in chunk.choices)

    async def press_stop(self) -> None:
        """Stop, and wait until it has."""
        if self.answer is not None:
            self.answer.cancel()
            await asyncio.wait([self.answer])
