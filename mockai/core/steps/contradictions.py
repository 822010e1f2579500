"""Steps that cannot all be meant: what follows an end, what no play reaches.

Asked of every scenario as it is read. Must not know how long a text is in tokens: what lies beyond
the end of a reply is found as it is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mockai.core.mistakes import Loc
from mockai.core.steps.base import Step
from mockai.core.steps.choices import ChoicesStep
from mockai.core.steps.faults import Cut, Error, Silence
from mockai.core.steps.pacing import HoldStep

Contradiction = tuple[Loc, str]
"""A path as pydantic has it (after the place of a step comes its tag), and what is wrong there."""


def contradictions(steps: Sequence[Step]) -> Iterator[Contradiction]:
    """Yield what in a reply makes no sense together."""
    for place, step in enumerate(steps):
        for number, said in enumerate(step.choices if isinstance(step, ChoicesStep) else ()):
            for at, text in contradictions(said):
                yield (place, step.kind, step.kind, number, *at), text
    for place, step in enumerate(steps[:-1]):
        if step.ends():
            yield (place, step.kind, step.kind), "must be the last step: nothing can follow it"
    yield from _never_reached(steps)


def _never_reached(steps: Sequence[Step]) -> Iterator[Contradiction]:
    """Yield the gates that lie beyond a fault which ends every play."""
    ends = {place: end for place, step in enumerate(steps) if (end := _end_of(step)) is not None}
    if not ends:
        return
    first = min(ends, key=ends.__getitem__)
    where = f"at token {ends[first]}" if ends[first] else "before the first token"
    for place, step in enumerate(steps):
        if isinstance(step, HoldStep) and (step.hold.at_token or 0) > ends[first]:
            text = f"never reached: every play ends {where}, by the {steps[first].kind}"
            yield (place, step.kind, step.kind, "at_token"), text


def _end_of(step: Step) -> int | None:
    """Return the token at which a step that names its place ends every play."""
    fault = getattr(step, step.kind, None)
    if isinstance(fault, Error | Cut | Silence) and fault.always:
        return 0 if fault.headless else fault.at_token
    return None
