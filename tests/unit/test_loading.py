"""Scenarios are read from text, files and data; what is wrong is said with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from mockai.core import yaml_marks
from mockai.core.errors import ScenarioError
from mockai.core.loading import (
    MAX_SHOWN,
    dump_scenario,
    parse_scenarios,
    read_scenarios,
    validate_model,
    validate_scenarios,
)
from mockai.core.mangling import MANGLES
from mockai.core.model import Model, Name
from mockai.core.scenario import Scenario
from mockai.core.scripted_errors import ERRORS
from mockai.core.steps import STEPS
from mockai.core.units import Duration

quick = settings(max_examples=100, deadline=None)

STORY = """\
# a story that is stopped
name: slow-story
match: {model: "gpt-4*", last_user: {contains: story}, stream: true}
reply:
  - text: "Once upon a time"
  - faker: 400
  - hold: {name: middle, at_token: 12}
  - pause: 2s
  - finish: stop
pace: {ttft: 200ms, tokens_per_second: 50}
policy: stop-now
expect:
  - cancelled: {within: 500ms, since: held, max_tokens: 20}
seed: 7
"""


def wrong(text: str | bytes, **options: Any) -> list[str]:
    """Return the lines of the error that a text gives."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenarios(text, source="s.yaml", **options)
    return str(caught.value).splitlines()


def replies(text: str) -> list[Any]:
    """Return the texts of the steps of the one scenario `a` whose reply is given."""
    (scenario,) = parse_scenarios(f"name: a\nreply:\n{text}", source="s.yaml")
    return [getattr(step, "text", step) for step in scenario.reply]


# ── what is read ─────────────────────────────────────────────────────────────────────────────


def test_a_scenario_is_read_from_yaml() -> None:
    """Each field stands where the model has it; durations are seconds."""
    (story,) = parse_scenarios(STORY, source="s.yaml")
    assert story == Scenario.model_validate(yaml.safe_load(STORY))
    assert (story.name, story.pace.ttft, story.seed) == ("slow-story", 0.2, 7)


@pytest.mark.parametrize(
    "text",
    [
        "name: a\nreply: []\n---\nname: b\nreply: []\n",
        "---\nname: a\nreply: []\n---\n---\n# nothing\n---\nname: b\nreply: []\n...\n",
        "- {name: a, reply: []}\n- {name: b, reply: []}\n",
        '[{"name": "a", "reply": []}, {"name": "b", "reply": []}]',
        "\ufeff- {name: a, reply: []}\n---\n{name: b, reply: []}\n",
    ],
    ids=["documents", "empty documents", "list", "json", "byte order mark"],
)
@pytest.mark.parametrize("encode", [str, str.encode])
def test_a_text_holds_several_scenarios(text: str, encode: Any) -> None:
    """`---` documents, a list, or both; as text or as bytes; an empty document is nothing."""
    assert [one.name for one in parse_scenarios(encode(text), source="s")] == ["a", "b"]


def test_json_keeps_what_yaml_would_read_otherwise() -> None:
    """JSON's pairs of surrogates, tabs and bare DEL are JSON's, also where no type is told."""
    text = '{"name":\t"a", "reply": [{"text": "\\ud83d\\ude00\x7f\u2028"}]}'
    for content_type in ("json", None):
        (scenario,) = parse_scenarios(text, source="s", content_type=content_type)
        assert dump_scenario(scenario)["reply"] == [{"text": "😀\x7f\u2028"}]


def test_yaml_in_braces_is_yaml() -> None:
    """What begins as JSON but is not JSON is read as YAML's flow style."""
    assert parse_scenarios("{name: a, reply: [],}", source="s")[0].name == "a"


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "1:30", "2024-01-01", "=", "0x1F"])
def test_only_true_and_false_are_booleans_and_nothing_is_a_date(word: str) -> None:
    """The words of YAML 1.1 for booleans, base 60 and dates stay text."""
    assert replies(f"- text: {word}\n") == [word]


def test_numbers_are_those_of_yaml_1_2() -> None:
    """A leading zero is decimal, and an exponent needs no dot."""
    text = "{name: a, reply: [faker: 1e3], seed: 0123, pace: {ttft: .5, tokens_per_second: 5e-1}}"
    (scenario,) = parse_scenarios(text, source="s")
    assert dump_scenario(scenario) == {
        "name": "a",
        "reply": [{"faker": {"tokens": 1000}}],
        "seed": 123,
        "pace": {"ttft": 0.5, "tokens_per_second": 0.5},
    }


def test_a_merge_key_brings_what_is_not_there() -> None:
    """The own key wins over `<<`, and of several sources the first."""
    text = """
- &a {name: a, reply: [], seed: 1, times: 1}
- &b {name: b, reply: [], seed: 2, policy: bill-in-full}
- {seed: 4, <<: *a, name: c}
- {<<: [*a, *b], name: d}
"""
    *_, third, fourth = parse_scenarios(text, source="s")
    assert (third.name, third.seed, third.times) == ("c", 4, 1)
    assert (fourth.name, fourth.seed, fourth.times) == ("d", 1, 1)
    assert fourth.policy is not None
    assert fourth.policy.name == "bill-in-full"


