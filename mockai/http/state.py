"""What the routes of one server share."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from mockai.core.door import Door
from mockai.core.keeping import Keeping
from mockai.core.leaving import HalfClose
from mockai.core.metrics import Metrics
from mockai.core.policy import STOP_NOW, Policy
from mockai.core.prices import Prices, shipped_prices
from mockai.core.scenario import Scenario
from mockai.core.units import patience_in
from mockai.engine.observers import JournalFile
from mockai.engine.pacer import Pacer
from mockai.engine.sessions import MOST_SESSIONS, Sessions
from mockai.http.crowd import Crowd
from mockai.http.processes import Processes

MAX_BODY = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server takes on: bytes of a body, connections, sessions.

    `connections` is what the limit of descriptors allows, when left out. `idle_s` is how long a
    request may take to arrive, and how long a connection may wait for its next one. `peer_s` is
    how long a machine that has vanished goes unnoticed while nothing is written, `write_s` while
    something is (left out, the system decides; a client that does not read is ended too).
    """

    body: int = MAX_BODY
    connections: int | None = None
    sessions: int = MOST_SESSIONS
    idle_s: float = 75.0
    peer_s: float = 60.0
    write_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server is started. `port` 0 takes a free one; `speed` scales what is on a plan.

    `policy` bills where neither the session nor the scenario names one. `half_close` says what a
    FIN means while an answer is under way, unless the session does.
    `is_open` lets other machines in without a token. `grace_s` is how long streams may go on
    when the server stops.
    """

    host: str = "127.0.0.1"
    port: int = 0
    scenarios: tuple[Scenario, ...] = ()
    speed: float = 1.0
    seed: int | None = None
    strict_match: bool = False
    policy: Policy = STOP_NOW
    half_close: HalfClose = "cancel"
    prices: Prices = field(default_factory=shipped_prices)
    admin_token: str | None = None
    is_open: bool = False
    allow_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    keeping: Keeping = field(default_factory=Keeping)
    limits: Limits = field(default_factory=Limits)
    journal: Path | None = None
    tell_processes: bool = False
    """Tell the processes below this one apart: what one leaks, no other can excuse."""
    grace_s: float = 0.0
    patience: float = field(default_factory=lambda: patience_in(os.environ))


@dataclass(frozen=True, slots=True)
class State:
    """The running parts; `key_salt` makes key ids that cannot be turned back."""

    options: ServerOptions
    pacer: Pacer
    sessions: Sessions
    door: Door
    crowd: Crowd
    metrics: Metrics
    journal: JournalFile | None = None
    processes: Processes | None = None
    """Who asks, where that is to be known."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the server stops: what runs may end, nothing new begins."""
    key_salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))


STATE: web.AppKey[State] = web.AppKey("state", State)
