"""A product with a Stop button, as a desktop app has it: an event loop on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Self

from openai import AsyncOpenAI


class Product:
    """Asks the official client. Use as `with Product(base_url, api_key) as app:`."""

    def __init__(self, base_url: str | None = None, api_key: str | None = None) -> None:
        self._address = {"base_url": base_url, "api_key": api_key}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="product")
        self._asked: list[Future[str]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ask(self, prompt: str = "Tell me a story", *, model: str = "gpt-4o-mini") -> Future[str]:
        """Ask, without waiting; the text stands in the future when it has been read to its end."""
        self._asked.append(asyncio.run_coroutine_threadsafe(self._read(prompt, model), self._loop))
        return self._asked[-1]

    def press_stop(self) -> None:
        """Cancel the newest answer."""
        self._asked[-1].cancel()

    async def _read(self, prompt: str, model: str) -> str:
        said = ""
        async with AsyncOpenAI(**self._address, max_retries=0) as client:  # type: ignore[arg-type]
            stream = await client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": prompt}], stream=True
            )
            async with stream:
                async for chunk in stream:
                    said += "".join(choice.delta.content or "" for choice in chunk.choices)
        return said

    @staticmethod
    async def _stop_all() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
