"""Sessions: which scenario answers, what belongs to which world, and waiting without time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mockai.core.checks.cancelled import Cancelled
from mockai.core.checks.completed import Completed
from mockai.core.errors import FullError, NotFoundError, OpenAIError, ScenarioError
from mockai.core.exchange import Connection, RequestFacts
from mockai.core.matching import Incoming
from mockai.core.scenario import Scenario
from mockai.core.tokens import get_encoding
from mockai.engine import sessions as sessions_module
from mockai.engine.pacer import VirtualPacer
from mockai.engine.session import Session, Settings
from mockai.engine.sessions import DEFAULT, Sessions
from tests.support.facts import request_of, scenario_of
from tests.support.play import START_NS, Play, SlowLoop, session_of

HOLD_AT_3: dict[str, Any] = {"hold": {"at_token": 3}}


def answer_to(session: Session, text: str = "Hi", **asked: Any) -> str:
    """Return the name of the scenario that answers a request."""
    chosen = session.scripts.match(Incoming(request_of(text, **asked)))
    return chosen.entry.scenario.name


def answers(session: Session, count: int) -> list[str]:
    """Return who answers so many requests; "404" is a miss."""
    found = []
    for _ in range(count):
        try:
            found.append(answer_to(session))
        except OpenAIError as error:
            found.append(str(error.status))
    return found


def with_loaded(*loaded: Scenario, **settings: Any) -> Session:
    """Return a session on a server that was started with these scenarios."""
    return Session("test", SlowLoop(START_NS), loaded, Settings(**settings))


# ── which scenario ───────────────────────────────────────────────────────────────────────────


def test_the_sessions_own_come_before_those_loaded() -> None:
    """In each, the first registered that matches; being more specific does not count."""
    session = with_loaded(scenario_of(1, name="loaded"), scenario_of(1, name="never"))
    assert answer_to(session) == "loaded"
    story = {"last_user": {"contains": "story"}}
    session.scripts.register([scenario_of(1, name="a", match=story)])
    session.scripts.register([scenario_of(1, name="b"), scenario_of(1, name="c", match=story)])
    assert answer_to(session, "a story") == "a"
    assert answer_to(session, "a poem") == "b"


def test_two_that_answer_once_are_a_queue() -> None:
    """Each answers its times, then the next one does, then nobody."""
    session = session_of()
    once = [scenario_of(1, name=name, times=times) for name, times in (("a", 1), ("b", 2))]
    session.scripts.register(once)
    assert answers(session, 4) == ["a", "b", "b", "404"]


def test_those_loaded_answer_when_the_own_are_spent() -> None:
    """And each session has its own count."""
    loaded = scenario_of(1, name="loaded", times=1)
    session, other = with_loaded(loaded), with_loaded(loaded)
    session.scripts.register([scenario_of(1, name="own", times=1)])
    assert answers(session, 3) == ["own", "loaded", "404"]
    assert answers(other, 2) == ["loaded", "404"]


def test_the_default_answers_only_while_there_is_nothing_else() -> None:
    """With any script a miss is told, also when it is spent; the default never fills the gap."""
    session = session_of()
    assert answers(session, 2) == ["default", "default"]
    session.scripts.register([scenario_of(1, name="own", times=1)])
    assert answers(session, 2) == ["own", "404"]
    session.scripts.unregister("own")
    assert answers(session, 1) == ["default"]
    assert answers(session_of(strict_match=True), 1) == ["404"]


def test_a_miss_is_the_apis_404_with_the_nearest_scenario() -> None:
    """The client's log tells what differs."""
    session = session_of()
    session.scripts.register([scenario_of(1, name="own", match={"model": "o3"})])
    with pytest.raises(OpenAIError, match="'own': model: expected 'o3', got 'gpt-4o-mini'") as told:
        answer_to(session)
    assert told.value.status == 404


