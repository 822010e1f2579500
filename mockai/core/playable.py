"""Whether a scenario that is valid can be played: it is compiled as it will be for requests.

Knows which vocabularies requests are counted with. Must not know files.
"""

from __future__ import annotations

from mockai.core.compile import compile_reply
from mockai.core.errors import UnplayableError
from mockai.core.mistakes import Mistake
from mockai.core.scenario import Scenario
from mockai.core.tokens import get_encoding

ENCODINGS = ("o200k_base", "cl100k_base")
"""A text has not the same number of tokens in both, so a hold may lie beyond its end in one."""


def unplayable(scenario: Scenario) -> list[Mistake]:
    """Return what keeps it from being played, each at its place; the first of each reply."""
    found: dict[tuple[str | int, ...], Mistake] = {}
    for encoding in map(get_encoding, ENCODINGS):
        for turn in range(len(scenario.turns or (None,))):
            for choice in range(scenario.choices_of(turn)):
                try:
                    compile_reply(scenario, encoding, turn=turn, choice=choice)
                except UnplayableError as error:
                    found.setdefault(error.loc, Mistake(error.why, error.loc))
    return list(found.values())
