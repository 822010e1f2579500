"""What ties a request to others: the attempt before it, the hop before it, the test's own tag."""

from __future__ import annotations

import pytest

from tests.support.control import Control
from tests.support.raw import CHAT, Connect, post, question

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def ask(connect: Connect, path: str, *headers: str, prompt: str = "Tell me") -> int:
    """Ask on a connection of its own; return the status."""
    client = connect()
    body = question(messages=[{"role": "user", "content": prompt}])
    client.send(post(path + CHAT, body, *headers))
    return client.response().status


def test_a_retry_after_an_error_is_linked_to_the_attempt_before_it(
    control: Control, connect: Connect
) -> None:
    """Each attempt names the one that it repeats; the answer's repetition repeats nothing."""
    control.script("broken", times=2, reply=[{"error": {"status": 500}}])
    control.script("whole")
    for count in range(3):
        ask(connect, control.path, f"x-stainless-retry-count: {count}")
    ask(connect, control.path)
    first, second, third, again = control.exchanges()
    assert [first["status"], second["status"], third["status"]] == [500, 500, 200]
    assert [first["retry_of"], second["retry_of"]] == [None, first["id"]]
    assert [third["retry_of"], again["retry_of"]] == [second["id"], None]
    assert [item["request"]["sdk_retry_count"] for item in (first, third, again)] == [0, 2, None]


def test_the_same_body_after_a_cancel_is_a_retry(control: Control, connect: Connect) -> None:
    """Nobody counts here: the body gives it away, and another body does not."""
    control.script(hold={"at_token": 5}, times=1)
    control.script("rest")
    client = connect()
    client.send(post(control.path + CHAT, question(stream=True)))
    control.wait_held()
    client.close()
    control.wait_for(outcome="cancelled")
    other = connect()
    other.send(post(control.path + CHAT, question(stream=False)))
    assert other.response().status == 200
    other.send(post(control.path + CHAT, question(stream=True)))
    assert other.response().status == 200
    cancelled, another, retried = control.exchanges()
    assert [another["retry_of"], retried["retry_of"]] == [None, cancelled["id"]]


def test_a_new_generation_knows_no_attempts_of_the_old(control: Control, connect: Connect) -> None:
    """What a reset has forgotten is repeated by nobody."""
    control.script(reply=[{"error": {"status": 500}}])
    ask(connect, control.path)
    control.call("POST", "reset")
    control.script()
    ask(connect, control.path, "x-stainless-retry-count: 1")
    assert [item["retry_of"] for item in control.exchanges()] == [None]


def test_a_hop_leaves_its_marks_in_the_record(control: Control, connect: Connect) -> None:
    """What a proxy says of the client before it is kept, also when several have said it."""
    control.script()
    said = {
        "forwarded": "for=192.0.2.60;proto=http",
        "traceparent": PARENT,
        "via": "1.1 front",
        "x-forwarded-host": "example.test",
        "x-forwarded-proto": "https",
    }
    hops = ["X-Forwarded-For: 192.0.2.60", "X-Forwarded-For: 192.0.2.61"]
    headers = [f"{name.title()}: {value}" for name, value in said.items()]
    ask(connect, control.path, *headers, *hops, "X-Mockai-Tag: upstream", "X-Real-Ip: 192.0.2.60")
    request = control.exchanges()[0]["request"]
    assert request["headers"].items() >= said.items()
    assert request["headers"]["x-forwarded-for"] == "192.0.2.60, 192.0.2.61"
    assert request["headers"]["x-real-ip"] is None
    assert (request["tag"], request["traceparent"]) == ("upstream", PARENT)


@pytest.mark.parametrize("how", ["tag", "trace_id"])
def test_the_two_ends_of_a_hop_find_each_other(
    control: Control, connect: Connect, how: str
) -> None:
    """An application that hands its trace or its tag on can be asked about one request of many."""
    control.script()
    ask(connect, control.path, prompt="another")
    wanted = {"tag": "user-7", "trace_id": TRACE}
    ask(connect, control.path, "X-Mockai-Tag: user-7", f"traceparent: {PARENT}")
    ask(connect, control.path, "traceparent: nonsense", prompt="a third")
    assert [item["seq"] for item in control.exchanges(**{how: wanted[how]})] == [2]


@pytest.mark.parametrize("count", ["", "-1", "1.5", "²", "9" * 5_000])
def test_a_retry_count_that_is_no_number_counts_nothing(
    control: Control, connect: Connect, count: str
) -> None:
    """What a client says of itself cannot break the record."""
    control.script()
    client = connect()
    head = f"x-stainless-retry-count: {count}"
    client.send(post(control.path + CHAT, question(), head))
    assert client.response().status == 200
    assert control.exchanges()[0]["request"]["sdk_retry_count"] is None


def test_an_exchange_shows_its_events_one_by_one(control: Control, connect: Connect) -> None:
    """What the timeline draws for people is there as JSON, in the same order."""
    control.script(hold={"at_token": 5})
    client = connect()
    client.chat(control.path, stream=True)
    control.wait_held()
    control.mark("stop")
    client.half_close()
    left = control.ended("cancelled")
    shown = control.call("GET", f"exchanges/{left['id']}")
    names = ["headers", "first_token", "held", "mark", "disconnected"]
    assert [event["name"] for event in shown["events"]] == names
    drawn = [f"{event['at_s']:.2f} {event['text']}" for event in shown["events"]]
    assert shown["timeline"] == " · ".join(drawn)
    assert [event["token"] for event in shown["events"]] == [None, 1, 5, 5, 5]
    assert shown["events"][-1]["at_s"] == left["disconnect"]["at_s"]