def test_a_quoted_merge_key_is_a_key() -> None:
    """Only the plain `<<` merges."""
    (line,) = wrong('{name: a, reply: [], "<<": {seed: 1}}')
    assert line.startswith("s.yaml:1:22: <<: unknown key '<<'")


def test_tags_of_yaml_itself_are_read() -> None:
    """`!!str 5` is text and `!!int "5"` is a number."""
    assert replies("- text: !!str 5\n") == ["5"]
    assert parse_scenarios('{name: a, reply: [], seed: !!int "5"}', source="s")[0].seed == 5


# ── what is wrong with a value ───────────────────────────────────────────────────────────────

DURATION = 'seconds as a number, or text such as "500ms", "2s", "5m", "1h", not negative'
TOP = ", ".join(Scenario.model_fields)
FAKER = "'tokens'? allowed: tokens, locale"
REASONS = "'stop', 'length', 'content_filter' or 'tool_calls'"
CODES = f"{', '.join(ERRORS)}; or no code and a status; did you mean 'rate_limit_exceeded'?"
LOCKED = "{status: 409}, or conversation_locked"
WAYS = f"{', '.join(MANGLES)}; did you mean 'crlf'?"
KINDS = f"a step is a mapping with one key of: {', '.join(STEPS)}"

MISTAKES = [
    ("faker: -3", ["6:5: reply.1.faker.tokens: must be greater than 0 (got -3)"]),
    ("faker: {tokens: 0}", ["6:13: reply.1.faker.tokens: must be greater than 0 (got 0)"]),
    ("faker: many", ["6:5: reply.1.faker.tokens: must be a whole number (got 'many')"]),
    ("faker: 1.5", ["6:5: reply.1.faker.tokens: must be a whole number (got 1.5)"]),
    ("faker:", ["6:5: reply.1.faker.tokens: must be a whole number (got nothing)"]),
    ("faker: {}", ["6:5: reply.1.faker.tokens: is required"]),
    (
        "faker: {tokens: 1, tokns: 1}",
        [
            f"6:24: reply.1.faker.tokns: unknown key 'tokns'; did you mean {FAKER}"
        ],
    ),
    ("{faker: 1, x: 2}", [f"6:5: reply.1: {KINDS} (got {{'faker': 1, 'x': 2}})"]),
    ("text: 0123", ["6:5: reply.1.text: must be text (got 123; in quotes it is text)"]),
    ("text: [a]", ["6:5: reply.1.text: must be text (got ['a'])"]),
    (
        "finish: done",
        [f"6:5: reply.1.finish: must be {REASONS} (got 'done')"],
    ),
    ("pause: 1:30", [f"6:5: reply.1.pause: not a duration: '1:30'; allowed are {DURATION}"]),
    ("pause: yes", [f"6:5: reply.1.pause: not a duration: 'yes'; allowed are {DURATION}"]),
    ("pause: -1", [f"6:5: reply.1.pause: not a duration: -1; allowed are {DURATION}"]),
    (
        f"pause: {'1' * 400}",
        [f"6:5: reply.1.pause: not a duration: {'1' * 28}...{'1' * 29}; allowed are {DURATION}"],
    ),
    (
        "error: rate_limit_exceded",
        [f"6:5: reply.1.error.code: unknown code 'rate_limit_exceded'; allowed are {CODES}"],
    ),
    (
        "error: 409",
        [f"6:5: reply.1.error.code: 409 is a status, not a code: write {LOCKED}"],
    ),
    ("hold: 12", ["6:5: reply.1.hold.name: 12 is no name: write {at_token: 12}"]),
    ("mangle: crfl", [f"6:5: reply.1.mangle.how: unknown way 'crfl'; allowed are {WAYS}"]),
    (
        "cut: {nth: 0}",
        ["6:11: reply.1.cut.nth: must be greater than or equal to 1 or a list (got 0)"],
    ),
    (
        "hold: {at_token: 1, at: done}",
        ["6:5: reply.1.hold: stands at one place: either at_token or at"],
    ),
    (
        "cut: {at_token: 1, at: 1s}",
        ["6:5: reply.1.cut: happens at one place: either at_token or at"],
    ),
    (
        "silence: {headers: true, at_token: 1}",
        ["6:5: reply.1.silence: happens before the headers, when no token is out: no at_token"],
    ),
    ("reasoning: {visible: true}", ["6:5: reply.1.reasoning: needs either tokens or text"]),
    ("reasoning: {tokens: 1, text: a}", ["6:5: reply.1.reasoning: needs either tokens or text"]),
    (
        "usage: {prompt_tokens: 3, cached_tokens: 4}",
        ["6:5: reply.1.usage: cached_tokens are some of prompt_tokens: 4 of 3"],
    ),
    (
        "hold: a b",
        ["6:5: reply.1.hold.name: must be 1 to 64 letters, digits, '_' or '-' (got 'a b')"],
    ),
]  # fmt: skip


@pytest.mark.parametrize("step,lines", MISTAKES, ids=[step[:30] for step, _ in MISTAKES])
def test_a_wrong_step_is_named_with_its_place(step: str, lines: list[str]) -> None:
    """The line says where in the file, where in the data, what is allowed, and what came."""
    text = f"# one\n# two\nname: a\nreply:\n  - text: hi\n  - {step}\n"
    assert wrong(text) == [f"s.yaml:{line}" for line in lines]


