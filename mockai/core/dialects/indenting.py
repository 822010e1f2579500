"""JSON with indents, as the real API writes its bodies.

`json.dumps` renders in C only what has none; with an indent it goes through Python's own encoder,
which takes twice as long as this.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any


def indented(value: Any, margin: str = "  ") -> str:
    r"""Return the JSON of a value whose lines, after the first, stand behind `margin`.

    It consists of dicts with text for keys, lists, and scalars: of exactly these types.

    >>> print('{', f'  "usage": {indented({"prompt_tokens": 9, "details": []})}', '}', sep="\n")
    {
      "usage": {
        "prompt_tokens": 9,
        "details": []
      }
    }
    """
    kind, inner = type(value), f"{margin}  "
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is int:
        return str(value)
    if kind is float and isfinite(value):
        return repr(value)
    if kind is dict:
        members = [
            f"{encode_basestring_ascii(name)}: {indented(each, inner)}"
            for name, each in value.items()
        ]
        return f"{{\n{inner}{_joined(members, inner)}\n{margin}}}" if members else "{}"
    if kind is list:
        if {*map(type, value)} == {int}:  # the bytes of a token: most of all values
            items = [*map(str, value)]
        else:
            items = [indented(each, inner) for each in value]
        return f"[\n{inner}{_joined(items, inner)}\n{margin}]" if items else "[]"
    return json.dumps(value)


def _joined(texts: list[str], margin: str) -> str:
    return f",\n{margin}".join(texts)
