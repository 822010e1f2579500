"""The environment variables that lead an OpenAI client to a session, past any proxy."""

from __future__ import annotations

import os

_LOOPBACK = "127.0.0.1"
_NO_PROXY = ("NO_PROXY", "no_proxy")


def environment(base_url: str, api_key: str) -> dict[str, str]:
    """Return the variables and their values."""
    direct = {name: _with_loopback(os.environ.get(name, "")) for name in _NO_PROXY}
    return {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": api_key, **direct}


def _with_loopback(hosts: str) -> str:
    known = [host for host in hosts.split(",") if host]
    return ",".join(known if _LOOPBACK in known else [*known, _LOOPBACK])
