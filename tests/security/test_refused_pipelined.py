"""Requests that are refused while the response before them is still to come, or under way."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.raw_http import answer_to, connection, read_all

REFUSED = {
    b"400": b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\n"
    b"content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"431": b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + b"a:\r\n" * 101 + b"\r\n",
}
GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
STREAM, JSON = b"text/event-stream", b"application/json"


def asking(person: Person, marker: str, accept: bytes) -> bytes:
    """The bytes of an ask."""
    body = json.dumps({"question": marker}).encode()
    return (
        b"POST /api/questions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"accept: %s\r\nx-access-token: %s\r\ncontent-length: %d\r\n\r\n%s"
        % (accept, person.tokens["access_token"].encode(), len(body), body)
    )


@pytest.mark.parametrize("status", REFUSED)
def test_a_refused_request_takes_the_place_of_no_response(
    sqlite_server: ServerProcess, new_person: NewPerson, fake: FakeAnthropic, status: bytes
) -> None:
    person, marker = new_person(sqlite_server), uuid4().hex
    fake.on(marker, "the whole ", "answer")
    for first, expected in (
        (asking(person, marker, JSON), [b"201"]),
        (asking(person, marker, STREAM), [b"200"]),
        (GET, [b"200"]),
        (GET * 3, [b"200"] * 3),
    ):
        answer = answer_to(sqlite_server, first + REFUSED[status])
        *responses, last = answer.split(b"HTTP/1.1 ")[1:]
        assert [one[:3] for one in responses] == expected, answer
        assert last.startswith(status), answer
        assert b"\r\nconnection: close\r\n" in last
        if first is not GET and len(responses) == 1:
            assert b'"answer":"the whole answer"' in responses[0]


@pytest.mark.parametrize("status", REFUSED)
def test_a_refused_request_breaks_into_no_stream(
    sqlite_server: ServerProcess, new_person: NewPerson, fake: FakeAnthropic, status: bytes
) -> None:
    person, marker = new_person(sqlite_server), uuid4().hex
    reply = fake.on(marker, "the whole ", "answer", hold_after=1)
    with connection(sqlite_server) as sock:
        sock.sendall(asking(person, marker, STREAM))
        begun = b""
        while b"the whole " not in begun:
            begun += sock.recv(65_536)
        sock.sendall(REFUSED[status])
        assert answer_to(sqlite_server, GET.replace(b"1.1", b"1.0"))  # read after what came before
        reply.release()
        received = begun + read_all(sock)
    stream, _, refusal = received.rpartition(b"HTTP/1.1 ")
    assert stream.endswith(b"0\r\n\r\n"), received
    assert b"event: done" in stream
    assert refusal.startswith(status)
