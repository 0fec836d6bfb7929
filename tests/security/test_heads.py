"""Heads of requests: many headers, and many requests that wait for the responses before them."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress

import psutil
import pytest

from askcli.server.protocol.heads import Held
from tests.support import plain_http
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.raw_http import answer_to, connection, read_all
from tests.support.secrets import PASSWORD
from tests.support.soak import SOAK, report

MEBIBYTE = 2**20
CONNECTIONS = 200 if SOAK else 60
LARGE = b"GET /docs/files/swagger-ui-bundle.js HTTP/1.1\r\nhost: localhost\r\n"
GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"


def headers(count: int, size: int = 0) -> bytes:
    """So many header lines, each of about this size."""
    return b"a:%s\r\n" % (b"a" * size) * count


def test_a_request_has_a_hundred_headers_at_most(sqlite_server: ServerProcess) -> None:
    close = b"connection: close\r\n"
    answer = answer_to(sqlite_server, GET + close + headers(98) + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    for count in (99, 65_000):
        answer = answer_to(sqlite_server, GET + close + headers(count) + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 431 "), answer
    long = headers(50, 700)
    assert answer_to(sqlite_server, GET + close + long + b"\r\n").startswith(b"HTTP/1.1 431 ")
    trailers = (
        b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + headers(99)
    )
    assert answer_to(sqlite_server, trailers).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(("least", "more"), [("a&" * 49 + "a", "&a"), ("a" * 8192, "a")])
@pytest.mark.parametrize("path", ["/healthz", "/api/users/me"])
def test_a_query_of_many_fields_is_refused_before_it_is_parsed(
    alice: Person, path: str, least: str, more: str
) -> None:
    assert alice.http.get(f"{path}?{least}").status_code == 200
    refused = alice.http.get(f"{path}?{least}{more}")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert alice.http.get(f"/none?{least}{more}").status_code == 422  # before its path


@pytest.mark.parametrize("path", ["/healthz", "/docs/files/favicon.png", "/none"])
def test_a_long_path_is_refused_before_it_is_matched(alice: Person, path: str) -> None:
    assert alice.http.get(f"/{'a' * 1023}").status_code == 404
    for long in (f"/{'a' * 1024}", f"{path}/{'a/' * 512}", f"{path}{'/' * 1024}"):
        refused = alice.http.get(long)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_a_path_with_a_line_feed_at_its_end_is_none(sqlite_server: ServerProcess) -> None:
    """A rule of a proxy for the path may not see it as the server does."""
    for path in ("/healthz", "/metrics", "/docs", "/api/models"):
        for end in ("%0a", "%0A/", "/%0a"):
            refused = plain_http.get(f"{sqlite_server.url}{path}{end}")
            assert refused.status_code == 404, path + end
            assert refused.json()["code"] == "not_found"


@pytest.mark.parametrize("kind", ["tiny", "long", "tiny behind", "long behind"])
def test_heads_of_strangers_fill_no_memory(sqlite_server: ServerProcess, kind: str) -> None:
    """Headers of nothing but a name; as long as they may be; and behind a large response."""
    sent = {
        "tiny": GET + headers(65_000),
        "long": GET + headers(90, 340),
        "tiny behind": (LARGE + headers(16_000) + b"\r\n") * 8,
        "long behind": (LARGE + headers(90, 340) + b"\r\n") * 40,
    }[kind]
    process = psutil.Process(sqlite_server.pid)
    assert plain_http.get(f"{sqlite_server.url}/healthz").status_code == 200
    before = process.memory_info().rss
    with ExitStack() as connections:
        for _ in range(CONNECTIONS):
            sock = connections.enter_context(connection(sqlite_server, window=4096))
            sock.settimeout(0.2)
            with suppress(OSError):  # it takes no more, or has hung up
                sock.sendall(sent)
        assert plain_http.get(f"{sqlite_server.url}/healthz").status_code == 200
        grown = (process.memory_info().rss - before) / MEBIBYTE
    report(f"{CONNECTIONS} heads of kind {kind}: {grown:.1f} MiB more")
    assert grown < 20 + CONNECTIONS / 2


def test_pipelined_requests_are_all_answered_in_their_order(sqlite_server: ServerProcess) -> None:
    paths = [b"/healthz", b"/nowhere", b"/openapi.json"] * 20
    requests = [b"GET %s HTTP/1.1\r\nhost: localhost\r\n\r\n" % path for path in paths]
    body = b'{"email": "nobody"}'
    login = (
        b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    )
    with connection(sqlite_server) as sock:
        sock.sendall(b"".join(requests) + login)
        received = read_all(sock)
    statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200"] * 20 + [b"422"]


def test_a_pipelined_request_is_not_refused_for_the_caller_before_it(
    sqlite_server: ServerProcess, new_person: NewPerson
) -> None:
    person = new_person(sqlite_server)
    assert person.http.post("/api/auth/logout").status_code == 204
    token = person.tokens["access_token"]
    body = json.dumps({"email": person.email, "password": PASSWORD}).encode()
    refused = b"GET /api/models HTTP/1.1\r\nhost: localhost\r\nx-access-token: %s\r\n\r\n"
    login = (
        b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%s" % (len(body), body)
    )
    ready = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    with connection(sqlite_server) as sock:
        sock.sendall(refused % token.encode() + login + ready)
        received = read_all(sock)
    statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"401", b"200", b"200"]


def test_what_connections_hold_together_is_bounded() -> None:
    held = Held(100_000)
    first, second, third = object(), object(), object()
    assert held.hold(first, 60_000)
    assert not held.hold(second, 60_000)
    assert held.hold(third, 5_000)  # a request as clients send them always has room
    assert held.hold(first, 20_000)
    assert held.hold(second, 60_000)
    held.release(first)
    held.release(second)
    assert held.hold(third, 100_000)
