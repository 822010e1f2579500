"""What a tester does by hand: ask for a story, read a little, press Stop. `chat.py` is the product.

mockai run --scenario story.yaml -- python try_stop.py
"""

from __future__ import annotations

import asyncio
import os
import urllib.request

from chat import Chat

READ_A_LITTLE = 100  # characters


async def main() -> None:
    """Press Stop in the middle of an answer."""
    chat = Chat()
    answer = asyncio.create_task(chat.ask("Tell me a story."))
    while len(chat.shown) < READ_A_LITTLE and not answer.done():
        await asyncio.sleep(0.005)
    await asyncio.to_thread(call, "marks", b'{"name": "stop"}')  # what comes now is waste
    await chat.press_stop()
    await asyncio.wait([answer])
    print(f"the page shows: {chat.shown!r}")  # looks the same in both apps


def call(path: str, body: bytes | None = None) -> None:
    """Tell or ask mockai something about this run."""
    url, session = os.environ["MOCKAI_URL"], os.environ["MOCKAI_SESSION"]
    asked = urllib.request.Request(f"{url}/_mockai/sessions/{session}/{path}", body)
    asked.add_header("content-type", "application/json")
    urllib.request.urlopen(asked).read()


if __name__ == "__main__":
    asyncio.run(main())
    # A program that leaks and exits would look as good: show that we live after the cancel.
    call("exchanges?outcome=cancelled&wait=2")
