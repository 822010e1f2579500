"""Hold the control API to its description with schemathesis: `python scripts/fuzz_control_api.py`.

Not a test of the suite: it needs `pip install schemathesis` and some minutes. It starts a server,
has requests made that fit the description and requests that do not, and fails when an answer is a
500, has another shape than described, takes what must be refused, or refuses what must be taken.
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from mockai.http.server import ServerThread
from mockai.http.state import ServerOptions

HOOKS = '''
import schemathesis

@schemathesis.hook
def before_call(context, case, kwargs):
    """Wait for nothing: what is waited for does not come."""
    if isinstance(case.query, dict) and case.query.get("wait"):
        case.query["wait"] = "0"
    if isinstance(case.body, dict) and isinstance(case.body.get("wait"), (int, float)):
        case.body["wait"] = 0
    if isinstance(case.body, dict) and isinstance(case.body.get("ttl"), float):
        case.body["ttl"] = max(case.body["ttl"], 60)  # it must live until it is asked for
'''
ENDLESS = "/events$"
"""Answers as long as somebody listens."""
MEANT = "/(checks|scenarios|scenarios/\\{name\\}|clock)$|/sessions$|/sessions/\\{session\\}$"
"""Bodies whose meaning is judged too: what fits the description may still be refused."""


def main() -> int:
    """Run both parts; return the worse exit code."""
    examples = sys.argv[1] if len(sys.argv) > 1 else "50"
    server = ServerThread(ServerOptions(patience=0.001)).start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "fuzz_hooks.py").write_text(HOOKS, "utf-8")
            return max(
                run(server.url, folder, examples, "--exclude-path-regex", f"{ENDLESS}|{MEANT}"),
                run(
                    server.url,
                    folder,
                    examples,
                    "--include-path-regex",
                    MEANT,
                    "--exclude-checks",
                    "positive_data_acceptance",
                ),
            )
    finally:
        server.stop()


def run(url: str, folder: str, examples: str, *options: str) -> int:
    """Run schemathesis once."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/_mockai/openapi.json"]
    fixed = ["--phases", "coverage,fuzzing,stateful", "-n", examples]
    fixed += ["--request-timeout", "120"]  # a scenario of a million tokens is compiled in 20 s
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": f"{folder}:."}
    return subprocess.run(
        [*command, *fixed, "--no-color", *options], env=env, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
