"""What differs between the versions of aiohttp that mockai allows."""

from __future__ import annotations

from importlib.metadata import version

import pytest

AIOHTTP = tuple(int(part) for part in version("aiohttp").split(".")[:2])
STRICT = pytest.mark.skipif(AIOHTTP < (3, 14), reason="aiohttp before 3.14 lets it pass")
