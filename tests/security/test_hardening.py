"""What nobody sends by accident: slow, huge, nested, malformed requests; hosts that are none."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from askcli.server.http import bodies
from askcli.server.protocol import protocol
from tests.support import plain_http
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.raw_http import answer_to, connection, read_all
from tests.support.servers import customized, serving
from tests.support.soak import SOAK, report, seeded

MEBIBYTE = 2**20


def get(host: bytes, *more: bytes) -> bytes:
    lines = [b"GET /healthz HTTP/1.1", b"host: " + host, b"connection: close", *more]
    return b"\r\n".join([*lines, b"", b""])


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example/api",
        b"localhost/@evil",
        b"localhost?x",
        b"localhost#x",
        b"localhost\\x",
        b"local host",
        b"localhost:port",
        b"user@localhost",
        b"[::1",
        b"local\x01host",
        b"local\x7fhost",
        b"local\xe9host",
        b"",
        b"localhost\r\nhost: evil.example",
    ],
)
def test_a_host_header_that_is_none(sqlite_server: ServerProcess, host: bytes) -> None:
    response = answer_to(sqlite_server, get(host))
    assert response.startswith(b"HTTP/1.1 400 "), response[:100]
    assert b"application/problem+json" in response
    assert b"evil" not in response


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil"])
def test_on_loopback_only_this_machines_names_are_answered_to(alice: Person, host: str) -> None:
    """A page whose name was made to point here (DNS rebinding) reaches nothing."""
    answer = alice.http.get("/api/users/me", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")
    for good in ("localhost", "LOCALHOST:3000", "localhost.:3000", "127.0.0.1", "[::1]:3000"):
        assert alice.http.get("/api/users/me", headers={"host": good}).status_code == 200


def test_a_server_answers_to_the_loopback_address_that_it_listens_on(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, "--host", "127.0.0.2", ASKCLI_ANSWERER="scripted")
    assert plain_http.get(f"{server.url}/healthz").status_code == 200
    assert server.stop() == 0


def test_the_host_says_which_names_are_answered_to(
    sqlite_server: ServerProcess, tmp_path: Path
) -> None:
    url = sqlite_server.database_url
    more = {"DB_CONN_STRING": url, "ASKCLI_ANSWERER": "scripted"}
    named = ServerProcess(tmp_path, ASKCLI_ALLOWED_HOSTS="Ask.Example.org, other.", **more)
    with plain_http.client(named.url) as http:
        names = ["ask.example.org", "ASK.example.org.:443", "localhost", "other", "evil.example"]
        statuses = [http.get("/healthz", headers={"host": name}).status_code for name in names]
    assert statuses == [200, 200, 200, 200, 421]
    assert named.stop() == 0


def test_no_authorisation_reads_the_url_that_a_host_header_makes(alice: Person) -> None:
    """Starlette's CVE-2026-48710: a Host with a path in it changed what `request.url` said."""
    for host in ("localhost/healthz?", "localhost/docs#", "localhost:80/openapi.json?"):
        with plain_http.client(str(alice.http.base_url)) as nobody:
            answer = nobody.get("/api/users/me", headers={"host": host})
            assert answer.status_code == 400