def test_many_choices_of_a_long_answer_are_refused_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request of a few bytes must not fill the memory: 128 times 100,000 tokens would."""
    monkeypatch.setattr("mockai.engine.scripts.MOST_TOKENS", 1_000)
    session, encoding = session_of(), get_encoding("o200k_base")
    session.scripts.register([scenario_of(8)])
    for n, made in ((125, True), (126, False)):
        asked = request_of("hi", n=n, max_tokens=1)
        chosen = session.scripts.match(Incoming(asked))
        if made:
            assert session.scripts.stage(chosen, asked, encoding).reply.choices == n
        else:
            with pytest.raises(OpenAIError, match=r"1,008 in all, where 1,000 is the most"):
                session.scripts.stage(chosen, asked, encoding)


def test_registering_again_replaces_in_place() -> None:
    """It keeps its turn and begins to count anew."""
    session = session_of()
    session.scripts.register([scenario_of(1, name="a", times=1), scenario_of(1, name="b")])
    assert answers(session, 2) == ["a", "b"]
    session.scripts.register([scenario_of(2, name="a", times=1)])
    assert answers(session, 2) == ["a", "b"]


def test_of_several_all_are_kept_or_none() -> None:
    """One that cannot be played refuses its neighbours too."""
    session = session_of()
    bad = scenario_of(4, {"hold": {"at_token": 5}}, name="bad")
    with pytest.raises(ScenarioError, match="bad: hold at token 5"):
        session.scripts.register([scenario_of(1, name="good"), bad])
    assert answer_to(session) == "default"


def test_what_is_compiled_answers_once_it_is_kept() -> None:
    """To compile changes nothing, so that it can be done on another thread."""
    scripts = session_of().scripts
    entries = scripts.compiled([scenario_of(1, name="a"), scenario_of(1, name="b")])
    assert scripts.own == {}
    scripts.keep(entries)
    assert list(scripts.own) == ["a", "b"]


def test_a_scenario_must_be_playable_for_every_model() -> None:
    """Four tokens for gpt-4o, two for gpt-4: found when it is registered, not when it is played."""
    short = scenario_of({"text": "getElementById"}, HOLD_AT_3)
    with pytest.raises(ScenarioError, match="only 2 tokens of cl100k_base"):
        session_of().scripts.register([short])
    with pytest.raises(ScenarioError, match="only 2 tokens of cl100k_base"):
        Sessions(VirtualPacer(), loaded=[short])


def test_what_is_not_there_cannot_be_dropped() -> None:
    """Those loaded at start are not the session's own."""
    session = with_loaded(scenario_of(1, name="loaded"))
    for name in ("loaded", "typo"):
        with pytest.raises(NotFoundError, match=name):
            session.scripts.unregister(name)


# ── seeds ────────────────────────────────────────────────────────────────────────────────────


def drawn(session: Session, count: int = 1) -> list[tuple[int, int]]:
    """Return ordinal and seed of so many requests."""
    chosen = [session.scripts.match(Incoming(request_of())) for _ in range(count)]
    return [(each.ordinal, each.seed) for each in chosen]


def seeds_of(name: str = "story", seed: int = 7, **settings: Any) -> list[tuple[int, int]]:
    """Return what two requests draw from a scenario in a new session."""
    session = session_of(**settings)
    session.scripts.register([scenario_of(1, name=name, seed=seed)])
    return drawn(session, 2)


def test_a_request_has_the_seed_of_its_place() -> None:
    """Another session repeats it; the next request, another seed and another scenario do not."""
    (first, one), (second, two) = seeds_of()
    assert (first, second) == (1, 2)
    assert seeds_of() == [(1, one), (2, two)]
    others = [seeds_of(seed=8), seeds_of(name="poem"), seeds_of(name="x")]
    assert len({one, two, *(seed for found in others for _, seed in found)}) == 8


def test_the_sessions_seed_is_put_in_place_of_the_scenarios() -> None:
    """So that a whole run can be given another one."""
    session = session_of(seed=9)
    session.scripts.register([scenario_of(1, seed=7)])
    other = session_of()
    other.scripts.register([scenario_of(1, seed=9)])
    assert drawn(session) == drawn(other)
    assert session.scripts.match(Incoming(request_of())).base == 9


# ── marks ────────────────────────────────────────────────────────────────────────────────────


def test_a_mark_concerns_the_exchanges_that_are_open() -> None:
    """Not those that have ended, nor those that come later; each notes its own moment."""
    session = session_of()
    ended, running = (Play(5, session=session).start() for _ in range(2))
    ended.sink.hang_up()
    running.after(0.1)
    stamp = session.mark("stop")
    later = Play(5, session=session).start()
    session.mark("stop")
    assert (stamp.name, stamp.seq) == ("stop", 1)
    assert ended.now.marks == ()
    assert [(mark.seq, mark.at_s) for mark in running.now.marks] == [(1, 0.1), (2, 0.1)]
    assert [(mark.seq, mark.at_s) for mark in later.now.marks] == [(2, 0.0)]
    assert [mark.seq for mark in session.marks] == [1, 2]


# ── reset and end ────────────────────────────────────────────────────────────────────────────


