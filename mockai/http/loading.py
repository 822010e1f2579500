"""How a process of our own loads aiohttp quickly. To be imported before all else of this layer."""

from __future__ import annotations

import os

_CERTIFICATES = "SSL_CERT_FILE"


def load_without_certificates() -> None:
    """Import aiohttp without the certificates of the system, which take a tenth of a start.

    It reads them when it is imported, for a client that a server does not use. OpenSSL takes an
    empty file for none. Not for somebody else's process, who may use that client.
    """
    before = os.environ.get(_CERTIFICATES)
    os.environ[_CERTIFICATES] = os.devnull
    try:
        import aiohttp  # noqa: F401, PLC0415 - that it is imported, and when, is the point
    finally:
        if before is None:
            del os.environ[_CERTIFICATES]
        else:
            os.environ[_CERTIFICATES] = before