def test_a_misspelt_kind_is_told_the_one_that_is_meant() -> None:
    """Of a step and of a check (`canceled`, for one); two keys are no misspelling."""
    lines = wrong("{name: a, reply: [txt: hi, {fakr: 1, x: 2}], expect: [canceled: {}]}")
    hints = [line.partition("; did you mean ")[2].partition("? (got")[0] for line in lines]
    assert hints == ["'text'", "", "'cancelled'"]


@pytest.mark.parametrize("step", ["{shout: hi}", "hi", "7", "[]", "{}", "{text: a, faker: 1}", ""])
def test_what_is_no_step_is_told_all_the_kinds(step: str) -> None:
    """Anything but a mapping with one known key is answered with the list of them."""
    (line,) = wrong(f"name: a\nreply:\n- {step}\n")
    assert line.startswith("s.yaml:3:")
    assert f": reply.0: {KINDS} (got " in line


WHOLE = [
    ("{reply: []}", ["1:1: name: is required"]),
    ("{name: a}", ["1:1: needs either reply or turns"]),
    (
        "{name: a, turns: [[faker: 0], [text: 5]]}",
        [
            "1:20: turns.0.0.faker.tokens: must be greater than 0 (got 0)",
            "1:32: turns.1.0.text: must be text (got 5; in quotes it is text)",
        ],
    ),
    ("{name: a, turns: []}", ["1:11: turns: must have at least 1 of them (got [])"]),
    ("{name: a, reply: text}", ["1:11: reply: must be a list (got 'text')"]),
    ("{name: a, reply: [], match: }", ["1:22: match: must be a mapping (got nothing)"]),
    (
        "{name: a b, reply: []}",
        ["1:2: name: must be 1 to 64 letters, digits, '_' or '-' (got 'a b')"],
    ),
    ("{name: 7, reply: []}", ["1:2: name: must be text (got 7; in quotes it is text)"]),
    ("{name: a, reply: [], seed: x}", ["1:22: seed: must be a whole number (got 'x')"]),
    (
        "{name: a, reply: [], sede: 1}",
        [f"1:22: sede: unknown key 'sede'; did you mean 'seed'? allowed: {TOP}"],
    ),
    (
        "{name: a, reply: [finish: stop, text: b]}",
        ["1:19: reply.0.finish: must be the last step: nothing can follow it"],
    ),
    ("hello", ["1:1: must be a mapping (got 'hello')"]),
    ("- 1\n- [x]", ["1:3: 0: must be a mapping (got 1)", "2:3: 1: must be a mapping (got ['x'])"]),
]  # fmt: skip


@pytest.mark.parametrize("text,lines", WHOLE, ids=[text for text, _ in WHOLE])
def test_a_wrong_scenario_is_named_with_its_place(text: str, lines: list[str]) -> None:
    """What is missing is at its parent; what is too much is at its key."""
    assert wrong(text) == [f"s.yaml:{line}" for line in lines]


CHECKS = [
    ("{since: 3}", ["since: must be text or a mapping (got 3; in quotes it is text)"]),
    ("{since: {token: -1}}", ["since.token: must be greater than or equal to 0 (got -1)"]),
    (
        "{since: {tokne: 1}}",
        [
            "since.token: is required",
            "since.tokne: unknown key 'tokne'; did you mean 'token'? allowed: token",
        ],
    ),
    ("{while_held: []}", ["while_held: must be true or false or text (got [])"]),
    ("{where: {nth: 0}}", ["where.nth: must be greater than or equal to 1 (got 0)"]),
    ("{within: soon}", [f"within: not a duration: 'soon'; allowed are {DURATION}"]),
]


@pytest.mark.parametrize("check,said", CHECKS, ids=[check for check, _ in CHECKS])
def test_a_choice_between_forms_is_one_mistake(check: str, said: list[str]) -> None:
    """Of "text or a mapping", what is wrong within the one that was meant; else both are named."""
    lines = wrong(f"{{name: a, reply: [], expect: [cancelled: {check}]}}")
    assert [line.split(": expect.0.cancelled.")[1] for line in lines] == said


