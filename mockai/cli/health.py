"""`mockai health`: exit 0 when a server answers, 1 when it does not. Needs no curl."""

from __future__ import annotations

import argparse
import http.client
import sys
from urllib.parse import urlsplit

from mockai.cli.options import OptionError, add_option, said_by


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    port = said_by("MOCKAI_PORT") or "8080"
    add_option(parser, "--url", default=f"http://127.0.0.1:{port}", help="the server to ask")
    add_option(parser, "--timeout", kind=float, default=2.0, help="seconds to wait for an answer")


def run(asked: argparse.Namespace) -> int:
    """Ask once."""
    parts = urlsplit(asked.url)
    if parts.scheme != "http" or not parts.hostname:
        raise OptionError(f"--url must be http://HOST:PORT (got {asked.url!r})")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=asked.timeout)
    try:
        connection.request("GET", "/_mockai/health")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"mockai: {asked.url} does not answer: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    if status != http.client.OK:
        print(f"mockai: {asked.url} answered {status}", file=sys.stderr)
        return 1
    print("ok")
    return 0
