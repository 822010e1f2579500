"""Proxies between a client and mockai, as Debian ships them, and what each makes of a disconnect.

Each row of the table is one proxy with one configuration, run in a directory of its own on a free
port of this machine. What it does is measured, never assumed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.control import Control, send
from tests.support.raw import RawClient

MIDDLE, TOKENS = 5, 300
FLOOD = 40_000  # tokens, 12 MB
SMALL = 4_096
PATIENCE_S = 0.6
"""How long a sign may take until it counts as none."""
SETTLED_S = 0.5
"""Who has refused bytes for so long will not take more."""


@dataclass(frozen=True)
class Proxy:
    """One row: a program, what is special about its configuration, and how it is started."""

    program: str
    setting: str
    command: tuple[str, ...]
    files: Callable[[int, int, str], dict[str, str]]
    """(own port, mockai's port, setting) -> the text of each configuration file."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.program}, {self.setting}" if self.setting else self.program

    @property
    def version(self) -> str | None:
        """The version that is installed, major and minor; `None` if it is not."""
        if shutil.which(self.program) is None:
            return None
        asking = _VERSION.get(self.program, (self.program, "-v"))
        said = subprocess.run(asking, capture_output=True, check=False, text=True)
        found = re.search(r"\d+\.\d+", said.stdout + said.stderr)
        return found[0] if found else None


def _nginx(port: int, to: int, setting: str) -> dict[str, str]:
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = " ".join(
        f"{kind}_temp_path {kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = "".join(f"{line}; " for line in setting.replace("`", "").split(", ") if line)
    server = (
        f"server {{ listen 127.0.0.1:{port}; "
        f"location / {{ proxy_pass http://127.0.0.1:{to}; {settings}}} }}"
    )
    http = f"http {{ access_log off; {temporary} {server} }}"
    return {
        "nginx.conf": f"{user} daemon off; pid pid; error_log log; worker_processes 1;\n"
        f"events {{ worker_connections 64; }}\n{http}\n"
    }


def _haproxy(port: int, to: int, setting: str) -> dict[str, str]:
    lines = "\n    ".join(line for line in setting.replace("`", "").split(", "))
    return {
        "haproxy.cfg": f"""
defaults
    {lines}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen mockai
    bind 127.0.0.1:{port}
    server mockai 127.0.0.1:{to}
"""
    }


def _caddy(port: int, to: int, setting: str) -> dict[str, str]:
    return {
        "Caddyfile": f"{{\n\tadmin off\n\tauto_https off\n}}\n"
        f"http://:{port} {{\n\tbind 127.0.0.1\n\treverse_proxy 127.0.0.1:{to}\n}}\n"
    }


def _none(port: int, to: int, setting: str) -> dict[str, str]:
    return {}


_VERSION = {"caddy": ("caddy", "version"), "docker-proxy": ("dockerd", "--version")}
_DOCKER = (
    "exec docker-proxy -host-ip 127.0.0.1 -host-port {port} "
    "-container-ip 127.0.0.1 -container-port {to} 3>/dev/null"  # it tells its parent there
)
_NGINX = ("nginx", "-p", ".", "-c", "nginx.conf", "-e", "log")
_UNBUFFERED = "`proxy_http_version 1.1`, `proxy_buffering off`"
PROXIES = [
    Proxy("nginx", "", _NGINX, _nginx),
    Proxy("nginx", _UNBUFFERED, _NGINX, _nginx),
    Proxy("nginx", f"{_UNBUFFERED}, `proxy_ignore_client_abort on`", _NGINX, _nginx),
    Proxy("haproxy", "`mode http`", ("haproxy", "-db", "-q", "-f", "haproxy.cfg"), _haproxy),
    Proxy(
        "haproxy",
        "`mode http`, `option abortonclose`",
        ("haproxy", "-db", "-q", "-f", "haproxy.cfg"),
        _haproxy,
    ),
    Proxy("haproxy", "`mode tcp`", ("haproxy", "-db", "-q", "-f", "haproxy.cfg"), _haproxy),
    Proxy("caddy", "", ("caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"), _caddy),
    Proxy("docker-proxy", "", ("sh", "-c", _DOCKER), _none),
]


@contextlib.contextmanager
def running(proxy: Proxy, url: str) -> Iterator[str]:
    """Run a proxy in front of mockai; yield its URL."""
    port, to = _free_port(), urlsplit(url).port or 80
    with tempfile.TemporaryDirectory(prefix="mockai-proxy-") as directory:
        for name, text in proxy.files(port, to, proxy.setting).items():
            Path(directory, name).write_text(text, encoding="utf-8")
        process = subprocess.Popen(
            [word.format(port=port, to=to) for word in proxy.command],
            cwd=directory,
            env={**os.environ, "HOME": directory, "XDG_DATA_HOME": directory},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_open(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


def _wait_open(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until something listens. Raises `RuntimeError` when the program has ended instead."""
    while True:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise RuntimeError(f"{process.args!r} ended with {process.wait(0.02)}")


# ── what a proxy does ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Facts:
    """The cells of a row."""

    events: str
    close: str
    reset: str
    half_close: str
    whole: str
    deaf: str
    headers: str

    def row(self, name: str) -> str:
        """Return the row of the table."""
        cells = [
            self.events,
            self.close,
            self.reset,
            self.half_close,
            self.whole,
            self.deaf,
            self.headers,
        ]
        return f"| {' | '.join([name, *cells])} |"


DIRECT = "nothing"
TITLES = (
    "between",
    "events come",
    "cancel by FIN",
    "by RST",
    "half-close",
    "cancel of one body",
    "a client that never reads",
    "tells of the client",
)


class Behind:
    """mockai at `url`, whose clients come to `front`."""

    def __init__(self, url: str, front: str) -> None:
        self.url, self.front = url, front

    def facts(self) -> Facts:
        """Try everything."""
        events, headers = self._events()
        return Facts(
            events=events,
            close=self._cancel(RawClient.close),
            reset=self._cancel(RawClient.reset),
            half_close=self._cancel(RawClient.half_close),
            whole=self._cancel(RawClient.close, stream=False),
            deaf=self._deaf(),
            headers=headers,
        )

    def _held(self, *, stream: bool = True) -> tuple[Control, RawClient]:
        control = Control(self.url)
        control.script(tokens=TOKENS, hold={"at_token": MIDDLE}, pace={"tokens_per_second": 1_000})
        client = RawClient(self.front)
        client.chat(control.path, stream=stream)
        control.wait_held()
        return control, client

    def _events(self) -> tuple[str, str]:
        """Say whether what was sent before a silence arrives in it, and who asked."""
        control, client = self._held()
        client.sock.settimeout(PATIENCE_S)
        try:
            client.read_some(MIDDLE)
            come = "as sent"
        except TimeoutError:
            come = "late, in lumps"
        names = control.exchanges()[0]["request"]["headers"]
        client.close()
        told = sorted(f"`{name}`" for name in names if re.match("x-forwarded|forwarded|via", name))
        return come, ", ".join(told) or "nothing"

    def _cancel(self, leave: Callable[[RawClient], None], *, stream: bool = True) -> str:
        """Leave in a silence, and say when and how that is seen."""
        control, client = self._held(stream=stream)
        if stream:
            client.sock.settimeout(PATIENCE_S)
            with contextlib.suppress(TimeoutError):
                client.read_some(MIDDLE)
        control.mark("stop")
        leave(client)
        if not control.exchanges(outcome="cancelled", wait=PATIENCE_S):
            control.release()
        left = control.ended()
        client.close()
        return said_of(left)

    def _deaf(self) -> str:
        """Read nothing, and say how much mockai could write."""
        control = Control(self.url)
        control.script(tokens=FLOOD)
        client = RawClient(self.front, receive_buffer=SMALL)
        client.chat(control.path, stream=True)
        while not (found := control.exchanges()) or not has_settled(found[0]):
            send(self.url, "GET", "/_mockai/health")
        (deaf,) = control.exchanges()
        client.close()
        if deaf["outcome"] == "completed":
            return "all of it is taken: `completed`"
        taken = deaf["delivery"]["written_bytes"] / (1 << 20)
        return f"takes {taken:.0f} MB" if taken >= 1 else f"takes {taken * 1024:.0f} KB"


def said_of(left: dict[str, Any]) -> str:
    """Return how a cell calls an end."""
    if left["outcome"] == "completed":
        return "never: read to the end"
    seen, at = left["disconnect"]["how"], left["disconnect"]["since_mark_s"]["stop"]
    if left["disconnect"]["while_held"] is None:
        return f"`{seen}` at a write, {left['disconnect']['token'] - MIDDLE} token(s) later"
    return f"`{seen}` after {at * 1e3:.1f} ms"


def has_settled(exchange: dict[str, Any]) -> bool:
    """Say whether nothing more is taken of an answer."""
    return bool(exchange["outcome"] != "open" or exchange["delivery"]["stalled_s"] > SETTLED_S)


def alike(cell: str) -> str:
    """Return a cell without what differs from run to run."""
    return re.sub(r"\d+(\.\d+)? (ms|KB|MB|token)", r"… \2", cell)