def body_of(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield b"a" * 65536


def test_what_is_too_much_is_refused_in_little_memory(server: ServerProcess, alice: Person) -> None:
    process = psutil.Process(server.pid)
    alice.http.get("/readyz")
    before = process.memory_info().rss
    json_body = {"content-type": "application/json"}
    length = json_body | {"content-length": str(100 * MEBIBYTE)}
    for headers in (json_body, length):
        try:
            answer = alice.http.post(
                "/api/questions", content=body_of(100 * MEBIBYTE), headers=headers
            )
            assert answer.status_code == 413
        except httpx2.TransportError:
            pass  # it hung up on what we went on to send
    for nested in (b"[" * 100_000, b'{"a":' * 100_000, b'{"question":' + b"[" * 100_000):
        assert alice.http.post("/api/questions", content=nested, headers=json_body).status_code in (
            400,
            422,
        )
    response = answer_to(server, get(b"localhost", b"x-much: " + b"a" * MEBIBYTE))
    assert response.startswith(b"HTTP/1.1 431 ")
    endless = [b"GET / HTTP/1.1\r\n", *[b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(1000)]]
    assert answer_to(server, *endless).startswith(b"HTTP/1.1 431 ")
    chunked = b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    login = b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\n" + chunked
    trailers = [b"x-%d: %s\r\n" % (n, b"a" * 65_000) for n in range(500)]
    for trailing in (trailers, [b"x: ", *[b"a" * 65_000] * 500]):
        answer_to(server, login, *trailing)
    path = b"GET /" + b"a" * MEBIBYTE + b" HTTP/1.1\r\nhost: localhost\r\n\r\n"
    assert answer_to(server, path).startswith(b"HTTP/1.1 4")
    grown = (process.memory_info().rss - before) / MEBIBYTE
    report(f"100 MB bodies, deep JSON, 1 MB headers: {grown:.1f} MiB more")
    assert grown < 20
    assert alice.http.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/questions HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/questions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx\x00y: z\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_problem_and_the_process_lives(
    sqlite_server: ServerProcess, raw: bytes
) -> None:
    with connection(sqlite_server) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        response = read_all(sock)
    assert response == b"" or response.startswith(b"HTTP/1.1 4")
    if response:
        assert b"application/problem+json" in response
    assert plain_http.get(f"{sqlite_server.url}/healthz").status_code == 200


MUTABLE = [
    b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b'content-length: 35\r\n\r\n{"email": "a@b.c", "password": "pa"}',
    b"POST /api/auth/refresh HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n",
    b'GET /openapi.json HTTP/1.1\r\nhost: localhost\r\nif-none-match: "a"\r\n\r\n'
    b"HEAD /api/users/me?x=%e2%82 HTTP/1.1\r\nhost: [::1]:80\r\naccept: a/b;q=0.1, */*\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\n"
    b"upgrade: h2c\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
]


def test_requests_with_bytes_lost_repeated_or_changed_end_without_a_failure(
    sqlite_server: ServerProcess,
) -> None:
    random, logged = seeded(), len(sqlite_server.log)
    for _ in range(5000 if SOAK else 50):
        raw = random.choice(MUTABLE)
        for _ in range(random.randrange(1, 6)):
            start, end = sorted(random.choices(range(len(raw) + 1), k=2))
            part = random.choice([b"", raw[start:end] * 2, random.randbytes(2), b"\r\n", b"0"])
            raw = raw[:start] + part + raw[random.choice([start, start + 1, end]) :]
        with connection(sqlite_server) as sock:
            sock.sendall(raw)
            sock.shutdown(socket.SHUT_WR)
            response = read_all(sock)
        assert response == b"" or response.startswith(b"HTTP/1.1 "), raw
        assert b"HTTP/1.1 5" not in response, (raw, response)
    assert plain_http.get(f"{sqlite_server.url}/healthz").status_code == 200
    assert "Traceback" not in "".join(sqlite_server.log[logged:])


def test_one_connection_carries_many_requests_all_the_same(
    sqlite_server: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    """The bounds are a request's, not a connection's: also where one was refused early."""
    person = new_person(sqlite_server)
    for size in (10, 100_000, 400_000):
        text = "word " * (size // 5)
        assert person.ask(text).status_code == 201
        headers = {"x-access-token": "nobody", "content-type": "application/json"}
        refused = person.http.post("/api/models", content=b"a" * size, headers=headers)
        assert refused.status_code == 405
        assert person.http.get("/healthz").status_code == 200
    with connection(sqlite_server) as sock:
        sock.sendall(get(b"localhost").replace(b"connection: close\r\n", b"") * 20)
        response = b""
        while response.count(b'"status":"ok"') < 20:
            response += sock.recv(65536)
    assert response.count(b"HTTP/1.1 200") == 20


def test_requests_before_a_bad_one_are_answered(sqlite_server: ServerProcess) -> None:
    """As a client that sends many at once, and then is cut off, would want."""
    good = get(b"localhost").replace(b"connection: close\r\n", b"")
    response = answer_to(sqlite_server, good * 5 + b"GET /%s HTTP/1.1\r\n" % (b"a" * 100_000))
    assert response.count(b"HTTP/1.1 200") == 5
    half = get(b"localhost", b"x-long: " + b"a" * 900).replace(b"connection: close\r\n", b"")
    with connection(sqlite_server) as sock:
        sock.sendall(half * 80 + half[:500])
        response = b""
        while response.count(b'"status":"ok"') < 80:
            response += sock.recv(65536)
        sock.sendall(half[500:])
        while response.count(b'"status":"ok"') < 81:
            response += sock.recv(65536)


@pytest.fixture
def impatient(
    fake: FakeAnthropic, new_database: NewDatabase, tmp_path: Path
) -> Iterator[ServerProcess]:
    """A server whose ten seconds for headers and minute for a body are a second each."""
    assert (protocol.HEADER_SECONDS, bodies.BODY_SECONDS) == (10, 60)
    more = customized(
        tmp_path,
        "from askcli.server.http import bodies\n"
        "from askcli.server.protocol import protocol\n"
        "protocol.HEADER_SECONDS = bodies.BODY_SECONDS = 1.0\n",
    )
    server = serving(tmp_path, fake, new_database("sqlite"), **more)
    yield server
    assert server.stop() == 0


def test_what_does_not_come_is_not_waited_for(impatient: ServerProcess) -> None:
    """However busily it trickles; and a connection on which nothing comes at all."""
    login = (
        b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    )
    headers = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: "
    for began in (headers, login + b"content-length: 10000\r\n\r\n{"):
        response = trickled(impatient, began)
        assert response.startswith(b"HTTP/1.1 408 ")
        assert b"request_timeout" in response
    with connection(impatient) as silent:
        assert read_all(silent) == b""  # it began nothing, so it is told nothing


def trickled(server: ServerProcess, began: bytes) -> bytes:
    """What the server answers to a request that goes on a byte at a time."""
    deadline = time.monotonic() + 20
    with connection(server) as sock:
        sock.settimeout(0.1)
        sock.sendall(began)
        while time.monotonic() < deadline:
            try:
                return sock.recv(65536) + read_all(sock)
            except TimeoutError:
                sock.sendall(b"a")
    raise AssertionError("the server waits for ever")
