"""Request bodies: unfinished ones, and those that are wrong in very many places."""

from __future__ import annotations

import json
from contextlib import ExitStack, suppress
from select import select

import psutil
import pytest

from askcli.contract.limits import MAX_BODY_BYTES
from tests.support import plain_http
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.raw_http import connection
from tests.support.soak import SOAK, report, seeded

MEBIBYTE = 2**20
STRANGERS = 2000 if SOAK else 600
FOR_STRANGERS = ("/api/users", "/api/auth/login", "/api/auth/refresh")


def unfinished(path: bytes, declared: int, sent: int, *headers: bytes) -> bytes:
    """A request whose body does not end."""
    lines = [b"POST %s HTTP/1.1" % path, b"host: localhost", b"content-type: application/json"]
    return b"\r\n".join([*lines, b"content-length: %d" % declared, *headers, b"", b"a" * sent])


def test_nobodys_body_is_read_before_it_is_known_whose_it_is(sqlite_server: ServerProcess) -> None:
    ask, large = b"/api/questions", 2_000_000
    for headers, status in (([], b"401"), ([b"x-access-token: nobody"], b"401")):
        with connection(sqlite_server) as sock:
            sock.sendall(unfinished(ask, large, 10, *headers))
            assert sock.recv(12) == b"HTTP/1.1 " + status
    for path in (b"/api/users", b"/api/auth/login", b"/api/auth/refresh"):
        with connection(sqlite_server) as sock:
            sock.sendall(unfinished(path, 65_537, 10))
            assert sock.recv(12) == b"HTTP/1.1 413"


def test_strangers_unfinished_bodies_fill_no_memory(
    sqlite_server: ServerProcess, new_person: NewPerson
) -> None:
    process, random = psutil.Process(sqlite_server.pid), seeded()
    assert new_person(sqlite_server).ask("first, so that all is loaded").status_code == 201
    before = process.memory_info().rss
    with ExitStack() as strangers:
        sent = [strangers.enter_context(connection(sqlite_server)) for _ in range(STRANGERS)]
        for number, sock in enumerate(sent[:-1]):
            sock.sendall(unfinished(b"/api/users", 65_000, random.randrange(63_000, 64_001)))
            if number % 20 == 0:  # a busy machine would read all of it at once, and then let go
                assert plain_http.get(f"{sqlite_server.url}/healthz").status_code == 200
        sent[-1].sendall(unfinished(b"/api/users", 65_000, 64_000))
        received = sent[0].recv(65_536)  # room was made for later ones
        assert received.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: " in received
        sent[-1].sendall(b"a" * 1000)
        assert sent[-1].recv(12) == b"HTTP/1.1 422"
        assert new_person(sqlite_server).ask("hello").status_code == 201
        grown = (process.memory_info().rss - before) / MEBIBYTE
    report(f"{STRANGERS} unfinished bodies of strangers: {grown:.1f} MiB more")
    assert grown < 20 + STRANGERS / 25


def test_strangers_unfinished_bodies_keep_no_other_site_out(sqlite_server: ServerProcess) -> None:
    login = b'{"email": "nobody@example.org", "password": "nothing at all"}'
    head, blanks = unfinished(b"/api/auth/login", len(login) + 2000, 0), b" " * 2000
    with ExitStack() as sites:
        early = sites.enter_context(connection(sqlite_server, source="127.1.1.1"))
        early.sendall(head + blanks[:10])
        strangers = [
            sites.enter_context(connection(sqlite_server, source=f"127.1.2.{number + 1}"))
            for number in range(209)
        ]
        for sock in strangers[:129]:  # what is held is 8 MiB
            sock.sendall(unfinished(b"/api/users", 65_536, 65_535))
        assert select(strangers, [], [], 30)[0]  # one was refused
        for sock in strangers[129:]:
            sock.sendall(unfinished(b"/api/users", 65_536, 1000))
        late = sites.enter_context(connection(sqlite_server, source="127.1.3.1"))
        late.sendall(head + blanks[:1900])
        assert plain_http.get(f"{sqlite_server.url}/healthz").status_code == 200  # it has read that
        for sock, rest in ((late, blanks[1900:]), (early, blanks[10:])):
            sock.sendall(rest + login)
            assert sock.recv(12) == b"HTTP/1.1 401"