def test_a_form_that_is_told_by_its_kind_is_not_named_in_the_path() -> None:
    """`policy.notice` has tagged forms; one tag is also the name of a key."""
    lines = wrong("{name: a, reply: [], policy: {notice: {tokens: -1, foo: 2}}}")
    assert lines == [
        "s.yaml:1:40: policy.notice.tokens: must be greater than or equal to 0 (got -1)",
        "s.yaml:1:52: policy.notice.foo: unknown key 'foo'; allowed: tokens",
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_text() -> None:
    """One load tells of every mistake, of text and of meaning, sorted by line."""
    text = "seed: x\nreply: [{faker: 0}]\nname: a\nseed: 1\n---\nname: b\n---\n[*oops]"
    assert wrong(text) == [
        "s.yaml:1:1: seed: must be a whole number (got 'x')",
        "s.yaml:2:10: reply.0.faker.tokens: must be greater than 0 (got 0)",
        "s.yaml:4:1: seed: duplicate key: it stands at line 1, column 1 already",
        "s.yaml:6:1: needs either reply or turns",
        "s.yaml:8:2: not YAML: found undefined alias 'oops'",
    ]


def test_a_flood_of_mistakes_is_counted() -> None:
    """Beyond a screenful, the rest is a number."""
    lines = wrong("name: a\nreply:\n" + "- faker: 0\n" * (MAX_SHOWN + 7))
    assert len(lines) == MAX_SHOWN + 1
    assert lines[-1] == "… and 7 more"


def test_what_came_is_shortened() -> None:
    """A value of a megabyte does not fill the screen."""
    (line,) = wrong(f"{{name: a, reply: [], seed: {'x' * 1_000_000}}}")
    assert line.startswith("s.yaml:1:22: seed: must be a whole number (got 'xxx")
    assert len(line) < 200


# ── what is wrong with the text ──────────────────────────────────────────────────────────────

BEGAN = " (while parsing a flow sequence that began at line {})"
TEXTS = [
    ("", "s.yaml:1:1: no scenario in it"),
    ("# nothing\n---\n---\n", "s.yaml:1:1: no scenario in it"),
    ("[]", "s.yaml:1:1: no scenario in it"),
    (
        "name: a\nreply: []\nname: b\n",
        "s.yaml:3:1: name: duplicate key: it stands at line 1, column 1 already",
    ),
    (
        "name: a\nreply: []\n7: b\n",
        "s.yaml:3:1: a key must be text: put it in quotes (got '7')",
    ),
    (
        "name: a\nreply: []\ntrue: b\n",
        "s.yaml:3:1: a key must be text: put it in quotes (got 'true')",
    ),
    (
        "name: a\nreply: []\n? [x]\n: b\n",
        "s.yaml:3:3: a key must be text: put it in quotes (got a list or mapping)",
    ),
    ("name: a\nreply:\n\t- text: b\n", "s.yaml:3:1: not YAML: a tab cannot indent: use spaces"),
    (
        "name: a\nreply: [{text: b}\npace: {}\n",
        "s.yaml:3:1: not YAML: expected ',' or ']', but got '<scalar>'" + BEGAN.format(2),
    ),
    ("name: *x", "s.yaml:1:7: not YAML: found undefined alias 'x'"),
    ("name: a\nreply: \0", "s.yaml:2:8: not YAML: the character U+0000 is not allowed"),
    ("name: \ud800", "s.yaml:1:7: not YAML: the character U+D800 is not allowed"),
    (b"name: a\nreply: \xc3\xa9\xff", "s.yaml:2:9: not UTF-8: byte 0xff"),
    ('"\\UFFFFFFFF"', "s.yaml:1:4: not YAML: number or escape out of range"),
    ("a" * 5_000_001, "s.yaml:1:5000001: larger than 5 MB"),
    (b"\xc3\xa9\n" * 2_000_000, "s.yaml:1666667:3: larger than 5 MB"),
    ("[" * 5_000, "s.yaml:1:65: more than 64 levels deep"),
    ("&a [*a]", "s.yaml:1:1: more than 64 levels deep"),
    ("&a {<<: *a}", "s.yaml:1:1: more than 64 levels deep"),
    ("{name: a, reply: [], <<: 7}", "s.yaml:1:26: `<<` takes a mapping, or a list of mappings"),
]


@pytest.mark.parametrize("text,line", TEXTS, ids=[repr(text[:20]) for text, _ in TEXTS])
def test_a_text_that_cannot_be_read_says_where(text: str | bytes, line: str) -> None:
    """Syntax, encoding and size are one line each, never a traceback."""
    assert wrong(text) == [line]


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!mine", "!!binary"]
)
@pytest.mark.parametrize("value", ["ls", "[ls]", "{ls: 1}"])
def test_a_tag_makes_nothing(tag: str, value: str) -> None:
    """Objects are never built from a text, whatever it asks for."""
    lines = wrong(f"{{name: a, reply: [], seed: {tag} {value}}}")
    text = "is not allowed: only text, numbers, true, false and null are"
    assert f"s.yaml:1:28: seed: the tag {tag} {text}" in lines


def test_a_tag_that_does_not_fit_is_a_mistake() -> None:
    """`!!int x` is no number."""
    assert "s.yaml:1:28: seed: not !!int: 'x'" in wrong("{name: a, reply: [], seed: !!int x}")


def test_a_number_without_end_is_a_mistake() -> None:
    """More digits than Python reads are refused, in YAML and in JSON."""
    for text in (f"{{name: a, reply: [], seed: {'9' * 5000}}}", f'{{"seed": {"9" * 5000}}}'):
        assert any("seed: not !!int: '9" in line for line in wrong(text))


@pytest.mark.parametrize("content_type", ["yaml", "json"])
def test_a_number_beyond_all_numbers_is_a_mistake(content_type: Any) -> None:
    """`1e999` would be infinity, which JSON cannot say: what is read can always be dumped."""
    text = '{"name": "a", "reply": [{"json": 1e999}]}'
    (line,) = wrong(text, content_type=content_type)
    assert line == "s.yaml:1:34: reply.0.json: not !!float: '1e999'"


LAUGHS = [
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n",
    *(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in pairwise("abcdefgh")),
]
MERGED_LAUGHS = [
    "a: &a {x: 1}\n",
    *(f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 10)}]}}\n" for a, b in pairwise("abcdefgh")),
]


