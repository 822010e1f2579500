"""Options of commands that start a server: its door, its record, its limits.

Each option stands here once: how it is asked for, and which field of `ServerOptions` it sets.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mockai.cli.options import (
    add_list,
    add_option,
    add_switch,
    body_path,
    host,
    number,
    origin,
    seconds,
    size,
    token,
)


def add_door_options(parser: argparse.ArgumentParser) -> None:
    """Add who may come in."""
    add_option(
        parser,
        "--admin-token",
        kind=token,
        is_secret=True,
        help="locks the control API: calls need 'Authorization: Bearer TOKEN'",
    )
    add_switch(
        parser, "--open", help="let other machines in without a token: the network keeps others out"
    )
    add_list(parser, "--allow-host", kind=host, help="another name that the control API answers to")
    add_list(
        parser,
        "--cors-origin",
        kind=origin,
        help="an origin whose pages may use /v1, such as http://localhost:5173; '*' for all",
    )


def add_record_options(parser: argparse.ArgumentParser) -> None:
    """Add what is kept of requests, and where."""
    add_option(
        parser,
        "--journal",
        kind=Path,
        help="file to append a line of JSON to at the receipt and at the end of each exchange",
    )
    add_list(
        parser,
        "--redact",
        kind=body_path,
        help="values of recorded bodies to leave out, such as messages[*].content",
    )
    add_switch(parser, "--no-bodies", help="keep nothing of request bodies")


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """Add how much the server takes on, and how it ends."""
    add_option(
        parser,
        "--max-body",
        kind=size,
        default=32 << 20,
        help="bytes of a request body at most; 512KB, 32MB",
    )
    add_option(
        parser,
        "--max-connections",
        kind=number,
        help="connections at once, more get 503 (default: what the limit of descriptors allows)",
    )
    add_option(
        parser, "--max-sessions", kind=number, default=1_000, help="live sessions, more get 429"
    )
    add_option(
        parser,
        "--idle-timeout",
        kind=seconds,
        default=75.0,
        help="seconds a request may take to arrive, and a connection wait for its next",
    )
    add_option(
        parser,
        "--peer-timeout",
        kind=seconds,
        default=60.0,
        help="seconds until a machine that has vanished is given up while nothing is written",
    )
    add_option(
        parser,
        "--write-timeout",
        kind=seconds,
        help="the same while something is; it also ends a client that reads nothing for so long "
        "(default: the system's, about 15 minutes)",
    )
    add_option(
        parser,
        "--grace",
        kind=seconds,
        default=1.0,
        help="seconds that streams may go on after SIGTERM; a second signal cuts them at once",
    )


def server_options(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of `ServerOptions` that these options set."""
    from mockai.core.keeping import Keeping
    from mockai.http.state import Limits

    return {
        "admin_token": asked.admin_token,
        "is_open": asked.open,
        "allow_hosts": tuple(asked.allow_host),
        "cors_origins": tuple(asked.cors_origin),
        "journal": asked.journal,
        "keeping": Keeping(bodies=not asked.no_bodies, redact=tuple(asked.redact)),
        "limits": Limits(
            body=asked.max_body,
            connections=asked.max_connections,
            sessions=asked.max_sessions,
            idle_s=asked.idle_timeout,
            peer_s=asked.peer_timeout,
            write_s=asked.write_timeout,
        ),
        "grace_s": asked.grace,
    }
