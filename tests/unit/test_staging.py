"""From the shared reply to the one that a request gets: choices, jitter, faults of a play."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from statistics import mean, stdev
from typing import Any

import pytest

from mockai.core.compile import compile_reply
from mockai.core.errors import UnplayableError
from mockai.core.limits import limited
from mockai.core.mangling import MANGLES
from mockai.core.reply import Reply
from mockai.core.staging import FOR_GOOD_NS, Staged, jittered, joined, staged
from mockai.core.tokens import get_encoding
from tests.support.facts import reply_of, scenario_of

FIFTY = {"ttft": "200ms", "tokens_per_second": 50}
MS = 1_000_000


def choices_of(*steps: Any, n: int = 3, limits: Any = None, **fields: Any) -> Reply:
    """Return the reply of several choices; `limits` are the most tokens of each."""
    scenario, encoding = scenario_of(*steps, **fields), get_encoding("o200k_base")
    replies = [compile_reply(scenario, encoding, choice=choice) for choice in range(n)]
    if limits is not None:
        replies = [
            limited(reply, max_tokens=most) for reply, most in zip(replies, limits, strict=True)
        ]
    return joined(replies)


def stage_of(*steps: Any, ordinal: int = 1, seed: int = 0, **fields: Any) -> Staged:
    """Return the reply of one play with its faults."""
    return staged(reply_of(*steps, **fields), ordinal=ordinal, draw=Random(seed))


# ── choices ──────────────────────────────────────────────────────────────────────────────────


def test_choices_come_in_turn() -> None:
    """One delta of each, as recorded: 0, 1, 2, 0, 1, 2, ..."""
    reply = choices_of(3)
    assert [delta.choice for delta in reply.deltas] == [0, 1, 2] * 3
    assert (reply.choices, reply.total) == (3, 9)
    assert list(reply.tokens) == list(reply.sent) == [*range(10), 9]


def test_each_choice_says_something_else() -> None:
    """Drawn from the scenario's seed and its number; what is given as text is the same for all."""
    reply = choices_of({"text": "Well:"}, 8)
    said = [reply.said("content", choice) for choice in range(3)]
    assert len(set(said)) == 3
    assert all(text.startswith("Well: ") for text in said)


def test_choices_of_one_tick_leave_together() -> None:
    """A model writes them side by side: three take as long as one."""
    assert [due / MS for due in choices_of(2, pace=FIFTY).due_ns] == [0, *[200] * 3, *[220] * 4]


def test_each_choice_ends_for_its_own_reason() -> None:
    """One hits the limit, the others do not; a choice that is over says no more."""
    reply = choices_of(4, limits=[4, 2, None])
    assert [delta.choice for delta in reply.deltas] == [0, 1, 2, 0, 1, 2, 0, 2, 0, 2]
    assert [reply.reason_of(choice) for choice in range(3)] == ["stop", "length", "stop"]
    assert reply.total == 10


def test_a_stop_sequence_ends_only_the_choice_in_which_it_occurs() -> None:
    """Each choice is limited by itself."""
    scenario, encoding = scenario_of(30), get_encoding("o200k_base")
    replies = [compile_reply(scenario, encoding, choice=choice) for choice in range(3)]
    word = replies[1].said("content", 1).split()[5]
    reply = joined([limited(each, stop=[f" {word}"]) for each in replies])
    lengths = [len(reply.said("content", choice).split()) for choice in range(3)]
    assert lengths[1] == 5
    assert lengths[0] > 5


def test_comments_and_raw_bytes_come_once() -> None:
    """They belong to the stream, not to a choice."""
    reply = choices_of({"keepalive": "x"}, 1, {"raw": "y"})
    counts = [delta.channel for delta in reply.deltas]
    assert (counts.count("comment"), counts.count("raw"), counts.count("content")) == (1, 1, 3)


def test_reasoning_of_all_choices_counts() -> None:
    """It is billed for each; what is on the wire is content only."""
    reply = choices_of({"reasoning": 5}, 2)
    assert (reply.reasoning_tokens, reply.total) == (15, 21)
    assert reply.sent[-1] == 6