def test_one_users_unfinished_bodies_keep_no_other_user_out(
    sqlite_server: ServerProcess, new_person: NewPerson
) -> None:
    attacker, victim = new_person(sqlite_server), new_person(sqlite_server)
    token = b"x-access-token: " + attacker.tokens["access_token"].encode()
    large = unfinished(b"/api/questions", MAX_BODY_BYTES, MAX_BODY_BYTES - 1, token)
    with ExitStack() as connections:
        sent = [connections.enter_context(connection(sqlite_server)) for _ in range(65)]
        for sock in sent:  # what is held is 128 MiB
            sock.sendall(large)
        assert select(sent, [], [], 30)[0]  # one was refused
        assert victim.ask("word " * 78_000).status_code == 201


def test_growing_bodies_of_an_ended_session_refuse_no_valid_caller(
    sqlite_server: ServerProcess, new_person: NewPerson
) -> None:
    """From however many sites they come, each with little at first."""
    ended, caller = new_person(sqlite_server), new_person(sqlite_server)
    tokens = [b"x-access-token: " + p.tokens["access_token"].encode() for p in (ended, caller)]
    with ended.at(sqlite_server) as http:
        assert http.post("/api/auth/logout").status_code == 204
    with ExitStack() as connections:
        own = connections.enter_context(connection(sqlite_server))
        own.sendall(unfinished(b"/api/questions", 60_000, 50_000, tokens[1]))
        others = [
            connections.enter_context(connection(sqlite_server, source=f"127.2.{number}.1"))
            for number in range(250)
        ]
        for sock in others:
            sock.sendall(unfinished(b"/api/questions", 60_000, 100, tokens[0]))
        assert plain_http.get(f"{sqlite_server.url}/healthz").status_code == 200
        for number, sock in enumerate(others):
            with suppress(OSError):  # it was refused
                sock.sendall(b"a" * 35_000)
            if number % 20 == 0:  # what was sent has been read
                assert plain_http.get(f"{sqlite_server.url}/healthz").status_code == 200
        own.sendall(b"a" * 10_000)
        assert own.recv(12) == b"HTTP/1.1 422"


def large_bodies(size: int) -> list[bytes]:
    """Bodies of about this size: very many unknown fields, a very long one, very many items."""
    fields = ",".join(f'"{number:06}":1' for number in range(size // 11 - 1))
    items = ",".join("1" * (size // 2 - 20))
    bodies = [f"{{{fields}}}", f'{{"{"a" * (size - 10)}":1}}', f'{{"scopes":[{items}]}}']
    assert all(size * 0.9 < len(body) <= size for body in bodies)
    return [body.encode() for body in bodies]


def test_a_refusal_is_small_whatever_the_body_says(
    sqlite_server: ServerProcess, new_person: NewPerson
) -> None:
    """One error for each unknown field was ten times the body, and held the event loop up."""
    http = new_person(sqlite_server).http
    endpoints = [
        (method, path)
        for path, methods in http.get("/openapi.json").json()["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation
    ]
    assert len(endpoints) == 8
    for method, path in endpoints:
        for body in large_bodies(65_536 if path in FOR_STRANGERS else MAX_BODY_BYTES):
            headers = {"content-type": "application/json"}
            answer = http.request(method, path, content=body, headers=headers)
            assert answer.status_code == 422, path
            assert len(answer.content) < 4096, path


@pytest.mark.parametrize("path", ["/api/questions", "/api/auth/login"])
@pytest.mark.parametrize("item", ["[]", '""', "7", "{}"])
def test_a_body_of_many_values_is_refused_before_it_is_parsed(
    sqlite_server: ServerProcess, new_person: NewPerson, path: str, item: str
) -> None:
    """Half a second of the event loop for each one, meanwhile nobody else was served."""
    items = ",".join([item] * (60_000 // (len(item) + 1)))
    headers = {"content-type": "application/json"}
    http = new_person(sqlite_server).http
    answer = http.post(path, content=f'{{"question":[{items}]}}', headers=headers)
    assert answer.status_code == 422
    assert "more values" in answer.json()["detail"]


def test_a_body_may_be_indented_and_begin_with_a_mark(
    sqlite_server: ServerProcess, new_person: NewPerson
) -> None:
    """Of the order of its bytes, as some programs write it; and have any text."""
    question, http = '[],"\\' * 10_000, new_person(sqlite_server).http
    content = json.dumps({"question": question, "max_tokens": 7}, indent=40).encode("utf-8-sig")
    headers = {"content-type": "application/json"}
    answer = http.post("/api/questions", content=content, headers=headers)
    assert (answer.status_code, answer.json()["question"]) == (201, question)
