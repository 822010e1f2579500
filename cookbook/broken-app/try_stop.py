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
    await chat.press_stop()
    await asyncio.wait([answer])
    print(f"the page shows: {chat.shown!r}")  # looks the same in both apps


def show_that_we_live() -> None:
    """Ask mockai for the cancel: else a program that leaks and exits would look as good."""
    url, session = os.environ["MOCKAI_URL"], os.environ["MOCKAI_SESSION"]
    path = f"/_mockai/sessions/{session}/exchanges?outcome=cancelled&wait=2"
    urllib.request.urlopen(url + path).read()


if __name__ == "__main__":
    asyncio.run(main())
    show_that_we_live()