@pytest.mark.parametrize(
    "where,token", [({"at_token": 7}, 7), ({"at": "done"}, 12), ({"at": "first_token"}, 0)], ids=str
)
def test_a_hold_counts_the_tokens_of_all_choices(where: Any, token: int) -> None:
    """It stands where so many are out in all, and once."""
    steps = (4, {"hold": where}) if "at" in where else (9, {"hold": where})
    reply = choices_of(*steps, n=3)
    (hold,) = reply.holds
    assert hold.token == token
    assert reply.tokens[hold.frame - 1] == token


def test_one_choice_is_the_reply_itself() -> None:
    """Nothing is copied where nothing changes."""
    reply = reply_of(3)
    assert joined([reply]) is reply
    assert reply.reason_of(0) == "stop"


# ── jitter ───────────────────────────────────────────────────────────────────────────────────


def gaps_of(reply: Reply) -> list[float]:
    """Return the times between tokens, in milliseconds."""
    due = [at / MS for at in reply.due_ns]
    return [after - before for before, after in pairwise(due[1:-1])]


@pytest.mark.parametrize("spread", [0.1, 0.5, 1.0])
def test_jitter_spreads_the_gaps_and_keeps_their_mean(spread: float) -> None:
    """Lognormal: never negative, the mean is that of the pace, the spread is the one asked for."""
    gaps = gaps_of(jittered(reply_of(20_000, pace=FIFTY), spread, Random(7)))
    assert mean(gaps) == pytest.approx(20, rel=0.03)
    assert stdev(gaps) / mean(gaps) == pytest.approx(spread, rel=0.1)
    assert min(gaps) > 0


def test_jitter_is_drawn_from_the_seed() -> None:
    """The same seed gives the same times, another gives others."""
    reply = reply_of(50, pace=FIFTY)
    one, same, other = (jittered(reply, 0.3, Random(seed)) for seed in (1, 1, 2))
    assert one.due_ns == same.due_ns != other.due_ns


def test_jitter_moves_holds_with_their_frames() -> None:
    """A hold is reached when the tokens before it are out, however late that is."""
    steps = (20, {"hold": {"at_token": 10}}, {"pause": "1s"}, {"hold": "late"}, 5)
    reply = jittered(reply_of(*steps, pace=FIFTY), 0.4, Random(3))
    first, late = reply.holds
    assert first.due_ns == reply.due_ns[10]
    assert late.due_ns == reply.due_ns[20] + 1000 * MS


def test_what_is_sent_at_once_has_no_jitter() -> None:
    """No gap, nothing to spread; nor without a spread."""
    unpaced, paced = reply_of(5), reply_of(5, pace=FIFTY)
    assert jittered(unpaced, 0.5, Random(1)) is unpaced
    assert jittered(paced, 0.0, Random(1)) is paced


def test_frames_of_one_instant_stay_together() -> None:
    """Choices of one tick are one gap."""
    due = jittered(choices_of(3, pace=FIFTY), 0.5, Random(1)).due_ns
    assert due[1] == due[2] == due[3] < due[4]


# ── how often a fault happens ────────────────────────────────────────────────────────────────


def test_a_fault_can_happen_on_the_nth_play_only() -> None:
    """One number or several."""
    endings = [stage_of({"cut": {"nth": 2}}, 3, ordinal=nth).ending for nth in (1, 2, 3)]
    assert endings == ["end", "fin", "end"]
    several = [stage_of({"cut": {"nth": [1, 3]}}, 3, ordinal=nth).ending for nth in (1, 2, 3)]
    assert several == ["fin", "end", "fin"]


def test_chance_is_seeded() -> None:
    """About as often as asked for, and the same again for the same seed."""
    steps = ({"error": {"code": "server_error", "probability": 0.2}}, 3)
    one, again = ([stage_of(*steps, seed=s).ending for s in range(500)] for _ in range(2))
    assert one == again
    assert 70 <= one.count("error") <= 130


def test_a_chance_beside_another_does_not_shift_it() -> None:
    """Each fault draws once, whether it happens or not."""
    flaky = {"cut": {"probability": 0.5}}
    with_one, without = (
        [
            stage_of({"mangle": {"how": "bom", "nth": nth}}, flaky, 3, seed=s).ending
            for s in range(50)
        ]
        for nth in (1, 99)
    )
    assert with_one == without
    assert len(set(without)) == 2


