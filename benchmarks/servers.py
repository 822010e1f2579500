"""The servers: how each is started, told its answer, and pinned to a core of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("mockai", "naive", "floor")
TRIES = 200
RECORDING = "recording"  # mockai too, with the stamps of its record to be had


@dataclass(frozen=True, slots=True)
class Answer:
    """What every server is to answer; a rate of 0 sends at once. `ttft` in s.

    `single` gives each token a write of its own; the naive server does so anyway.
    """

    tokens: int
    rate: float
    ttft: float = 0.2
    single: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self.process.pid

    def ask(self, what: str = "noticed") -> dict[str, int]:
        """Ask a recording server when it `noticed` each client leave, or for its `tasks`."""
        assert self.process.stdin is not None  # noqa: S101 - for the type checker
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        answer: dict[str, int] = json.loads(self.process.stdout.readline())
        return answer


@dataclass(frozen=True, slots=True)
class Tools:
    """The two C programs, compiled, and the commands of others' servers by name."""

    loadgen: str
    floor: str
    peers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def compiled(peers: Mapping[str, str] | None = None) -> Iterator[Tools]:
    """Compile the C files with `cc` into a directory that lives as long as the block."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("the benchmarks need a C compiler, called cc")
    with tempfile.TemporaryDirectory(prefix="mockai-bench-") as directory:
        built = [f"{directory}/{name}" for name in ("loadgen", "floor")]
        for path in built:
            source = HERE / f"{Path(path).name}.c"
            subprocess.run([compiler, "-O2", "-o", path, str(source), "-lm"], check=True)
        yield Tools(*built, peers or {})


@contextmanager
def running(
    name: str,
    answer: Answer,
    tools: Tools,
    *,
    script: bool = True,
    under: Sequence[str] = (),
    of: Path = HERE.parent,
    python: str = sys.executable,
) -> Iterator[Server]:
    """Start one server on the first core and have it answer `answer`; kill it afterwards.

    Without `script` it is yielded as soon as it is ready, to answer as it likes. `under` is the
    command that runs it, such as a profiler; `of` is the checkout whose server it is, `python` its
    interpreter.
    """
    pipe = subprocess.PIPE
    port = _free_port() if name in tools.peers else 0
    command = [*under, *_command(name, answer, tools, port, python)]
    with subprocess.Popen(
        command, cwd=of, stdin=pipe, stdout=pipe, text=True, env=_environment()
    ) as process:
        try:
            pin(process.pid, first=True)
            server = Server(name, _accepting(port) if port else _port(process), process)
            if script and name in {"mockai", RECORDING}:
                _put_scenario(server.port, answer)
            yield server
        finally:
            process.kill()


def pin(pid: int, *, first: bool) -> None:
    """Pin a process to the first core (a server) or the last (the load), where that exists."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {CORES[0] if first else CORES[-1]})


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


def _command(name: str, answer: Answer, tools: Tools, port: int, python: str) -> list[str]:
    if name in tools.peers:
        return shlex.split(tools.peers[name].format(port=port))
    if name == "mockai":
        return [python, "-m", "mockai", "serve", "--port", "0"]
    if name == RECORDING:
        return [python, "-m", "benchmarks.recording"]
    program = [tools.floor] if name == "floor" else [python, "-m", "benchmarks.naive"]
    said = {"--tokens": answer.tokens, "--rate": answer.rate, "--ttft": answer.ttft}
    if name == "floor":
        said["--single"] = int(answer.single)
    return [*program, *(str(word) for pair in said.items() for word in pair)]


def _port(process: subprocess.Popen[str]) -> int:
    line = process.stdout.readline() if process.stdout else ""
    if " ready http://" not in line:
        raise SystemExit(f"{process.args!r} did not start; it said {line!r}")
    return int(line.rsplit(":", 1)[1].split("/", 1)[0])


def _environment() -> dict[str, str]:
    """Return the environment, with bytecode as installers leave it: else each start compiles."""
    return {k: value for k, value in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _accepting(port: int) -> int:
    """Return the port once somebody listens there."""
    for _ in range(TRIES):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return port
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port} after {TRIES / 10:g} s")


def _put_scenario(port: int, answer: Answer) -> None:
    scenario: dict[str, object] = {"name": "bench", "reply": [{"faker": answer.tokens}]}
    if answer.rate:
        pace = {"ttft": f"{answer.ttft * 1000:g}ms", "tokens_per_second": answer.rate}
        scenario["pace"] = pace
    if answer.single:
        scenario["pace"] = {"coalesce": False}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(
        "PUT",
        "/_mockai/sessions/default/scenarios/bench",
        json.dumps(scenario),
        {"Content-Type": "application/json"},
    )
    response = connection.getresponse()
    said = response.read()
    connection.close()
    if response.status not in {200, 201}:
        raise SystemExit(f"mockai refused the scenario: {response.status} {said!r}")
