"""Feed the pure parsers with bytes that coverage steers, and print what came of it as a table.

`python -m scripts.fuzz [SECONDS]`, from a checkout. Not a test of the suite: it needs `pip install
atheris`, and SECONDS (60) for each parser. What a parser may raise is its own refusal; anything
else, an answer that takes ten seconds, or two gigabytes, ends it with the input in `fuzz-…`.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["mockai"]):
    from mockai.core.checks_file import parse_checks
    from mockai.core.dialects.chat_request import parse_chat_request
    from mockai.core.errors import OpenAIError, ScenarioError
    from mockai.core.html_report import render_html
    from mockai.core.journal_report import journal_report
    from mockai.core.json_instance import instance_of
    from mockai.core.junit import render_junit
    from mockai.core.keeping import Keeping, parse_path
    from mockai.core.loading import parse_scenarios
    from mockai.core.markdown_report import render_markdown
    from mockai.core.pattern_text import text_matching
    from mockai.core.text_report import render_text

ROOT = Path(__file__).parents[1]
SECONDS = "60"
LIMITS = ("-timeout=10", "-rss_limit_mb=2048", "-max_len=4096", "-print_final_stats=1")
PRIVATE = Keeping(redact=(parse_path("messages[*].content"), parse_path("metadata.*")))
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[a-c]{2,4}$"}}}


def scenario(data: bytes) -> None:
    """Read a scenario file."""
    parse_scenarios(data, source="fuzz.yaml", playable=True)


def checks(data: bytes) -> None:
    """Read a file of checks."""
    parse_checks(data, source="fuzz.yaml")


def request(data: bytes) -> None:
    """Read a body of `/v1`, and record it as `--redact` wants it."""
    PRIVATE.kept(data)
    parse_chat_request(data)


def schema(data: bytes) -> None:
    """Answer a schema of a request with an instance."""
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        return
    json.dumps(instance_of(asked, 1))


def pattern(data: bytes) -> None:
    """Make a text for a pattern of a schema or of a scenario."""
    text_matching(data.decode("utf-8", "replace"), Random(1))


def journal(data: bytes) -> None:
    """Report on a journal, in every form."""
    report = journal_report(data.decode("utf-8", "replace"), [], title="fuzz", session=None)
    for render in (render_html, render_junit, render_markdown, render_text):
        render(report)


def _scenarios() -> list[bytes]:
    return [file.read_bytes() for file in sorted((ROOT / "scenarios").glob("*.yaml"))]


def _journal() -> list[bytes]:
    from tests.support.reports import exchanges  # noqa: PLC0415 - only where it is asked for

    lines = [{"event": "ended", "exchange": item.to_json()} for item in exchanges()]
    return [json.dumps(line).encode() + b"\n" for line in lines]


PARSERS: dict[str, tuple[Callable[[bytes], None], Callable[[], Iterable[bytes]]]] = {
    "scenario files": (scenario, _scenarios),
    "files of checks": (checks, lambda: [b"- cancelled: {within: 250ms, since: held}\n"]),
    "bodies of requests": (request, lambda: [json.dumps(CHAT).encode()]),
    "schemas in requests": (schema, lambda: [json.dumps(SCHEMA).encode()]),
    "patterns": (pattern, lambda: [b"^(?=.*[A-Z])[a-z]{2,8}(x|y)+$"]),
    "journals": (journal, _journal),
}
"""Each parser, and inputs to begin with."""


def fuzz(name: str) -> None:
    """Run one parser until libFuzzer ends the process."""
    target, _ = PARSERS[name]

    def one(data: bytes) -> None:
        try:
            target(data)
        except (OpenAIError, ScenarioError):
            return

    atheris.Setup(sys.argv[1:], one)
    atheris.Fuzz()


def main() -> int:
    """Run every parser in a process of its own; 1 when one of them found something."""
    seconds = sys.argv[1] if len(sys.argv) > 1 else SECONDS
    worst = 0
    for name, (_, seeds) in PARSERS.items():
        with tempfile.TemporaryDirectory() as folder:
            for number, seed in enumerate(seeds()):
                (Path(folder) / str(number)).write_bytes(seed)
            options = (*LIMITS, f"-max_total_time={seconds}", "-artifact_prefix=fuzz-")
            command = [sys.executable, "-m", "scripts.fuzz", f"--parser={name}", *options, folder]
            ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        inputs = re.search(r"number_of_executed_units: (\d+)", ended.stderr)
        count = int(inputs[1]) if inputs else 0
        found = "read or refused" if ended.returncode == 0 else ended.stdout + ended.stderr
        print(f"| {count:,} {name} | {found} |", flush=True)  # noqa: T201
        worst = max(worst, min(ended.returncode, 1))
    return worst


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].startswith("--parser="):
        fuzz(sys.argv.pop(1).partition("=")[2])
    sys.exit(main())
