"""A chat with a Stop button, as it is often written: Stop sets a flag, the loop shows no more."""

from __future__ import annotations

from openai import AsyncOpenAI


class Chat:
    """What the window shows, and its button."""

    def __init__(self) -> None:
        self.client = AsyncOpenAI()  # finds OPENAI_BASE_URL
        self.shown = ""
        self.stopped = False

    async def ask(self, prompt: str) -> None:
        """Show the answer as it comes."""
        stream = await self.client.chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}], stream=True
        )
        async for chunk in stream:
            if not self.stopped:  # the page keeps still; the model writes on, and is paid for it
                self.shown += "".join(choice.delta.content or "" for choice in chunk.choices)

    async def press_stop(self) -> None:
        """Stop."""
        self.stopped = True