# ── where a fault happens ────────────────────────────────────────────────────────────────────


def sent(stage: Staged) -> tuple[int, float]:
    """Return the tokens before the end, and when that is in milliseconds."""
    return stage.reply.total, stage.reply.due_ns[-1] / MS


@pytest.mark.parametrize(
    "steps,tokens,at_ms",
    [
        (({"cut": {"at_token": 3}}, 5), 3, 240),
        (({"cut": {"at_token": 0}}, 5), 0, 0),
        ((2, {"cut": "fin"}, 3), 2, 220),
        ((5, {"cut": "fin"}), 5, 280),
        ((2, {"pause": "1s"}, {"cut": "fin"}, 3), 2, 1220),
        (({"cut": {"at": "230ms"}}, 5), 2, 230),
        (({"cut": {"at": "220ms"}}, 5), 1, 220),
        (({"cut": {"at": 0}}, 5), 0, 0),
        ((2, {"pause": "5s"}, 2, {"cut": {"at": "1s"}}), 2, 1000),
    ],
)
def test_a_fault_happens_at_its_place(steps: Any, tokens: int, at_ms: float) -> None:
    """After so many tokens, at a time of the plan, or where it stands in the list."""
    assert sent(stage_of(*steps, pace=FIFTY)) == (tokens, at_ms)


@pytest.mark.parametrize(
    "steps,why,loc",
    [
        (
            (4, {"cut": {"at_token": 5}}),
            "cut at token 5: the reply has only 4 tokens of o200k_base",
            ("reply", 1, "cut", "at_token"),
        ),
        (
            ({"silence": {"at": "1s"}}, 4),
            "silence at 1 s: the reply ends at 0.26 s",
            ("reply", 0, "silence", "at"),
        ),
    ],
    ids=["token", "time"],
)
def test_a_fault_beyond_the_end_is_refused(steps: Any, why: str, loc: Any) -> None:
    """It would never happen; the error knows where it is written."""
    with pytest.raises(UnplayableError) as caught:
        reply_of(*steps, pace=FIFTY)
    assert (caught.value.why, caught.value.loc) == (why, loc)


def test_a_place_that_depends_on_the_request_is_not_refused() -> None:
    """The answer to another request may be long enough; in a short one it does not happen."""
    steps = ({"text": "{request.last_user}"}, {"cut": {"at_token": 5}}, {"hold": {"at_token": 5}})
    stage = stage_of(*steps, {"cut": {"at": "9s"}})
    assert (stage.ending, stage.reply.holds) == ("end", ())


@pytest.mark.parametrize("how", ["fin", "reset", "in_chunk"])
def test_a_cut_ends_the_reply_in_its_way(how: str) -> None:
    """The tail is where the connection is cut."""
    stage = stage_of(9, {"cut": {"how": how, "at_token": 4}})
    assert (stage.ending, stage.reply.total, len(stage.reply)) == (how, 4, 6)


@pytest.mark.parametrize(
    "steps,at_ms",
    [
        (({"cut": {"headers": True}}, 3), 0),
        (({"pause": "2s"}, {"cut": {"how": "reset", "headers": True}}, 3), 2000),
        ((3, {"cut": {"headers": True, "at": "9s"}}), 9000),
    ],
    ids=str,
)
def test_a_cut_can_come_before_the_headers(steps: Any, at_ms: float) -> None:
    """At once, after a pause, or at a time: nothing is said before it."""
    stage = stage_of(*steps, pace=FIFTY)
    assert stage.headless
    assert stage.ending in {"fin", "reset"}
    assert sent(stage) == (0, at_ms)


# ── errors ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "steps", [({"error": "server_error"}, 3), ({"reasoning": 5}, {"error": "server_error"}, 3)]
)
def test_an_error_before_anything_is_said_is_the_answer(steps: Any) -> None:
    """A status and a body; hidden reasoning says nothing."""
    stage = stage_of(*steps)
    assert stage.ending == "error"
    assert stage.error is not None


@pytest.mark.parametrize("before", [2, {"keepalive": "wait"}, {"raw": "x"}], ids=str)
def test_an_error_after_something_is_said_is_an_event(before: Any) -> None:
    """The status was 200 long ago."""
    stage = stage_of(before, {"error": "server_error"}, 3)
    assert stage.ending == "end"
    assert stage.error is not None


