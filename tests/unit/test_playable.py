"""What is valid but cannot be played is refused at load, with its place in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from mockai.core.errors import ScenarioError
from mockai.core.loading import parse_scenarios, read_scenarios
from mockai.core.tokens import get_encoding

HEAD = "name: a\nreply:\n  - faker: 4\n"
CASES = [
    (
        "  - hold: {name: far, at_token: 5}\n",
        "4:23: reply.1.hold.at_token: hold at token 5: the reply has only 4 tokens of o200k_base",
    ),
    (
        "  - cut:\n      at: 3s\n",
        "5:7: reply.1.cut.at: cut at 3 s: the reply ends at 0 ms",
    ),
    (
        "  - finish: stop\npace: {ttft: 400 h, tokens_per_second: 0.00000001}\n",
        "5:1: pace: the reply would take more than a year",
    ),
    ("  - finish: stop\n  - text: more\n", "4:5: reply.1.finish: must be the last step"),
    (
        "match: {last_user: {regex: '(a|a)*$'}}\n",
        "4:21: match.last_user.regex: the pattern backtracks for ever",
    ),
]


def refusal(text: str) -> list[str]:
    """Return what is said of a text that is to be played."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenarios(text, source="s.yaml", playable=True)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("rest,said", CASES, ids=[said for _, said in CASES])
def test_it_is_refused_at_its_line_and_column(rest: str, said: str) -> None:
    """As everything else that is wrong in a file."""
    (line,) = refusal(HEAD + rest)
    assert line.startswith(f"s.yaml:{said}")


def test_each_reply_of_a_scenario_and_each_scenario_is_looked_at() -> None:
    """All that is wrong is told at once."""
    turns = "name: b\nturns:\n  - - text: hi\n  - - text: hi\n    - cut: {at_token: 9}\n"
    lines = refusal(f"{HEAD}  - hold: {{at_token: 9}}\n---\n{turns}")
    assert [line.split(": ")[:2] for line in lines] == [
        ["s.yaml:4:12", "reply.1.hold.at_token"],
        ["s.yaml:10:13", "turns.1.1.cut.at_token"],
    ]


def test_a_place_that_only_one_vocabulary_has_is_refused() -> None:
    """The model of a request decides with which its answer is counted."""
    said = "漢字漢字漢字"
    few, many = (get_encoding(name).count(said) for name in ("o200k_base", "cl100k_base"))
    assert few < many
    script = f"name: a\nreply:\n  - text: {said}\n  - hold: {{at_token: %d}}\n"
    assert said_of(script % few) == []
    (line,) = said_of(script % many)
    assert line.endswith(f"the reply has only {few} tokens of o200k_base")


def said_of(text: str) -> list[str]:
    """Return what is said of a text, if anything."""
    try:
        parse_scenarios(text, source="s.yaml", playable=True)
    except ScenarioError as error:
        return str(error).splitlines()
    return []


def test_a_pattern_that_takes_long_on_long_texts_only_is_taken() -> None:
    """What is refused is what never comes to an end."""
    for pattern in (r"(?i)tell .* story$", r"(.*a){20}", r"^(\w+\s?)*$", r"\p{Lu}+", "a++b"):
        text = f"name: a\nmatch: {{last_user: {{regex: '{pattern}'}}}}\nreply: []\n"
        assert parse_scenarios(text, source="s.yaml")


def test_files_are_to_be_played(tmp_path: Path) -> None:
    """So the server says at its start, with the file, what it could not have played."""
    file = tmp_path / "far.yaml"
    file.write_text(f"{HEAD}  - hold: {{at_token: 5}}\n")
    with pytest.raises(
        ScenarioError, match=rf"^{file}:4:12: reply.1.hold.at_token: hold at token 5"
    ):
        read_scenarios([file])
