"""The README's table of policies: one cancelled stream, billed under every preset.

`python scripts/policies.py write`   put it between the README's markers
`python scripts/policies.py check`   does the README have it? (a test asks the same)
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from mockai.core.billing import bill  # noqa: E402 - the path comes first
from mockai.core.compile import compile_reply  # noqa: E402
from mockai.core.exchange import (  # noqa: E402
    Disconnect,
    Exchange,
    RequestFacts,
    Schedule,
    Tokens,
)
from mockai.core.policy import PRESETS, Policy, TokenNotice  # noqa: E402
from mockai.core.prices import shipped_prices  # noqa: E402
from mockai.core.scenario import Scenario  # noqa: E402
from mockai.core.tokens import get_encoding  # noqa: E402
from mockai.core.units import show_seconds  # noqa: E402

README = ROOT / "README.md"
BEGIN, END = "<!-- policies: scripts/policies.py -->\n", "<!-- /policies -->\n"
MODEL, PROMPT, PLANNED, LEFT_AT_S = "gpt-4o", 21, 400, 0.43
STORY = Scenario.model_validate(
    {
        "name": "story",
        "reply": [{"faker": PLANNED}],
        "pace": {"ttft": "200ms", "tokens_per_second": 50},
    }
)


def left(*, stream: bool) -> Exchange:
    """Return the exchange of a client that left 10 ms after the 12th token was generated."""
    reply = compile_reply(STORY, get_encoding("o200k_base"))
    generated = reply.tokens_by(round(LEFT_AT_S * 1e9))
    written = generated if stream else 0
    return Exchange(
        id="ex_1",
        seq=1,
        session="readme",
        generation=1,
        received_ns=0,
        request=RequestFacts(model=MODEL, stream=stream),
        outcome="cancelled",
        status=200,
        disconnect=Disconnect("fin", None, LEFT_AT_S, written),
        tokens=Tokens(prompt=PROMPT, planned=PLANNED, generated=generated, written=written),
        schedule=Schedule(reply, start_s=0.0),
    )


def text() -> str:
    """Return what stands between the markers."""
    return "\n".join([*_table(), "", *_sources(), ""])


def _table() -> Iterator[str]:
    stream, body = left(stream=True), left(stream=False)
    yield "| policy | notice | charge | billed | wasted | per 1,000 stops | billed, in one body |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    for name, preset in PRESETS.items():
        streamed = bill(stream, preset.policy, shipped_prices())
        whole = bill(body, preset.policy, shipped_prices())
        wasted = f"${float(streamed.wasted_usd or 0) * 1000:.2f}"
        yield (
            f"| `{name}` | {_notice(preset.policy)} | {preset.policy.charge} "
            f"| {streamed.prompt_tokens} + {streamed.completion_tokens} "
            f"| {streamed.wasted_tokens} | {wasted} "
            f"| {whole.prompt_tokens} + {whole.completion_tokens} |"
        )


def _notice(policy: Policy) -> str:
    words = _words(policy.notice)
    if policy.non_stream is None:
        return words
    return f"{words}; in one body {_words(policy.non_stream)}"


def _words(notice: object) -> str:
    match notice:
        case TokenNotice(tokens=count):
            return f"{count} tokens"
        case float(seconds):
            return show_seconds(seconds)
        case _:
            return str(notice).replace("_", " ")


def _sources() -> Iterator[str]:
    for name, preset in PRESETS.items():
        yield f"- `{name}`: {preset.says}. Modelled after {preset.source}, {preset.date}."
        disputed = f" But: {preset.disputed}." if preset.disputed else ""
        yield f"  Confidence: {preset.confidence}.{disputed}"


def main() -> int:
    """Write the table, or say whether it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["write", "check"])
    written = README.read_text(encoding="utf-8")
    before, rest = written.split(BEGIN)
    renewed = before + BEGIN + text() + END + rest.split(END)[1]
    if parser.parse_args().action == "write":
        README.write_text(renewed, encoding="utf-8")
        return 0
    return 0 if renewed == written else 1


if __name__ == "__main__":
    sys.exit(main())