@pytest.mark.parametrize("text", ["".join(LAUGHS), "".join(MERGED_LAUGHS)])
def test_a_text_that_grows_is_refused(text: str) -> None:
    """A billion laughs, by alias or by merge, end at a bound."""
    (line,) = wrong(text)
    assert line.endswith("more than 100,000 values, aliases counted each time they are used")


def test_a_long_text_that_is_repeated_is_refused() -> None:
    """Few values, but much to say: an alias costs nothing to read, and much to send."""
    text = f"- &t {'x' * 999_999}\n" + "- *t\n" * 5
    (line,) = wrong(text)
    assert line == "s.yaml:1:3: more than 5,000,000 characters, aliases counted each time"


def test_a_flood_ends_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds while the text is parsed: the bad syntax behind it is never reached."""
    monkeypatch.setattr(yaml_marks, "MAX_NODES", 100)
    assert wrong("- a\n" * 101 + "[") == [
        "s.yaml:100:3: more than 100 values, aliases counted each time they are used"
    ]


def test_an_alias_may_repeat_what_is_small() -> None:
    """Anchors save writing; a mistake behind one is told where it stands and for each use."""
    text = """\
- {name: a, pace: &slow {ttft: 1s}, reply: &said [text: hi]}
- {name: b, pace: *slow, reply: *said}
"""
    first, second = parse_scenarios(text, source="s")
    assert (first.pace, first.reply) == (second.pace, second.reply)
    assert [line.split(": not a")[0] for line in wrong(text.replace("1s", "soon"))] == [
        "s.yaml:1:26: 0.pace.ttft",
        "s.yaml:1:26: 1.pace.ttft",
    ]


def test_a_mistake_behind_a_merge_is_told_where_it_stands() -> None:
    """`<<` brings the marks along; what is missing is told at the mapping that lacks it."""
    lines = wrong("- &a {name: a, reply: [], seed: x}\n- {<<: *a, name: b}\n- {<<: *a, seed: 1}\n")
    assert lines == [
        "s.yaml:1:27: 0.seed: must be a whole number (got 'x')",
        "s.yaml:1:27: 1.seed: must be a whole number (got 'x')",
    ]


# ── names ────────────────────────────────────────────────────────────────────────────────────


def test_two_scenarios_of_one_name_are_both_named() -> None:
    """Within one load a name is given once; the mistake tells both places."""
    assert wrong("name: a\nreply: []\n---\n\nname: a\nreply: []\n") == [
        "s.yaml:5:1: name: 'a' is the name of another scenario (s.yaml:1:1: name)"
    ]


def test_a_name_that_is_asked_for_need_not_be_written() -> None:
    """The caller's name is put in; the same one written is fine."""
    for text in ("reply: []", "{reply: [], name: a}", '{"reply": []}'):
        assert parse_scenarios(text, source="body", name="a")[0].name == "a"


@pytest.mark.parametrize(
    "text,line",
    [
        ("{reply: [], name: b}", "1:13: name: must be 'a', as asked for, or left out (got 'b')"),
        ("{reply: [], name: }", "1:13: name: must be text (got nothing)"),
        ("[{reply: []}, {reply: []}]", " one scenario 'a' is asked for (got 2)"),
    ],
)
def test_another_name_than_the_one_asked_for_is_refused(text: str, line: str) -> None:
    """A text for one name holds that one scenario and no other."""
    assert wrong(text, name="a") == [f"s.yaml:{line}"]


def test_a_bad_name_that_is_asked_for_is_a_mistake_of_the_name() -> None:
    """The caller's name obeys the same rule as a written one."""
    assert wrong("reply: []", name="a b") == [
        "s.yaml:1:1: name: must be 1 to 64 letters, digits, '_' or '-' (got 'a b')"
    ]


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("content_type", ["json", None])
def test_a_mistake_in_json_has_line_and_column(content_type: Any) -> None:
    """Also where JSON is indented by tabs, which YAML does not read."""
    text = '{\n\t"name": "a",\n\t"reply": [\n\t\t{"faker": 0}\n\t]\n}'
    assert wrong(text, content_type=content_type) == [
        "s.yaml:4:4: reply.0.faker.tokens: must be greater than 0 (got 0)"
    ]


@pytest.mark.parametrize(
    "text,line",
    [
        ('{"name": "a",\n"reply": []\n: 1}', "3:1: not JSON: Expecting ',' delimiter"),
        (
            '{"name": "a",\n\t"name": "b"}',
            "2:2: name: duplicate key: it stands at line 1, column 2",
        ),
        ('{"name": "a\x7f", "name": "b"}', " not JSON: duplicate key 'name'"),
        ("[" * 100_000, "1:65: more than 64 levels deep"),
        ('{"json": NaN}', " not JSON: not a finite number: NaN"),
        (
            f'{{"name": "a", "reply": [{{"json": {"[" * 99}{"]" * 99}}}]}}',
            " more than 64 levels deep",
        ),
        ('{"name": "a\x7f", "reply": [{"faker": 0}]}', " name: must be 1 to 64 letters"),
        ("", "1:1: not JSON: Expecting value"),
        ("null", "1:1: no scenario in it"),
        ("name: a", "1:1: not JSON: Expecting value"),
    ],
    ids=[
        "syntax",
        "twice",
        "twice, no place",
        "deep",
        "NaN",
        "too deep",
        "no place",
        "empty",
        "null",
        "yaml",
    ],
)
def test_json_that_cannot_be_read_says_where(text: str, line: str) -> None:
    """What is declared as JSON is judged as JSON; where YAML reads it otherwise, without place."""
    assert wrong(text, content_type="json")[0].startswith(f"s.yaml:{line}")


