"""The models that mockai lists, and the dated snapshot that an alias is answered with.

Any other model name is answered too, under its own name: mockai plays every model.
"""

from __future__ import annotations

from typing import Any

SNAPSHOTS = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-4": "gpt-4-0613",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "o1": "o1-2024-12-17",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
}
CREATED = 1_764_000_000  # one fixed day for all: the list is a prop, not a catalogue


def snapshot_of(model: str) -> str:
    """Return the snapshot that the real API reports for an alias; other names as they are."""
    return SNAPSHOTS.get(model, model)


def model_card(model: str) -> dict[str, Any]:
    """Return one entry of `GET /v1/models`."""
    return {
        "id": model,
        "object": "model",
        "created": CREATED,
        "owned_by": "mockai",
        "shutdown_date": None,
    }


def model_list() -> dict[str, Any]:
    """Return the body of `GET /v1/models`."""
    known = sorted({*SNAPSHOTS, *SNAPSHOTS.values()})
    return {"object": "list", "data": [model_card(model) for model in known]}
