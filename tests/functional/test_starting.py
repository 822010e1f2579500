"""What a command leaves out when it starts, it leaves out for itself only."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

from mockai.cli import main

LOOK = """
import os
os.environ.pop("SSL_CERT_FILE", None)
from mockai.http.loading import load_without_certificates
load_without_certificates()
assert "SSL_CERT_FILE" not in os.environ
import aiohttp.connector
print(len(aiohttp.connector._SSL_CONTEXT_VERIFIED.get_ca_certs()))
"""


def test_a_server_of_its_own_process_reads_no_certificates() -> None:
    """It would be when aiohttp is imported; later ones are read as ever."""
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"]


def test_the_command_that_is_run_gets_its_environment_as_it_was() -> None:
    """`mockai run` hands on the certificates that the user has named."""
    show = "import os; print(os.environ['SSL_CERT_FILE'])"
    command = [sys.executable, "-m", "mockai", "run", "--", sys.executable, "-c", show]
    named = {**os.environ, "SSL_CERT_FILE": "/tmp/mine.pem"}  # noqa: S108 - nobody reads it
    done = subprocess.run(command, capture_output=True, text=True, env=named, check=False)
    assert done.stdout.strip() == "/tmp/mine.pem"  # noqa: S108


def test_the_collector_works_again_once_a_command_has_ended() -> None:
    """It waits while a command loads, in vain, what stays anyway."""
    assert main(["validate", "no-such-file.yaml"]) != 0
    assert gc.isenabled()
