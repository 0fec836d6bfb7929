"""Connections whose clients send more than they read, or speak an older or another HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx2
import psutil
import pytest

from askcli.server.protocol import protocol
from askcli.services.runs.open_streams import MOST_OF_A_USER
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.raw_http import answer_to, connection, is_open, read_all
from tests.support.servers import customized, metric, serving
from tests.support.soak import SOAK, report, seeded
from tests.support.streams import STREAM
from tests.support.waiting import eventually

MEBIBYTE = 2**20
UNREAD = 60 if SOAK else 1
PATHS = [b"/healthz", b"/openapi.json", b"/nowhere", b"/api/users/me"]
GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


def test_pipelined_requests_whose_responses_nobody_reads_fill_no_memory(
    sqlite_server: ServerProcess,
) -> None:
    process, random = psutil.Process(sqlite_server.pid), seeded()
    before = process.memory_info().rss
    with ExitStack() as connections:
        for path in random.choices(PATHS, k=UNREAD):
            request = GET.replace(b"/healthz", path)
            sock = connections.enter_context(connection(sqlite_server, window=4096))
            sock.sendall(request)
            sock.settimeout(1)
            with pytest.raises(TimeoutError):
                for _ in range(16):
                    sock.sendall(request * (MEBIBYTE // len(request)))
        grown = (process.memory_info().rss - before) / MEBIBYTE
    report(f"pipelined requests without a reader: {grown:.1f} MiB more")
    assert grown < 20 + UNREAD


# The kernel's buffer is small, so that the server notices each pause of a reader.
IMPATIENCE = """
import socket
from askcli.server.protocol import protocol

protocol.WRITE_SECONDS = 1.0
bind = socket.socket.bind

def bind_with_small_buffer(sock, address):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    bind(sock, address)

socket.socket.bind = bind_with_small_buffer
"""


@pytest.fixture(scope="module")
def impatient(
    fake: FakeAnthropic, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server on which a response must be begun within a second, as a rule thirty."""
    tmp_path = tmp_path_factory.mktemp("impatient")
    assert (protocol.WRITE_SECONDS, protocol.STREAM_WRITE_SECONDS) == (30, 300)
    more = customized(tmp_path, IMPATIENCE)
    server = serving(tmp_path, fake, new_database("sqlite"), **more)
    yield server
    assert server.stop() == 0