# ── plain data ───────────────────────────────────────────────────────────────────────────────


def test_plain_data_has_paths_but_no_places() -> None:
    """What came parsed, over HTTP or from Python, is named by its path."""
    with pytest.raises(ScenarioError) as caught:
        validate_scenarios([{"name": "a", "reply": [{"faker": -3}]}, {1: 2}], source="body")
    assert str(caught.value).splitlines() == [
        "body: 0.reply.0.faker.tokens: must be greater than 0 (got -3)",
        "body: 1.name: is required",
        "body: 1.1: a key must be text",
    ]


def test_plain_data_may_be_one_or_several() -> None:
    """A mapping or a list; a name asked for is put in."""
    data = {"name": "a", "reply": []}
    assert validate_scenarios(data, source="body") == validate_scenarios([data], source="body")
    assert validate_scenarios({"reply": []}, source="body", name="a")[0].name == "a"


def test_two_names_in_plain_data_are_told_by_their_paths() -> None:
    """Without lines, the path of the other one is its place."""
    data = {"name": "a", "reply": []}
    with pytest.raises(ScenarioError, match=r"^body: 1.name: 'a' is .* \(body: 0.name\)$"):
        validate_scenarios([data, data], source="body")


class Wish(Model):
    """A model that is no scenario."""

    name: Name


class Wait(Model):
    """A model with a duration."""

    wait: Duration


class Wishes(Model):
    """A model with a free choice of keys, and one of forms that are no models."""

    of: dict[str, Wish | None] = Field(default_factory=dict)
    size: Literal["big"] | int = 1


def test_a_free_key_is_part_of_the_path() -> None:
    """Behind a key that the model does not prescribe, its own keys are known again."""
    with pytest.raises(ScenarioError) as caught:
        validate_model(Wishes, {"of": {"x": {"name": "a", "nam": 1}}}, source="body")
    expected = "unknown key 'nam'; did you mean 'name'? allowed: name"
    assert str(caught.value) == f"body: of.x.nam: {expected}"


def test_a_choice_of_words_and_numbers_is_one_mistake() -> None:
    """A form that has no name of its own is no part of the path either."""
    with pytest.raises(ScenarioError, match=r"^body: size: must be 'big' or a whole number \(got"):
        validate_model(Wishes, {"size": "small"}, source="body")


def nested(levels: int) -> list[Any]:
    """Return a list in a list in a list."""
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value,line",
    [
        (nested(100_000), "body: more than 64 levels deep"),
        (10**5000, "body: reply.0.pause: cannot be used: a very long number"),
    ],
    ids=["deep", "long"],
)
def test_data_that_cannot_be_printed_is_a_mistake(value: Any, line: str) -> None:
    """What is too deep or too long for Python to print does not break the message."""
    with pytest.raises(ScenarioError) as caught:
        validate_scenarios({"name": "a", "reply": [{"pause": value}]}, source="body")
    assert str(caught.value) == line


def test_a_model_that_goes_too_deep_is_a_mistake() -> None:
    """What a validator cannot print for its depth is said of the whole."""
    with pytest.raises(ScenarioError, match=r"^body: nested too deeply$"):
        validate_model(Wait, {"wait": nested(100_000)}, source="body")


def test_any_model_is_validated_in_the_same_words() -> None:
    """The control API's other bodies are refused as a scenario is."""
    assert validate_model(Wish, {"name": "a"}, source="body").name == "a"
    with pytest.raises(ScenarioError, match=r"^body: name: is required$"):
        validate_model(Wish, {}, source="body")


def test_a_line_break_in_a_key_does_not_break_the_line() -> None:
    """One mistake is one line, whatever the keys are."""
    with pytest.raises(ScenarioError) as caught:
        validate_model(Wish, {"name": "a", "x\ny": 1}, source="body")
    assert str(caught.value) == "body: 'x\\ny': unknown key 'x\\ny'; allowed: name"


# ── files ────────────────────────────────────────────────────────────────────────────────────


def write(folder: Path, **texts: str) -> None:
    """Write `NAME_SUFFIX` as NAME.SUFFIX."""
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    """YAML and JSON files count; the schema beside them, notes and subfolders do not."""
    write(
        tmp_path,
        b_yml="{name: b, reply: []}",
        a_json='{"name": "a", "reply": []}',
        c_YAML="{name: c, reply: []}",
        scenario_schema_json="{}",
        notes_txt="-",
    )
    (tmp_path / "folder.yaml").mkdir()
    assert [one.name for one in read_scenarios([tmp_path])] == ["a", "b", "c"]
    named = [tmp_path / "c.YAML", tmp_path / "a.json"]
    assert [one.name for one in read_scenarios(named)] == ["c", "a"]
    assert read_scenarios([]) == []


