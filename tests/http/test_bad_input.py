"""Whatever comes in is answered in the API's own form, harms nobody else and loses no record."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest

from tests.support.aiohttp import STRICT
from tests.support.control import Answer, Control, send
from tests.support.raw import CHAT, QUESTION, Connect, RawClient, head_of, post, question

BODY = question()
MEGA = 1 << 20


@pytest.fixture
def scripted(control: Control) -> Iterator[Control]:
    """A session with one script and one answer; in the end it still has both, and serves."""
    control.script(tokens=3)
    assert ask(control, BODY).status == 200
    yield control
    assert ask(control, BODY).status == 200
    found = control.exchanges()
    assert [item["outcome"] for item in (found[0], found[-1])] == ["completed"] * 2
    assert all(item["cause"] in (None, "refused") for item in found)
    assert [item["seq"] for item in found] == list(range(1, len(found) + 1))


def ask(control: Control, body: bytes, *headers: str) -> Answer:
    """Ask for a chat completion on a connection of its own."""
    with RawClient(control.url) as client:
        client.send(post(control.path + CHAT, body, *headers))
        return client.response()


# ── bodies ───────────────────────────────────────────────────────────────────────────────────

DIGITS = b"9" * 5_000
BAD_BODIES = {
    "empty": b"",
    "not-json": b"{",
    "two-values": b"{}{}",
    "a-list": b"[]",
    "a-number": b"3",
    "null": b"null",
    "null-bytes": b"\0\0\0",
    "not-utf-8": b'{"model": "\xff\xfe"}',
    "utf-16": BODY.decode().encode("utf-16"),
    "deep": b"[" * 100_000,
    "deep-inside": b'{"model":"m","messages":' + b"[" * 900 + b"]" * 900 + b"}",
    "nan": b'{"model":"m","messages":[],"temperature":NaN}',
    "infinite": BODY[:-1] + b', "temperature": 1e999}',
    "long-number": BODY[:-1] + b', "n": ' + DIGITS + b"}",
    "no-model": json.dumps({"messages": QUESTION["messages"]}).encode(),
    "no-messages": b'{"model": "m"}',
    "model-of-a-wrong-type": question(model=3),
    "messages-of-a-wrong-type": question(messages="Hi"),
    "a-message-of-a-wrong-type": question(messages=[3]),
    "content-of-a-wrong-type": question(messages=[{"role": "user", "content": 3}]),
    "stream-of-a-wrong-type": question(stream="yes"),
    "unknown-parameter": question(tempratur=1),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_no_request_is_refused_and_recorded(scripted: Control, name: str) -> None:
    """400 in the API's form; the record has what was sent, as far as JSON can say it."""
    answer = ask(scripted, BAD_BODIES[name])
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")
    _, refused = scripted.exchanges()
    assert (refused["cause"], refused["status"], refused["phase"]) == ("refused", 400, "receiving")
    assert refused["error"] == answer.error["message"]
    listed = scripted.try_call("GET", "exchanges").raw
    json.loads(listed, parse_constant=pytest.fail)  # NaN is no JSON


@pytest.mark.parametrize(
    "text", ["a\0b", "\ud800", "\U0001f600", "\u2028", "x" * 100_000], ids=ascii
)
def test_odd_but_valid_text_is_answered(scripted: Control, text: str) -> None:
    """Null bytes, half surrogates and long lines are text like any other."""
    messages = [{"role": "user", "content": text}]
    for stream in (False, True):
        answer = ask(scripted, question(model=text[:100], messages=messages, stream=stream))
        assert answer.status == 200
    assert json.loads(scripted.try_call("GET", "exchanges").raw)


@pytest.mark.parametrize("declares", [True, False], ids=["declared", "chunked"])
def test_a_body_that_is_too_large_is_refused_without_being_kept(
    scripted: Control, *, declares: bool
) -> None:
    """413 reaches a client that is still sending its 40 MB."""
    body = b'{"model": "' + b"x" * (40 * MEGA) + b'"}'
    if declares:
        answer = send(scripted.url, "POST", scripted.path + CHAT, body)
    else:
        with RawClient(scripted.url) as client:
            client.send(head_of("POST", scripted.path + CHAT, "Transfer-Encoding: chunked"))
            client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            answer = client.response()
    assert (answer.status, answer.error["type"]) == (413, "server_error")
    _, refused = scripted.exchanges()
    assert (refused["cause"], refused["status"]) == ("refused", 413)
    assert refused["request"]["body"] is None


