"""How long a reply of 4,000 tokens takes to compile, the first time and again.

`python -m benchmarks.compiling` prints milliseconds: median, and least to greatest. The first time
is that of a script which nobody has played; again is what another session of it pays.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from statistics import median

from mockai.core.compile import compile_reply
from mockai.core.scenario import Scenario
from mockai.core.tokens import Encoding, get_encoding

ROUNDS = 30
SENTENCE = "Once upon a time there was a dodo who lived on an island. "
REPLIES: Mapping[str, list[dict[str, object]]] = {
    "4,000 tokens of filler": [{"faker": 4000}],
    "4,000 tokens of text": [{"text": SENTENCE * 286}],
    "4,000 hidden tokens": [{"reasoning": 4000}],
}


def script(reply: list[dict[str, object]], seed: int) -> Scenario:
    """Return a script that differs from others by its seed, and so has to be compiled."""
    pace = {"ttft": "200ms", "tokens_per_second": 50}
    return Scenario.model_validate({"name": "a", "reply": reply, "pace": pace, "seed": seed})


def spent(reply: list[dict[str, object]], encoding: Encoding) -> Iterator[tuple[float, float]]:
    """Yield the milliseconds of each round: the first time, and again."""
    for seed in range(ROUNDS):
        scenario = script(reply, seed)
        started = time.perf_counter()
        compile_reply(scenario, encoding)
        compiled = time.perf_counter()
        compile_reply(scenario, encoding)
        yield 1000 * (compiled - started), 1000 * (time.perf_counter() - compiled)


def shown(figures: list[float]) -> str:
    """Return the median, and the least and the greatest."""
    return f"{median(figures):.2f} ({min(figures):.2f}–{max(figures):.2f})"


def table() -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| reply | vocabulary | first, ms | again, ms |"
    yield "| --- | --- | --- | --- |"
    for name in ("o200k_base", "cl100k_base"):
        for what, reply in REPLIES.items():
            first, again = map(list, zip(*spent(reply, get_encoding(name)), strict=True))
            yield f"| {what} | {name} | {shown(first)} | {shown(again)} |"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