def test_a_reset_cuts_and_begins_anew() -> None:
    """It answers the old generation, cut; nothing of it is left but what was loaded at start."""
    session = with_loaded(scenario_of(1, name="loaded", times=1))
    session.scripts.register([scenario_of(1, name="own", times=1)])
    assert answers(session, 3) == ["own", "loaded", "404"]
    done, held = Play(5, session=session).start(), Play(5, HOLD_AT_3, session=session).start()
    done.sink.hang_up()
    held.after(1)
    session.mark("stop")
    generation, exchanges = session.reset()
    assert (generation, [item.outcome for item in exchanges]) == (1, ["cancelled", "failed"])
    assert (exchanges[1].cause, held.sink.aborted) == ("shutdown", True)
    assert (session.generation, session.exchanges(), session.marks) == (2, (), [])
    assert session.gates.all() == []
    assert answers(session, 2) == ["loaded", "404"]
    assert Play(5, session=session).recorder.seq == 1


def test_late_events_of_an_old_generation_land_nowhere() -> None:
    """A request that was still being read when the session was reset ends unseen."""
    session = session_of()
    old = Play(5, HOLD_AT_3, session=session)
    session.done(old.stream)  # so that the reset does not find it
    session.reset()
    old.start().after(1)
    old.sink.hang_up()
    assert old.end.outcome == "cancelled"
    assert session.exchanges() == ()
    assert session.is_idle()


def test_an_ended_session_has_cut_what_was_open() -> None:
    """Its exchanges can still be read."""
    session = session_of()
    play = Play(5, session=session).start()
    session.end()
    assert (play.end.cause, session.ended_at_ns) == ("shutdown", START_NS)
    assert [item.outcome for item in session.exchanges()] == ["failed"]


# ── the house ────────────────────────────────────────────────────────────────────────────────


def test_making_a_session_again_returns_the_live_one() -> None:
    """A PUT can be repeated; without a name each is a new one."""
    house = Sessions(VirtualPacer())
    one = house.create("one")
    assert house.create("one", Settings(speed=9)) is one
    assert house.create().id != house.create().id
    assert house.get("one") is house.find("one") is one
    assert [session.id for session in house.all()][:2] == [DEFAULT, "one"]


def test_an_ended_session_is_remembered() -> None:
    """Late calls are told that it has ended; one of the same name takes its place."""
    house = Sessions(VirtualPacer())
    old = house.create("one")
    assert house.delete("one") is old
    assert (house.find("one"), old.ended_at_ns) == (old, 0)
    with pytest.raises(
        NotFoundError, match="'one' has ended; create it: PUT /_mockai/sessions/one"
    ):
        house.get("one")
    with pytest.raises(NotFoundError, match="'two' does not exist; create it: PUT"):
        house.delete("two")
    assert house.create("one") is not old
    assert house.find("one") is house.get("one")


