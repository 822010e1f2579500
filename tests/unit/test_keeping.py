"""What must not be recorded is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockai.core.keeping import REDACTED, Keeping, parse_path, redacted

BODY: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "secret"}, {"role": "user", "content": [{"a": 1}]}],
    "metadata": {"a": "secret", "b": {"c": "secret"}},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def keeping(*paths: str, **options: Any) -> Keeping:
    """Return a keeping that redacts these paths."""
    return Keeping(redact=tuple(map(parse_path, paths)), **options)


@pytest.mark.parametrize(
    "path, expected",
    [
        ("model", {**BODY, "model": REDACTED}),
        ("$.model", {**BODY, "model": REDACTED}),
        ("metadata.*", {**BODY, "metadata": {"a": REDACTED, "b": REDACTED}}),
        ("metadata.b.c", {**BODY, "metadata": {"a": "secret", "b": {"c": REDACTED}}}),
        ("messages", {**BODY, "messages": REDACTED}),
        ("messages[1]", {**BODY, "messages": [BODY["messages"][0], REDACTED]}),
        (
            "messages[*].content",
            {**BODY, "messages": [{"role": "user", "content": REDACTED}] * 2},
        ),
        ("nothing.of[3].the.kind", BODY),
        ("nothing", BODY),
    ],
)
def test_a_path_replaces_what_it_names_and_nothing_else(path: str, expected: object) -> None:
    """Whatever stands there, a text or a tree."""
    assert redacted(BODY, (parse_path(path),)) == expected


@pytest.mark.parametrize(
    "body",
    [
        "secret",
        ["secret"],
        [{"messages": [{"content": "secret"}]}],
        {"messages": "secret"},
        {"messages": ["secret"]},
        {"messages": {"content": "secret"}},
        {"messages": {"0": {"content": "secret"}}},
        {"messages": [[{"content": "secret"}]]},
        {"messages": [{"content": {"text": "secret"}}, {"content": None}]},
    ],
    ids=json.dumps,
)
def test_a_body_of_another_shape_hides_what_was_meant(body: object) -> None:
    """A client that gets its request wrong must not get around the path."""
    kept, _ = keeping("messages[*].content").kept(json.dumps(body).encode())
    assert b"secret" not in kept
    kept, _ = keeping("messages[*].content[*].text").kept(json.dumps(body).encode())
    assert b"secret" not in kept


def test_null_is_kept_where_the_path_would_lead_further() -> None:
    """It holds nothing, and says that nothing was there."""
    body = {"messages": [{"content": None}], "metadata": None}
    assert redacted(body, (parse_path("metadata.user"),)) == body


def test_several_paths_are_all_redacted() -> None:
    """One does not hide another that goes deeper."""
    kept, _ = keeping("metadata.b.c", "metadata.a", "messages[*].content").kept(
        json.dumps(BODY).encode()
    )
    assert b"secret" not in kept
    assert json.loads(kept)["model"] == "gpt-4o"


@pytest.mark.parametrize("text", ["", "$", "a..b", "a[", "a[x]", "a]b", "[1", "a[-1]", ".a."])
def test_a_path_that_names_nothing_is_refused(text: str) -> None:
    """A misspelt path would redact nothing, silently."""
    with pytest.raises(ValueError, match=r"messages\[\*\]\.content"):
        parse_path(text)


@pytest.mark.parametrize("raw", [b"secret", b'{"content": "secret', b"\xff\xfe", b"[" * 100_000])
def test_what_cannot_be_redacted_is_not_kept(raw: bytes) -> None:
    """A body that is no JSON has no values to replace; the record says that there was more."""
    assert keeping("content").kept(raw) == (b"", True)


def test_without_bodies_nothing_is_kept() -> None:
    """An empty body is not said to be more than empty."""
    assert Keeping(bodies=False).kept(b"secret") == (b"", True)
    assert Keeping(bodies=False).kept(b"") == (b"", False)


def test_a_long_body_is_cut_and_says_so() -> None:
    """After redaction, so that a cut never leaves a value that should be gone."""
    assert Keeping(most=4).kept(b"12345") == (b"1234", True)
    assert Keeping(most=5).kept(b"12345") == (b"12345", False)
    long = json.dumps({"a": "secret " * 1_000, "b": "x" * 100}).encode()
    kept, cut = keeping("a", most=40).kept(long)
    assert cut
    assert b"secret" not in kept


def test_only_a_keeping_that_leaves_something_out_is_private() -> None:
    """Then refusals, which quote what was sent, are not recorded word for word either."""
    assert not Keeping().is_private
    assert Keeping(bodies=False).is_private
    assert keeping("a").is_private


@given(JSON)
def test_redacting_everything_leaves_nothing(value: Any) -> None:
    """The path `*` takes every member of an object and every element of an array."""
    body = {"top": value}
    assert redacted(body, (parse_path("*"),)) == {"top": REDACTED}
    assert redacted(value, ()) == value
