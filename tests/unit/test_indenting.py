"""Bodies are indented as `json.dumps` would, whatever stands in them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mockai.core.dialects.indenting import indented

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    LEAVES | st.lists(st.integers() | st.booleans()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=JSON)
def test_any_json_is_indented_as_python_does(value: Any) -> None:
    """Numbers, escapes and what is empty included."""
    assert indented(value, "") == json.dumps(value, indent=2)


@given(value=JSON)
def test_a_member_stands_in_its_body_as_if_all_were_written_at_once(value: Any) -> None:
    """That is what the margin is for."""
    whole = json.dumps({"member": value}, indent=2)
    assert f'{{\n  "member": {indented(value)}\n}}' == whole