def test_only_so_many_ended_sessions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten."""
    monkeypatch.setattr(sessions_module, "MOST_ENDED", 2)
    house = Sessions(VirtualPacer())
    for name in ("a", "b", "c"):
        house.create(name)
        house.delete(name)
    assert [house.find(name) is not None for name in ("a", "b", "c")] == [False, True, True]


def test_the_record_of_an_ended_session_is_dropped_after_a_while() -> None:
    """Nobody can ask for it, and a thousand of them would fill the memory."""
    sessions = Sessions(VirtualPacer())
    ended = []
    for number in range(sessions_module.REMEMBERED_WHOLE + 2):
        session = sessions.create(f"s{number}")
        recorder = session.receive(RequestFacts(), Connection(), wall_s=0.0)
        session.ended(recorder.fail(0, "refused"))
        ended.append(sessions.delete(session.id))
    kept = [len(session.exchanges()) for session in ended]
    assert kept == [0, 0] + [1] * sessions_module.REMEMBERED_WHOLE
    assert sessions.find("s0") is ended[0]


def test_who_called_after_an_end_is_not_forgotten_with_the_record() -> None:
    """The end of a run tells of them all, however many sessions have ended since."""
    pacer = VirtualPacer()
    sessions = Sessions(pacer)
    session = sessions.create("first")
    session.ended(session.receive(RequestFacts(), Connection(), wall_s=0.0).fail(0, "refused"))
    pacer.advance(1)
    sessions.delete("first")
    for number in range(sessions_module.REMEMBERED_WHOLE + 1):
        late = session.receive(RequestFacts(), Connection(), wall_s=0.0)
        session.ended(late.fail(0, "refused"))
        sessions.delete(sessions.create(f"s{number}").id)
    assert len(sessions.late()) == sessions_module.REMEMBERED_WHOLE + 1


def test_a_full_house_refuses_and_evicts_nobody() -> None:
    """Who is there stays; one that ends makes room."""
    house = Sessions(VirtualPacer(), most=2)
    one = house.create("one")
    with pytest.raises(FullError, match="2 sessions are live: delete one first"):
        house.create("two")
    assert house.create("one") is one
    house.delete("one")
    assert house.create("two").id == "two"


def test_the_default_session_is_always_there() -> None:
    """Ended, it is made anew."""
    house = Sessions(VirtualPacer())
    old = house.get(DEFAULT)
    house.delete(DEFAULT)
    assert house.get(DEFAULT) is not old


def test_shutting_down_cuts_every_session() -> None:
    """Nothing goes on."""
    house = Sessions(SlowLoop(START_NS))
    plays = [Play(5, session=house.create(name)).start() for name in ("a", "b")]
    house.shut_down()
    assert [play.end.cause for play in plays] == ["shutdown", "shutdown"]


# ── who missed a gate ────────────────────────────────────────────────────────────────────────


def test_who_is_over_without_having_stood_at_a_gate_has_missed_it() -> None:
    """A wait for it can fail at once; not while another may still come, nor at an open gate."""
    session = session_of()
    assert session.missed("story", "hold-1") is None
    gone = Play(5, HOLD_AT_3, session=session).start()
    gone.sink.hang_up()
    assert session.missed("story", "hold-1") == gone.end
    assert session.missed("poem", "hold-1") is None
    coming = Play(5, HOLD_AT_3, session=session).start()
    assert session.missed("story", "hold-1") is None
    coming.after(1).sink.hang_up()
    assert session.missed("story", "hold-1") == gone.end
    session.gates.release("hold-1", everything=True)
    assert session.missed("story", "hold-1") is None


# ── waiting ──────────────────────────────────────────────────────────────────────────────────


async def turn() -> None:
    """Let all tasks run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def passing(session: Session, seconds: float) -> None:
    """Let virtual time pass, and those run whom it wakes."""
    await turn()
    session._pacer.advance(seconds)  # type: ignore[attr-defined]  # noqa: SLF001 - it is virtual
    await turn()


@pytest.mark.asyncio
async def test_a_wait_ends_as_soon_as_its_condition_holds() -> None:
    """It looks on every change, and only then."""
    session, looks = session_of(), 0

    def two_exchanges() -> bool:
        nonlocal looks
        looks += 1
        return len(session.exchanges()) == 2

    wait = asyncio.create_task(session.wait_until(two_exchanges, wait_s=60))
    await turn()
    Play(5, session=session)
    await passing(session, 10)
    assert (wait.done(), looks) == (False, 2)
    Play(5, session=session)
    assert await wait is True


@pytest.mark.asyncio
async def test_a_wait_ends_when_its_time_is_over() -> None:
    """In virtual time that takes none."""
    session = session_of()
    wait = asyncio.create_task(session.wait_until(lambda: False, wait_s=60))
    await passing(session, 59.9)
    assert not wait.done()
    await passing(session, 0.1)
    assert await wait is False
    assert await session.wait_until(lambda: False, wait_s=0) is False
    assert await session.wait_until(lambda: True, wait_s=0) is True


@pytest.mark.asyncio
async def test_a_wait_that_is_given_up_leaves_nothing_behind() -> None:
    """No deadline in the pacer, nobody to be woken."""
    session = session_of()
    wait = asyncio.create_task(session.wait_until(lambda: False, wait_s=60))
    await turn()
    assert len(session._pacer._wheel) == 1  # type: ignore[attr-defined]  # noqa: SLF001
    wait.cancel()
    await turn()
    assert wait.cancelled()
    assert len(session._pacer._wheel) == 0  # type: ignore[attr-defined]  # noqa: SLF001
    session.mark("stop")


@pytest.mark.asyncio
async def test_every_kind_of_change_wakes() -> None:
    """A request, a hold, a release, a mark, an end, a reset, the end of the session."""
    session = session_of()
    looks: list[str] = []
    asyncio_wait = asyncio.create_task(
        session.wait_until(lambda: bool(looks.append("look")), wait_s=60)
    )

    async def looked() -> bool:
        """Say whether anybody has looked since the last time."""
        await turn()
        seen, looks[:] = bool(looks), []
        return seen

    await looked()
    play = Play(5, HOLD_AT_3, session=session)
    assert await looked()
    play.start().after(1)
    assert await looked()
    session.gates.release("hold-1")
    assert await looked()
    session.mark("stop")
    assert await looked()
    play.sink.hang_up()
    assert await looked()
    session.reset()
    assert await looked()
    session.end()
    assert await looked()
    assert not await looked()
    asyncio_wait.cancel()