def test_a_response_that_nobody_takes_is_cut(
    impatient: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    """One of known length, one whose connection closes after it, and a stream."""
    person = new_person(impatient)
    fake.on("at length", *["x" * 100_000] * 10)
    question = person.ask("at length").json()["id"].encode()
    token = (
        b"host: localhost\r\nx-access-token: %s\r\n\r\n" % person.tokens["access_token"].encode()
    )
    requests = [
        b"GET /docs/files/swagger-ui-bundle.js HTTP/1.1\r\n" + token,
        b"GET /docs/files/swagger-ui-bundle.js HTTP/1.0\r\n" + token,
        b"GET /api/questions/%s HTTP/1.1\r\n" % question + token,
        b"GET /api/questions/%s/events HTTP/1.1\r\n" % question + token,
    ]
    for request in requests:
        with connection(impatient, window=4096) as sock:
            sock.sendall(request)
            assert sock.recv(10) == b"HTTP/1.1 2"
            eventually(lambda sock=sock: not is_open(impatient, sock))  # type: ignore[misc]
            assert len(read_all(sock)) < 900_000  # the rest is gone


def test_a_stream_whose_client_has_stopped_reading_has_more_time(
    impatient: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    person = new_person(impatient)
    fake.on("at length", *["x" * 100_000] * 10)
    path = f"/api/questions/{person.ask('at length').json()['id']}/events"
    token = person.tokens["access_token"]
    request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\nx-access-token: {token}\r\n\r\n"
    with connection(impatient, window=4096) as stopped, connection(impatient, 4096) as unread:
        stopped.sendall(request.encode())
        received = 0
        while received < 300_000:
            received += len(stopped.recv(65_536))
        unread.sendall(request.encode())
        eventually(lambda: not is_open(impatient, unread))
        assert is_open(impatient, stopped)


def test_a_user_has_a_number_of_open_streams_and_no_more(
    sqlite_server: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    alice, bob = new_person(sqlite_server), new_person(sqlite_server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    ask: Any = {"url": "/api/questions", "json": {"question": marker}, "headers": STREAM}
    with ExitStack() as streams, alice.at(sqlite_server) as http:  # a client has 100 connections
        asked = streams.enter_context(alice.http.stream("POST", **ask))
        events = iter(httpx2.EventSource(asked))  # kept: its end closes the response
        question = json.loads(next(events).data)
        path = f"/api/questions/{question['id']}/events"
        for _ in range(MOST_OF_A_USER - 1):
            follower = streams.enter_context(alice.http.stream("GET", path))
            assert follower.status_code == 200
        for refused in (http.get(path), http.post(**ask)):
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
            assert int(refused.headers["retry-after"]) > 0
        assert len(alice.questions(http)) == 1
        assert http.post("/api/questions", json={"question": "no stream"}).status_code == 201
        with bob.http.stream("POST", **ask) as his:
            assert his.status_code == 200
        reply.release()
    eventually(lambda: alice.http.get(path).status_code == 200)


@pytest.mark.parametrize("what", ["questions/{id}/events", "users/me/questions"])
def test_a_response_that_nobody_takes_ends_with_its_session(
    server: ServerProcess, alice: Person, fake: FakeAnthropic, what: str
) -> None:
    """Long before its deadline."""
    marker = uuid4().hex
    fake.on(marker, *["x" * 100_000] * 10)
    path = what.format(id=alice.ask(marker).json()["id"]).encode()
    token = alice.tokens["access_token"].encode()
    with connection(server, window=4096) as sock:
        sock.sendall(
            b"GET /api/%s HTTP/1.1\r\nhost: localhost\r\nx-access-token: %s\r\n\r\n" % (path, token)
        )
        assert sock.recv(12) == b"HTTP/1.1 200"
        assert alice.http.post("/api/auth/logout").status_code == 204
        eventually(lambda: not is_open(server, sock), 20)
        assert len(read_all(sock)) < 900_000


def test_a_request_for_another_protocol_is_answered_in_this_one(
    sqlite_server: ServerProcess,
) -> None:
    upgrade = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAAA\r\n"
    login = (
        b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    )
    with connection(sqlite_server) as sock:
        sock.sendall(login + upgrade + b"content-length: 20\r\n\r\n")
        sock.sendall(b'{"email": "a@b", "p')
        sock.sendall(b"a" + GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
        received = read_all(sock)
    no_body = login + upgrade + b"content-length: 0\r\n\r\n"
    empty = answer_to(sqlite_server, no_body + b"nonsense\r\n\r\n")
    assert empty.startswith(b"HTTP/1.1 422 "), empty
    assert received.startswith(b"HTTP/1.1 400 "), received
    assert b"malformed_json" in received  # the whole body has been read, and nothing but it
    assert received.count(b"HTTP/1.1 200 OK") == 1
    get = GET.replace(b"\r\n\r\n", b"\r\n" + upgrade + b"\r\n")
    assert answer_to(sqlite_server, get + get, GET + b"nonsense\r\n\r\n").count(b"200 OK") == 3
    assert not [line for line in sqlite_server.log if "upgrade" in line.lower()]


@pytest.mark.parametrize("coding", [b"gzip", b"identity", b"chunked, gzip"])
def test_a_request_for_another_protocol_without_a_readable_end_is_refused(
    sqlite_server: ServerProcess, new_person: NewPerson, coding: bytes
) -> None:
    """Before anything is done for it."""
    person = new_person(sqlite_server)
    logged = len(sqlite_server.log)
    answer = answer_to(
        sqlite_server,
        b"POST /api/auth/logout HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n"
        b"upgrade: h2c\r\ntransfer-encoding: %s\r\nx-access-token: %s\r\n\r\n"
        % (coding, person.tokens["access_token"].encode()),
    )
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert person.http.get("/api/users/me").status_code == 200
    assert "Traceback" not in "".join(sqlite_server.log[logged:])


def test_a_client_that_leaves_ends_its_response_whatever_it_has_pipelined(
    sqlite_server: ServerProcess,
) -> None:
    large = GET.replace(b"/healthz", b"/docs/files/swagger-ui-bundle.js")
    idle, logged = metric(sqlite_server, "askcli_tasks"), len(sqlite_server.log)
    with connection(sqlite_server, window=2048) as sock:
        sock.sendall(large + GET * 3)
        assert sock.recv(12) == b"HTTP/1.1 200"
    eventually(lambda: metric(sqlite_server, "askcli_tasks") <= idle)
    assert "Traceback" not in "".join(sqlite_server.log[logged:])


def test_http_1_0_gets_no_chunks(sqlite_server: ServerProcess, new_person: NewPerson) -> None:
    """The end of the connection is the end of a stream."""
    person = new_person(sqlite_server)
    question = person.ask("an old client").json()
    token = person.tokens["access_token"].encode()
    for path in (b"/api/questions/%s/events" % question["id"].encode(), b"/healthz"):
        request = b"GET %s HTTP/1.0\r\nhost: localhost\r\nx-access-token: %s\r\n\r\n" % (
            path,
            token,
        )
        head, _, body = answer_to(sqlite_server, request).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"transfer-encoding" not in head
        assert body.startswith((b"event: question\n", b'{"status":'))
        assert body.endswith((b"\n\n", b"}"))


def test_http_1_0_gets_no_provisional_response(sqlite_server: ServerProcess) -> None:
    login = (
        b"POST /api/auth/login HTTP/1.%d\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"expect: 100-continue\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
    )
    assert answer_to(sqlite_server, login % 1).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert answer_to(sqlite_server, login % 0).startswith(b"HTTP/1.1 422 ")
