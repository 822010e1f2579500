"""What a scenario expects and can never see: there is nothing to count from, or no such gate.

Asked as a scenario is read. A mark cannot be foreseen, so a check that counts from one names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mockai.core.checks.base import Check
from mockai.core.checks.cancelled import Cancelled
from mockai.core.steps.base import Step
from mockai.core.steps.pacing import HoldStep


def gates_of(replies: Sequence[Sequence[Step]]) -> list[str]:
    """Return the names of the gates in some replies, as they are compiled."""
    names: dict[str, None] = {}
    for steps in replies:
        holds = [step.hold for step in steps if isinstance(step, HoldStep)]
        names |= {hold.name or f"hold-{nth}": None for nth, hold in enumerate(holds, 1)}
    return list(names)


def never_seen(check: Check, gates: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a check that nothing can fulfil, each with why."""
    if not isinstance(check, Cancelled):
        return
    if check.since == "held" and not gates:
        yield "since", "no reply has a hold to count from"
    if check.within is not None and check.since is None and not gates:
        yield (
            "within",
            "there is nothing to count from: name a mark (since: stop), or hold the reply",
        )
    if check.while_held is True and not gates:
        yield "while_held", "no reply has a hold"
    if isinstance(check.while_held, str) and check.while_held not in gates:
        known = ", ".join(gates) or "none"
        yield "while_held", f"no gate '{check.while_held}'; the gates are: {known}"
