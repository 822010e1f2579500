"""Gates: named places where streams hold until they are released.

A gate's name is a label: many streams can stand at it, of several scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from mockai.core.errors import ConflictError


class Holder(Protocol):
    """A stream that can stand at a gate."""

    @property
    def exchange_id(self) -> str: ...
    @property
    def scenario(self) -> str | None: ...
    @property
    def token(self) -> int: ...
    def go_on(self, *, tokens: int | None = None) -> None: ...


@dataclass(slots=True)
class Gate:
    """One gate: whether it is open for good, and who stands at it since when."""

    name: str
    is_open: bool
    held: dict[Holder, int]

    def of(self, scenario: str | None) -> Gate:
        """Return the gate as the streams of one scenario see it; all of it for `None`."""
        if scenario is None:
            return self
        own = {holder: at for holder, at in self.held.items() if holder.scenario == scenario}
        return Gate(self.name, self.is_open, own)

    def to_json(self, now_ns: int) -> dict[str, Any]:
        """Return the form of the control API; `since_s` is how long it stands already."""
        standing = [
            {
                "exchange": holder.exchange_id,
                "token": holder.token,
                "since_s": round((now_ns - since_ns) / 1e9, 6),
            }
            for holder, since_ns in self.held.items()
        ]
        return {"name": self.name, "open": self.is_open, "held": standing}


class Gates:
    """The gates of one session's generation; a gate exists once it is named."""

    def __init__(self) -> None:
        self._gates: dict[str, Gate] = {}

    def get(self, name: str) -> Gate:
        """Return a gate; an unknown one reads as closed, with nothing held."""
        return self._gates.get(name) or Gate(name, is_open=False, held={})

    def all(self) -> list[Gate]:
        """Return every gate that was reached or opened, in that order."""
        return list(self._gates.values())

    def arrive(self, name: str, holder: Holder, now_ns: int) -> bool:
        """Let a stream stand at a gate; true when the gate is open and it goes on at once."""
        gate = self._gates.setdefault(name, Gate(name, is_open=False, held={}))
        if gate.is_open:
            return True
        gate.held[holder] = now_ns
        return False

    def leave(self, name: str, holder: Holder) -> None:
        """Forget a stream that no longer stands there."""
        self.get(name).held.pop(holder, None)

    def release(
        self,
        name: str,
        *,
        everything: bool = False,
        tokens: int | None = None,
        exchange: str | None = None,
        scenario: str | None = None,
    ) -> int:
        """Let go those that are held now (of one exchange or scenario, if given); return how many.

        `everything` opens the gate for good and for all, whoever is named: nobody stands at an
        open gate. Raises `ConflictError` when nothing is held there.
        """
        if everything:
            self._gates.setdefault(name, Gate(name, is_open=True, held={})).is_open = True
            exchange = scenario = None
        standing = self.get(name).of(scenario).held
        held = [holder for holder in standing if exchange in (None, holder.exchange_id)]
        if not held and not everything:
            raise ConflictError(
                f"nothing{_narrowed(exchange, scenario)} is held at gate '{name}': "
                "wait for it to be held first"
            )
        for holder in held:
            self.leave(name, holder)
            holder.go_on(tokens=tokens)
        return len(held)


def _narrowed(exchange: str | None, scenario: str | None) -> str:
    named = (("exchange", exchange), ("scenario", scenario))
    return "".join(f" of {what} '{name}'" for what, name in named if name is not None)
