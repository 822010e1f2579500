"""The image, built from the Dockerfile and run: by buildah, on a Debian base made here.

Needs root, buildah and mmdebstrap, and two minutes or more, so it runs only when asked for:
`MOCKAI_TEST_IMAGE=1 pytest tests/container -o faulthandler_timeout=0`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.control import send

ROOT = Path(__file__).parents[2]
TOOLS = ("buildah", "mmdebstrap")
BASE, IMAGE = "localhost/base", "localhost/mockai"
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
CA = "/etc/ssl/certs/ca-certificates.crt"

pytestmark = [
    pytest.mark.skipif(os.environ.get("MOCKAI_TEST_IMAGE") != "1", reason="MOCKAI_TEST_IMAGE=1"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a base is made and entered as root"),
]


class Buildah:
    """buildah with a storage of its own, and nothing but chroot to isolate.

    Overlays are quick; where the kernel does not allow them, every layer is a copy.
    """

    def __init__(self, storage: Path) -> None:
        self.storage = storage
        for driver in ("overlay", "vfs"):
            places = ["--root", str(storage / driver), "--runroot", str(storage / f"{driver}-run")]
            self._command = ["buildah", "--storage-driver", driver, *places]
            if subprocess.run([*self._command, "from", "scratch"], check=False).returncode == 0:
                break

    def __call__(self, *arguments: str) -> str:
        """Run a command that must succeed; return what it printed."""
        ended = subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert ended.returncode == 0, f"{arguments}\n{ended.stdout}{ended.stderr}"
        return ended.stdout.strip()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command, with pipes to what it says."""
        return subprocess.Popen(
            [*self._command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def make_base(buildah: Buildah) -> None:
    """Make the base: Debian with Python, and this machine's certificates for package downloads."""
    tar = buildah.storage / "base.tar"
    made = subprocess.run(
        ["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={PACKAGES}",
         "bookworm", str(tar)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"no Debian base can be made here: {made.stderr[-300:]}")
    container = buildah("from", "scratch")
    buildah("add", container, str(tar), "/")
    tar.unlink()
    certificates = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if certificates:
        buildah("add", container, certificates, CA)
    settings = (f"SSL_CERT_FILE={CA}", f"PIP_CERT={CA}", "UV_SYSTEM_CERTS=1")
    for setting in settings:
        buildah("config", "--env", setting, container)
    buildah("commit", "--quiet", "--rm", "--format", "docker", container, BASE)


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """The image, built once; its storage (some 1.5 GB) goes away at the end."""
    made = Buildah(tmp_path_factory.mktemp("buildah"))
    try:
        make_base(made)
        made("bud", "--isolation", "chroot", "--network", "host", "--format", "docker",
             "--build-arg", f"BASE={BASE}", "--tag", IMAGE, str(ROOT))  # fmt: skip
        yield made
    finally:
        shutil.rmtree(made.storage, ignore_errors=True)


@pytest.fixture
def container(buildah: Buildah) -> Iterator[str]:
    """A container of the image."""
    name = buildah("from", IMAGE)
    yield name
    buildah("rm", name)


class Running:
    """A container that serves: where, and the process inside."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url

    def said(self) -> str:
        """Wait for the next line on stderr."""
        stream: IO[str] | None = self.process.stderr
        assert stream is not None
        return stream.readline()

    def inner_pid(self) -> int:
        """Return the server's own process: the last of the line that buildah has started."""
        pid = self.process.pid
        while children := _children(pid):
            (pid,) = children
        return pid


def _children(pid: int) -> list[int]:
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


@contextmanager
def serving(buildah: Buildah, container: str, *options: str, **env: str) -> Iterator[Running]:
    """Run the image's own entry point and command, on a free port."""
    settings = [f"--env={name}={value}" for name, value in {"MOCKAI_PORT": "0", **env}.items()]
    process = buildah.start(
        "run", "--isolation", "chroot", *settings, *options, container, "--", "mockai", "serve"
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith("mockai ready "):
        pytest.fail(str(process.communicate()))
    running = Running(process, line.split()[2].removesuffix("/v1"))
    try:
        yield running
    finally:
        if process.poll() is None:
            os.kill(running.inner_pid(), signal.SIGTERM)
        process.communicate(timeout=30)


def config(buildah: Buildah) -> dict[str, Any]:
    """Return what the image says of itself."""
    shown: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", IMAGE))
    found: dict[str, Any] = shown["Docker"]["config"]
    return found


def test_the_image_says_how_it_is_run(buildah: Buildah) -> None:
    """Not as root, without a shell, with a health check, a signal to stop and its labels."""
    found = config(buildah)
    assert found["User"] == "65532:65532"
    assert (found["Entrypoint"], found["Cmd"]) == (["mockai"], ["serve"])
    assert found["Healthcheck"]["Test"] == ["CMD", "mockai", "health"]
    assert found["StopSignal"] == "SIGTERM"
    assert list(found["ExposedPorts"]) == ["8080/tcp"]
    title = "org.opencontainers.image.title"
    assert found["Labels"][title] == "mockai"
    assert {"MOCKAI_OPEN=1", "MOCKAI_HOST=0.0.0.0"} <= set(found["Env"])


def test_nothing_but_mockai_is_in_it(buildah: Buildah, container: str) -> None:
    """No sources, tests or history; nothing of it is writable for the user; it is small."""
    root = Path(buildah("mount", container))
    assert not (root / "src").exists()
    app = [path for path in (root / "app").rglob("*") if not path.is_symlink()]
    assert not [path for path in app if path.stat().st_mode & 0o022 or path.stat().st_uid]
    assert not [path for path in app if path.name in {".git", "test_layers.py", "uv"}]
    size = sum(path.stat().st_size for path in app if path.is_file())
    assert 50e6 < size < 100e6
    buildah("umount", container)


def test_it_serves_says_that_it_is_open_and_stops_with_0(buildah: Buildah, container: str) -> None:
    """From outside, by any name; the health check says ok; SIGTERM ends it at once."""
    with serving(buildah, container) as running:
        assert "set MOCKAI_ADMIN_TOKEN to lock the control API" in running.said()
        answer = send(running.url, "GET", "/_mockai/sessions", headers={"Host": "mockai:8080"})
        assert answer.status == 200
        port = running.url.rpartition(":")[2]
        health = ["mockai", "health"]
        run = ("run", "--isolation", "chroot", f"--env=MOCKAI_PORT={port}", container, "--")
        assert buildah(*run, *health) == "ok"
        os.kill(running.inner_pid(), signal.SIGTERM)
        assert running.process.wait(30) == 0


def test_a_token_locks_it(buildah: Buildah, container: str) -> None:
    """MOCKAI_ADMIN_TOKEN is all that it takes; /v1 and health stay open."""
    with serving(buildah, container, MOCKAI_ADMIN_TOKEN="open-sesame") as running:
        assert send(running.url, "GET", "/_mockai/sessions").status == 401
        opened = {"Authorization": "Bearer open-sesame"}
        assert send(running.url, "GET", "/_mockai/sessions", headers=opened).status == 200
        assert send(running.url, "GET", "/_mockai/health").status == 200
        assert send(running.url, "GET", "/v1/models").status == 200


def test_it_needs_no_shell_and_writes_nothing(buildah: Buildah, container: str) -> None:
    """Without any shell it serves, and no file of its root is newer afterwards: it may be `ro`."""
    root = Path(buildah("mount", container))
    for shell in ("sh", "bash", "dash", "rbash"):
        (root / "bin" / shell).unlink(missing_ok=True)
    marker = root / "marker"
    marker.touch()
    with serving(buildah, container) as running:
        chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
        scenario = {"reply": [{"text": "hello"}]}
        path = "/_mockai/sessions/default/scenarios/hi"
        assert send(running.url, "PUT", path, scenario).status == 200
        assert send(running.url, "POST", "/v1/chat/completions", chat).status == 200
    since = marker.stat().st_mtime_ns
    own = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    written = {path.relative_to(root) for path in own if path.stat().st_mtime_ns > since}
    assert written <= {Path("etc/hosts"), Path("etc/resolv.conf")}  # buildah's own
    buildah("umount", container)


def test_scenarios_are_mounted(buildah: Buildah, container: str, tmp_path: Path) -> None:
    """A folder of the host, read-only, named by MOCKAI_SCENARIOS."""
    tmp_path.chmod(0o755)
    scenario = tmp_path / "hello.yaml"
    scenario.write_text("name: hello\nreply:\n  - text: Hello from a file\n")
    scenario.chmod(0o644)
    mount = f"--volume={tmp_path}:/scenarios:ro"
    with serving(buildah, container, mount, MOCKAI_SCENARIOS="/scenarios") as running:
        chat = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
        answer = send(running.url, "POST", "/v1/chat/completions", chat)
        assert answer.body["choices"][0]["message"]["content"] == "Hello from a file"