def test_a_file_of_any_name_may_be_named(tmp_path: Path) -> None:
    """A file that is asked for is read, whatever its suffix."""
    write(tmp_path, story_txt="{name: a, reply: []}")
    assert read_scenarios([tmp_path / "story.txt"])[0].name == "a"


def test_a_json_file_is_json(tmp_path: Path) -> None:
    """YAML in a file that says JSON is refused: other tools would not read it."""
    write(tmp_path, a_json="{name: a, reply: []}")
    with pytest.raises(ScenarioError, match=r"a\.json:1:2: not JSON: "):
        read_scenarios([tmp_path])


def test_the_mistakes_of_all_files_are_told(tmp_path: Path) -> None:
    """Each mistake names its file; a name that two files give is told with both."""
    write(tmp_path, a_yaml="{name: a, reply: []}", b_yaml="{name: b}", c_yaml="reply: []\nname: a")
    missing, below = tmp_path / "missing", tmp_path / "a.yaml" / "x"
    first = f"{tmp_path}/a.yaml:1:2"
    with pytest.raises(ScenarioError) as caught:
        read_scenarios([missing, tmp_path, below])
    assert str(caught.value).splitlines() == [
        f"{missing}: cannot be read: No such file or directory",
        f"{tmp_path}/b.yaml:1:1: needs either reply or turns",
        f"{tmp_path}/c.yaml:2:1: name: 'a' is the name of another scenario ({first}: name)",
        f"{below}: cannot be read: Not a directory",
    ]


def test_a_link_may_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    """A folder that others may write must not make the server show files of its own."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    outside = tmp_path / "outside.yaml"
    outside.write_text("name: outside\nreply: [{text: secret}]\n")
    (folder / "link.yaml").symlink_to(outside)
    with pytest.raises(ScenarioError, match=r"link\.yaml: a link that leads out of its folder"):
        read_scenarios([folder])
    assert [found.name for found in read_scenarios([folder / "link.yaml"])] == ["outside"]


def test_a_link_within_its_folder_is_read(tmp_path: Path) -> None:
    """A mounted ConfigMap is made of such links; the folder itself may be one too."""
    data = tmp_path / "scenarios" / "..data"
    data.mkdir(parents=True)
    (data / "a.yaml").write_text("name: a\nreply: [{text: hi}]\n")
    (data.parent / "a.yaml").symlink_to(data / "a.yaml")
    linked = tmp_path / "linked"
    linked.symlink_to(data.parent)
    assert [found.name for found in read_scenarios([linked])] == ["a"]


def test_a_folder_without_scenarios_is_a_mistake(tmp_path: Path) -> None:
    """Who names a folder expects something in it."""
    with pytest.raises(ScenarioError, match=r": no scenario in it: no \*\.yaml, \*\.yml"):
        read_scenarios([tmp_path])


# ── there and back ───────────────────────────────────────────────────────────────────────────

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
NTH = st.integers(1, 9) | st.lists(st.integers(1, 9), min_size=1, max_size=2)
SECONDS = st.floats(0, 1e6) | st.sampled_from(["250ms", "2s", "5m", "1h"])
TOKENS = st.integers(1, 250_000)  # four of them are as many as a scenario may have
WORDS = st.text(max_size=20) | st.sampled_from(["no", "1e3", "0123", "1:30", "~", "=", "<<", " #"])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
JSONS = st.dictionaries(WORDS, JSON, max_size=2)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return mappings with any of these keys."""
    return st.fixed_dictionaries({}, optional=fields)


STEP = st.one_of(
    st.fixed_dictionaries({"text": WORDS}),
    st.fixed_dictionaries({"json": JSON}),
    st.fixed_dictionaries({"keepalive": NAMES | st.just("keep-alive")}),
    st.fixed_dictionaries({"error": st.just("server_error") | optional(status=st.just(500))}),
    st.fixed_dictionaries({"cut": st.just("reset") | optional(at=SECONDS, nth=NTH)}),
    st.fixed_dictionaries(
        {"tool_call": st.fixed_dictionaries({"name": NAMES, "arguments": JSONS})}
    ),
    st.fixed_dictionaries({"faker": TOKENS | st.fixed_dictionaries({"tokens": TOKENS})}),
    st.fixed_dictionaries({"hold": NAMES | optional(name=NAMES, at_token=TOKENS, timeout=SECONDS)}),
    st.fixed_dictionaries({"pause": SECONDS}),
)
CANCELLED = optional(  # what needs a gate is in test_expecting
    within=SECONDS,
    since=NAMES.filter(lambda name: name != "held") | st.fixed_dictionaries({"token": TOKENS}),
    while_held=st.just(False),
    where=optional(scenario=NAMES, nth=TOKENS),
).filter(lambda said: "since" in said or "within" not in said)
BILLED = st.fixed_dictionaries(
    {"max_tokens": TOKENS}, optional={"max_cost_usd": st.decimals(0, 1, places=6).map(str)}
)
POLICIES = st.sampled_from(["stop-now", "bill-in-full"]) | optional(
    notice=SECONDS | st.just("never") | st.fixed_dictionaries({"tokens": TOKENS}),
    charge=st.sampled_from(["full", "none"]),
)
SCENARIOS = st.fixed_dictionaries(
    {"name": NAMES, "reply": st.lists(STEP, max_size=4)},
    optional={
        "match": optional(
            model=WORDS,
            stream=st.booleans(),
            last_user=optional(contains=WORDS),
            nth=NTH,
            json=JSONS,
        ),
        "pace": optional(ttft=SECONDS, tokens_per_second=st.floats(0.1, 1e6)),
        "policy": POLICIES,
        "expect": st.lists(
            st.fixed_dictionaries({"cancelled": CANCELLED})
            | st.fixed_dictionaries({"billed": BILLED}),
            max_size=2,
        ),
        "seed": st.integers(),
        "times": TOKENS,
    },
)