def test_a_compressed_body_is_read(scripted: Control) -> None:
    """Some clients compress; the record shows what they said."""
    assert ask(scripted, gzip.compress(BODY), "Content-Encoding: gzip").status == 200
    assert scripted.exchanges()[-1]["request"]["body"] == QUESTION


@pytest.mark.parametrize(
    "body, encoding, status",
    [
        (b"not gzip", "gzip", 400),
        (BODY, "deflate", 400),
        (b"", "gzip", 400),
        (gzip.compress(b" " * 100 * MEGA), "gzip", 413),
    ],
    ids=["not-gzip", "not-deflate", "empty", "bomb"],
)
def test_a_compressed_body_that_cannot_be_read_is_the_clients_fault(
    scripted: Control, body: bytes, encoding: str, status: int
) -> None:
    """It is refused like other bad bodies: no bug of ours, so other verdicts still count."""
    answer = ask(scripted, body, f"Content-Encoding: {encoding}")
    assert answer.status == status
    assert answer.error["message"]
    assert scripted.exchanges()[-1]["cause"] == "refused"


def test_a_chunked_body_is_read(scripted: Control, connect: Connect) -> None:
    """In as many chunks, and with as many pauses, as the client likes."""
    client = connect()
    client.send(head_of("POST", scripted.path + CHAT, "Transfer-Encoding: chunked"))
    scripted.wait_for(outcome="open")
    for start in range(0, len(BODY), 10):
        part = BODY[start : start + 10]
        client.send(b"%x\r\n%b\r\n" % (len(part), part))
    client.send(b"0\r\n\r\n")
    assert client.response().status == 200


def test_a_broken_chunk_is_refused_and_ends_the_connection(
    scripted: Control, connect: Connect
) -> None:
    """Where the next request would begin cannot be known any more."""
    client = connect()
    client.send(head_of("POST", scripted.path + CHAT, "Transfer-Encoding: chunked"))
    scripted.wait_for(outcome="open")
    client.send(b"5\r\nhello\r\nnot a size\r\n")
    answer = client.response()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.error["type"] == "invalid_request_error"
    assert client.is_closed()
    assert scripted.exchanges()[-1]["cause"] == "refused"


def test_a_client_that_asks_first_is_told_to_continue(scripted: Control, connect: Connect) -> None:
    """`Expect: 100-continue` is what curl sends with a large body."""
    client = connect()
    size = f"Content-Length: {len(BODY)}"
    client.send(head_of("POST", scripted.path + CHAT, size, "Expect: 100-continue"))
    assert client.read_head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.seen = b""
    client.send(BODY)
    assert client.response().status == 200


# ── paths and methods ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/", 404),
        ("POST", "/v1/nothing", 404),
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "/v2/chat/completions", 404),
        ("GET", "/v1/%00", 404),
        ("GET", "/v1/%ff%fe", 404),
        ("GET", "/v1/../etc/passwd", 404),
        ("GET", "/s//v1/models", 404),
        ("GET", "//v1/models", 404),
        ("OPTIONS", "*", 404),
        ("CONNECT", "mockai:80", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/chat/completions", 405),
        ("OPTIONS", "/v1/chat/completions", 405),
        ("PATCH", "/v1/models", 405),
        ("POST", "/v1/models/gpt-4o", 405),
    ],
)
def test_a_path_or_method_that_is_not_served_is_refused_as_the_api_does(
    scripted: Control, connect: Connect, method: str, path: str, status: int
) -> None:
    """404 for the path, 405 with `allow` for the method."""
    client = connect()
    client.send(head_of(method, path, "Content-Length: 0"))
    answer = client.response()
    assert (answer.status, answer.error["type"]) == (status, "invalid_request_error")
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/v1/responses", "/chat/completions"])
def test_a_path_that_is_not_served_is_told_those_that_are(connect: Connect, path: str) -> None:
    """A surface of the real API that mockai lacks, and a base URL without /v1, look alike."""
    client = connect()
    client.send(head_of("POST", path, "Content-Length: 0"))
    assert client.response().error["message"] == (
        f"Invalid URL (POST {path}) (HINT: mockai serves /v1/chat/completions, /v1/models, "
        "/v1/organization/costs, /v1/organization/usage/completions)"
    )


