"""What the routes of one server share."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field

from aiohttp import web

from mockai.core.policy import STOP_NOW, Policy
from mockai.core.prices import Prices, shipped_prices
from mockai.core.scenario import Scenario
from mockai.engine.pacer import Pacer
from mockai.engine.sessions import Sessions

MAX_BODY = 32 * 1024 * 1024
KEPT_BODY = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server is started. `port` 0 takes a free one; `speed` scales what is on a plan.

    `policy` bills where neither the session nor the scenario names one.
    """

    host: str = "127.0.0.1"
    port: int = 0
    scenarios: tuple[Scenario, ...] = ()
    speed: float = 1.0
    seed: int | None = None
    strict_match: bool = False
    policy: Policy = STOP_NOW
    prices: Prices = field(default_factory=shipped_prices)
    patience: float = field(default_factory=lambda: float(os.environ.get("MOCKAI_PATIENCE", "1")))


@dataclass(frozen=True, slots=True)
class State:
    """The running parts; `key_salt` makes key ids that cannot be turned back."""

    options: ServerOptions
    pacer: Pacer
    sessions: Sessions
    key_salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))


STATE: web.AppKey[State] = web.AppKey("state", State)