@pytest.mark.asyncio
async def test_a_wait_for_idleness_ends_with_the_last_stream() -> None:
    """At shutdown, what is open may end by itself within the time of grace."""
    house = Sessions(SlowLoop(START_NS))
    play = Play(5, session=house.get(DEFAULT)).start()
    drain = asyncio.create_task(house.drain(5))
    await turn()
    assert not drain.done()
    play.after(1)
    await drain
    assert play.end.outcome == "completed"


# ── checking ─────────────────────────────────────────────────────────────────────────────────

CANCELLED = Cancelled.model_validate({"within": 0.5})


@pytest.mark.asyncio
async def test_a_check_of_what_has_happened_answers_at_once() -> None:
    """Passed or failed: nothing is to be waited for."""
    session = session_of()
    Play(5, session=session).start().after(1)
    passed, failed = await session.check(
        [Completed.model_validate({}), Cancelled.model_validate({})], wait_s=60
    )
    assert (passed.passed, failed.passed, failed.settled) == (True, False, True)


@pytest.mark.asyncio
async def test_a_check_waits_for_the_client_to_leave() -> None:
    """And passes at that moment."""
    session = session_of()
    play = Play(400, session=session).start()
    play.after(0.3)
    session.mark("stop")
    task = asyncio.create_task(session.check([CANCELLED], wait_s=60))
    await passing(session, 0.4)
    assert not task.done()
    play.sink.hang_up()
    (verdict,) = await task
    assert (verdict.passed, verdict.measured_from) == (True, "mark 'stop'")


@pytest.mark.asyncio
async def test_a_check_fails_when_its_time_is_over() -> None:
    """At the limit itself it still waits; a tick later no event is needed to settle it."""
    session = session_of()
    Play(400, session=session).start().after(0.3)
    session.mark("stop")
    task = asyncio.create_task(session.check([CANCELLED], wait_s=60))
    await passing(session, 0.5)
    assert not task.done()
    await passing(session, 0.0005)
    (verdict,) = await task
    assert (verdict.passed, verdict.settled) == (False, True)


@pytest.mark.asyncio
async def test_patience_gives_more_time() -> None:
    """Limits are multiplied, the wait of the call is not."""
    session = session_of()
    play = Play(400, session=session).start()
    play.after(0.3)
    session.mark("stop")
    task = asyncio.create_task(session.check([CANCELLED], wait_s=60, patience=3))
    await passing(session, 1.4)
    assert not task.done()
    play.sink.hang_up()
    (verdict,) = await task
    assert verdict.passed


@pytest.mark.asyncio
async def test_a_check_waits_no_longer_than_it_was_told() -> None:
    """What has not settled by then is answered as it stands."""
    session = session_of()
    task = asyncio.create_task(session.check([Completed.model_validate({})], wait_s=5))
    await passing(session, 4.9)
    assert not task.done()
    await passing(session, 0.1)
    (verdict,) = await task
    assert (verdict.passed, verdict.settled) == (False, False)
    assert "no request reached mockai" in verdict.message


@pytest.mark.asyncio
async def test_a_check_sees_requests_that_come_while_it_waits() -> None:
    """`count` demands exactly so many; the call began before the first one came."""
    session = session_of()
    check = Completed.model_validate({"count": 2})
    task = asyncio.create_task(session.check([check], wait_s=60))
    await turn()
    for _ in range(2):
        assert not task.done()
        Play(5, session=session).start()
        await passing(session, 1)
    (verdict,) = await task
    assert verdict.passed


@pytest.mark.asyncio
async def test_a_late_mark_settles_a_check_that_names_it() -> None:
    """The cancel came before the mark: the check waits for the mark, and says so."""
    session = session_of()
    Play(400, session=session).start().sink.hang_up()
    task = asyncio.create_task(
        session.check([Cancelled.model_validate({"since": "stop"})], wait_s=9)
    )
    await passing(session, 0.003)
    assert not task.done()
    session.mark("stop")
    (verdict,) = await task
    assert "the cancel came 3 ms before the mark: mark first" in verdict.report