TURNS = st.lists(st.lists(STEP, max_size=2), min_size=1, max_size=2)


def with_turns(data: dict[str, Any], turns: list[Any] | None) -> Scenario:
    """Return a scenario with these turns in place of its reply."""
    changed = {} if turns is None else {"reply": None, "turns": turns}
    return Scenario.model_validate(data | changed)


@quick
@given(st.builds(with_turns, SCENARIOS, st.none() | TURNS))
@example(with_turns({"name": "a", "reply": [{"json": None}, {"keepalive": "keep-alive"}]}, None))
def test_what_is_dumped_reads_back_equal(scenario: Scenario) -> None:
    """The dump is plain data that says the same as data, as JSON and as YAML."""
    data = dump_scenario(scenario)
    as_yaml = yaml.safe_dump(data, default_style='"', allow_unicode=True)
    assert validate_scenarios(data, source="dump") == [scenario]
    assert parse_scenarios(json.dumps(data), source="dump", content_type="json") == [scenario]
    assert parse_scenarios(as_yaml, source="dump", content_type="yaml") == [scenario]


def test_a_dump_says_only_what_is_not_default() -> None:
    """Steps stay mappings with one key; durations are seconds; defaults are left out."""
    (story,) = parse_scenarios(STORY, source="s")
    assert dump_scenario(story) == {
        "name": "slow-story",
        "match": {"model": "gpt-4*", "last_user": {"contains": "story"}, "stream": True},
        "reply": [
            {"text": "Once upon a time"},
            {"faker": {"tokens": 400}},
            {"hold": {"name": "middle", "at_token": 12}},
            {"pause": 2.0},
            {"finish": "stop"},
        ],
        "pace": {"ttft": 0.2, "tokens_per_second": 50.0},
        "policy": "stop-now",
        "expect": [{"cancelled": {"within": 0.5, "since": "held", "max_tokens": 20}}],
        "seed": 7,
    }


# ── whatever comes ───────────────────────────────────────────────────────────────────────────

CHARACTERS = "-:,?[]{}&*!|>'\"%@`#~<=.+019ae\\xuU \t\n\r\x85\u2028\ufeff"
SNIPPETS = ["\n  ", "- ", ": ", "---\n", "&a ", "*a", "<<: ", "!!int ", "!!set ", "%YAML "]
SOUP = st.lists(
    st.sampled_from([*CHARACTERS, *SNIPPETS, "name: a\n", "reply: ", "text", "faker"]),
    max_size=30,
).map("".join)


def mistakes(read: Callable[[], list[Scenario]]) -> list[str]:
    """Return the lines of the error that reading gives; none when there are scenarios."""
    try:
        found = read()
    except ScenarioError as error:
        return str(error).split("\n")
    assert found
    return []


def each_has_its_source(lines: list[str]) -> bool:
    """Return whether every line begins as a line of a mistake does."""
    return all(line.startswith(("s:", "… and")) for line in lines)


@quick
@given(st.text() | st.binary() | SOUP, st.sampled_from([None, "yaml", "json"]))
@example(STORY.replace("name", "n\u2028me"), None)
@example("? - a\n: - b", None)
@example('"\\', None)
@example("%YAML " + "9" * 5000 + ".1\n---\na", None)
def test_no_text_raises_anything_but_a_scenario_error(text: str | bytes, content_type: Any) -> None:
    """Whatever the bytes are, the answer is scenarios or the lines of one error."""
    read = partial(parse_scenarios, text, source="s", content_type=content_type)
    assert each_has_its_source(mistakes(read))


@quick
@given(st.integers(0, len(STORY)), st.integers(0, 5), SOUP)
def test_no_slip_of_the_pen_raises_anything_else(at: int, lost: int, typed: str) -> None:
    """A good file with something typed over it is scenarios or the lines of one error."""
    text = STORY[:at] + typed + STORY[at + lost :]
    assert each_has_its_source(mistakes(partial(parse_scenarios, text, source="s")))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=3)
            | st.sampled_from(["text", "faker", "hold", "pause", "since", "token"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@quick
@given(st.dictionaries(st.sampled_from(list(Scenario.model_fields)), PLAIN))
@example({"name": "a", "reply": [{"pause": 10**400}, {"faker": 10**5000}], "seed": 10**5000})
def test_no_data_raises_anything_but_a_scenario_error(data: Any) -> None:
    """Plain data of any shape is scenarios or the lines of one error."""
    assert each_has_its_source(mistakes(partial(validate_scenarios, data, source="s")))