# ── silence ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "silence,frame,token",
    [({"at_token": 2}, 3, 2), ({}, 6, 5), ({"headers": True}, 0, 0), ({"at": "210ms"}, 2, 1)],
    ids=str,
)
def test_a_silence_is_a_hold_without_a_gate(silence: Any, frame: int, token: int) -> None:
    """Nobody can release it, and it lasts longer than any test."""
    (hold,) = stage_of(5, {"silence": silence}, pace=FIFTY).reply.holds
    assert (hold.name, hold.frame, hold.token, hold.timeout_ns) == ("", frame, token, FOR_GOOD_NS)


def test_a_gate_before_a_silence_stays_and_one_behind_it_goes() -> None:
    """What is never reached is no gate."""
    holds = ({"hold": {"name": "near", "at_token": 1}}, {"hold": {"name": "far", "at_token": 4}})
    stage = stage_of(5, *holds, {"silence": {"at_token": 2, "nth": 1}})
    assert [hold.name for hold in stage.reply.holds] == ["near", ""]


# ── several ──────────────────────────────────────────────────────────────────────────────────


def test_the_earlier_fault_wins() -> None:
    """Whatever the order in which they are written."""
    late, soon = {"cut": {"how": "reset", "at_token": 6}}, {"cut": {"at_token": 2}}
    for steps in ((late, soon), (soon, late)):
        stage = stage_of(9, *steps)
        assert (stage.ending, stage.reply.total) == ("fin", 2)


def test_of_two_at_one_place_the_first_wins() -> None:
    """It happens before the other can."""
    assert stage_of({"error": "slow_down"}, {"cut": "reset"}, 3).ending == "error"
    assert stage_of({"cut": "reset"}, {"error": "slow_down"}, 3).ending == "reset"


def test_a_cut_before_an_error_in_the_stream_leaves_no_error() -> None:
    """And an error before a cut leaves no cut."""
    for cut_at, error_at, ending in ((2, 4, "fin"), (4, 2, "end")):
        error = {"error": {"code": "server_error", "at_token": error_at}}
        stage = stage_of(9, {"cut": {"at_token": cut_at}}, error)
        assert (stage.ending, stage.reply.total) == (ending, 2)


# ── mangles ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "how,place",
    [
        ("crlf", None),
        ("bytewise", None),
        ("missing_done", -1),
        ("truncated_event", -1),
        ("bom", 1),
        ("malformed_json", 1),
    ],
)
def test_a_mangle_without_a_place_has_one_of_its_own(how: str, place: int | None) -> None:
    """All events, the last one, or the next."""
    assert stage_of({"mangle": how}, 5).mangles == ((place, MANGLES[how]),)


@pytest.mark.parametrize("how", ["crlf", "missing_done", "bom"])
def test_a_mangle_with_a_place_stands_there(how: str) -> None:
    """Whatever it is."""
    stage = stage_of(5, {"mangle": {"how": how, "at_token": 3}})
    assert stage.mangles == ((4, MANGLES[how]),)


def test_mangles_of_one_event_are_done_in_the_order_of_the_list() -> None:
    """The script says what comes first."""
    stage = stage_of({"mangle": "missing_done"}, {"mangle": "missing_blank_line"}, 2)
    assert [mangle.__name__ for _, mangle in stage.mangles] == [
        "missing_done",
        "missing_blank_line",
    ]


@pytest.mark.parametrize(
    "steps,swapped",
    [
        ((5, {"mangle": {"how": "reorder", "at_token": 2}}), {3}),
        ((5, {"mangle": "reorder"}), {5}),
        (({"mangle": "reorder"}, 5), {1}),
    ],
)
def test_an_event_changes_places_with_the_next(steps: Any, swapped: set[int]) -> None:
    """At the end there is no next one: there it is the one before."""
    assert stage_of(*steps).swapped == swapped


def test_hidden_reasoning_cannot_be_mangled() -> None:
    """There is nothing on the wire: what is on it next is mangled."""
    stage = stage_of({"mangle": "bom"}, {"reasoning": 4}, 2)
    assert stage.mangles[0][0] == 5
