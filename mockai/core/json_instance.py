"""A valid instance of a JSON schema, from a seed: what a model in strict mode would answer.

Knows the keywords of OpenAI's structured outputs and the common ones beside them. Must not know:
requests, scenarios. Not looked at: `not`, `if`, `dependent*`, `patternProperties`, `contains`.

The rules: a choice is drawn from the seed until the instance is DEEP levels or LARGE values big,
then the branch that ends soonest is taken and what is optional is left out; a recursion that cannot
end is cut at MAX_DEPTH levels or MAX_VALUES values. Bounds that contradict each other give the
nearest value, and what is no schema gives {}.
"""

from __future__ import annotations

from random import Random
from typing import Any

DEEP, MAX_DEPTH = 5, 100
LARGE, MAX_VALUES = 300, 10_000
MAX_ITEMS = 1_000


def instance_of(schema: Any, seed: int) -> Any:
    """A JSON value that is valid under `schema`; the same arguments give the same value.

    Never raises for JSON-shaped input; {} for what is no schema or says nothing.

    >>> instance_of({"type": "object", "properties": {"n": {"const": 3}}}, seed=1)
    {'n': 3}
    """
    try:
        return _Maker(schema, Random(seed)).make(schema, 0)
    except RecursionError:
        return {}