# ── what is no HTTP ──────────────────────────────────────────────────────────────────────────

GET = b"GET /v1/models HTTP/1.1\r\nHost: mockai\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: mockai\r\n"
NO_HTTP = {
    "garbage": b"\0\xff\xfe garbage \r\n\r\n",
    "a-line": b"hello\r\n\r\n",
    "tls-hello": bytes.fromhex("16030100a5010000a10303") + b"\1" * 160,
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http-9": b"GET /v1/models HTTP/9.9\r\n\r\n",
    "unknown-method": b"BREW /v1/models HTTP/1.1\r\nHost: mockai\r\n\r\n",
    "long-line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "huge-header": GET + b"X-A: " + b"b" * 20_000 + b"\r\n\r\n",
    "many-headers": GET + b"".join(b"X-%d: 1\r\n" % number for number in range(5_000)) + b"\r\n",
    "no-colon": GET + b"no colon\r\n\r\n",
    "null-in-a-header": GET + b"X-A: a\0b\r\n\r\n",
    "no-host": b"GET /v1/models HTTP/1.1\r\n\r\n",
    "two-types": POST + b"Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n\r\n",
    "length-of-a-wrong-type": POST + b"Content-Length: many\r\n\r\n",
    "negative-length": POST + b"Content-Length: -5\r\n\r\n",
    "two-lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "length-and-chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks-by-another-name": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks-not-last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks-before-a-space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks-on-the-next-line": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "two-hosts": GET + b"Host: evil.example\r\n\r\n",
    "bare-line-feeds": b"GET /v1/models HTTP/1.1\nHost: mockai\n\n",
    "broken-first-chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nnot a size\r\n",
    "encoding-not-installed": POST + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
}


LENIENT = {"many-headers", "no-host", "two-hosts", "two-types"}  # to aiohttp before 3.14


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=STRICT if name in LENIENT else ()) for name in NO_HTTP]
)
def test_what_is_no_http_is_told_so_and_the_connection_ends(
    scripted: Control, connect: Connect, name: str
) -> None:
    """The answer has the form of every other error, in one line, and shows no traceback."""
    client = connect()
    client.send(NO_HTTP[name])
    answer = client.response()
    assert (answer.status, answer.error["code"]) == (400, "malformed_http")
    assert "\n" not in answer.error["message"]
    assert answer.headers["content-type"].startswith("application/json")
    assert client.is_closed()


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"PO",
        POST,
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ],
    ids=["nothing", "method", "head", "body", "chunk"],
)
def test_half_a_request_left_open_keeps_nobody_waiting(
    scripted: Control, connect: Connect, half: bytes
) -> None:
    """Twenty slow clients stand there, and the next one is served at once."""
    for _ in range(20):
        connect().send(half)
    assert ask(scripted, BODY).status == 200


def test_a_client_that_sends_byte_by_byte_is_served(scripted: Control, connect: Connect) -> None:
    """Slow is not wrong."""
    client = connect()
    for byte in post(scripted.path + CHAT, BODY):
        client.send(bytes([byte]))
    assert client.response().status == 200


def test_headers_that_are_no_text_do_not_spoil_the_record(scripted: Control) -> None:
    """Bytes beyond ASCII in a tag, a key or a trace are kept or left out, never a crash."""
    odd = ("X-Mockai-Tag: \u00ff\u00fe", "Authorization: Bearer \u00ff", "traceparent: \u00ff")
    assert ask(scripted, BODY, *odd).status == 200
    assert json.loads(scripted.try_call("GET", "exchanges").raw)
