"""More connections than a process may have files open, of strangers and of one user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from select import select
from uuid import uuid4

import psutil
import pytest

from askcli.server.process.listening import TAKEN_AT_ONCE
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person, logged_in
from tests.support.processes import ServerProcess
from tests.support.raw_http import connection, is_open
from tests.support.servers import customized, serving
from tests.support.waiting import eventually

_BODY = b'{"email": "nobody@example.org", "password": "a guess at it"}'
LOGIN = (
    b"POST /api/auth/login HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture
def small(
    fake: FakeAnthropic, new_database: NewDatabase, tmp_path: Path
) -> Iterator[ServerProcess]:
    """A server that may have 64 files open, and 216 if it asks for them: 96 for connections."""
    few_files = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 216))\n"
    more = customized(tmp_path, few_files)
    server = serving(tmp_path, fake, new_database("sqlite"), **more)
    yield server
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.log)


def test_idle_connections_keep_nobody_out(small: ServerProcess, new_person: NewPerson) -> None:
    """The files that a process may have open are for the database, too."""
    person = new_person(small)
    with ExitStack() as sites:
        early = sites.enter_context(connection(small, source="127.1.1.1"))
        early.sendall(GET)
        assert early.recv(12) == b"HTTP/1.1 200"
        logins = [sites.enter_context(connection(small, source="127.1.2.1")) for _ in range(4)]
        for sock in logins:  # of the same site as those below: they wait for the slow hash
            sock.sendall(LOGIN)
        for number in range(200):
            sock = sites.enter_context(connection(small, source=f"127.1.2.{number + 1}"))
            sock.sendall(GET)
            assert sock.recv(12) == b"HTTP/1.1 200"
        sockets = psutil.Process(small.pid).net_connections("tcp")
        assert len(sockets) <= 96 + TAKEN_AT_ONCE
        assert is_open(small, early)
        assert person.ask("hello").status_code == 201
        late = sites.enter_context(connection(small, source="127.1.3.1"))
        late.sendall(GET)
        assert late.recv(12) == b"HTTP/1.1 200"
        assert [sock.recv(12) for sock in logins] == [b"HTTP/1.1 401"] * 4


def ask_of(person: Person, body: bytes, *headers: bytes) -> bytes:
    """A question; its body may be sent later."""
    lines = [b"POST /api/questions HTTP/1.1", b"host: localhost", b"content-type: application/json"]
    token = b"x-access-token: " + person.tokens["access_token"].encode()
    length = b"content-length: %d" % len(body)
    return b"\r\n".join([*lines, token, length, *headers, b"", b""])


def test_unfinished_bodies_of_a_user_keep_nobody_out(
    small: ServerProcess, new_person: NewPerson
) -> None:
    """The server waits for the client, whoever it is."""
    attacker, victim = new_person(small), new_person(small)
    body = b'{"question": "slowly"}'
    unfinished = ask_of(attacker, body, b"expect: 100-continue")
    with ExitStack() as connections:
        for _ in range(200):
            sock = connections.enter_context(connection(small, source="127.1.2.1"))
            sock.sendall(unfinished)
            assert sock.recv(12) == b"HTTP/1.1 100"  # the user is known
        assert victim.ask("hello").status_code == 201
        assert sock.recv(100).endswith(b"\r\n\r\n")
        sock.sendall(body)
        assert sock.recv(12) == b"HTTP/1.1 201"


def test_requests_of_a_user_take_half_of_the_connections_at_most(
    small: ServerProcess, new_person: NewPerson, fake: FakeAnthropic
) -> None:
    """One answer that is waited for on each of them has one place in line, and one cost."""
    attacker, victim, marker = new_person(small), new_person(small), uuid4().hex
    reply = fake.on(marker, "at last", hold_after=-1)
    body = b'{"question": "%s"}' % marker.encode()
    ask = ask_of(attacker, body, b"idempotency-key: " + marker.encode()) + body
    with ExitStack() as connections:
        sent = []
        for _ in range(90):
            sent.append(connections.enter_context(connection(small, source="127.1.2.1")))
            sent[-1].sendall(ask)
        refused = len(sent) - 48
        eventually(lambda: len(select(sent, [], [], 1)[0]) == refused)
        readable = select(sent, [], [])[0]
        assert b"retry-after" in readable[0].recv(4096)
        assert all(sock.recv(12) == b"HTTP/1.1 503" for sock in readable[1:])
        for _ in range(100):
            sock = connections.enter_context(connection(small, source="127.1.2.1"))
            sock.sendall(ask)
            assert sock.recv(12) == b"HTTP/1.1 503"
        assert victim.ask("hello").status_code == 201
        reply.release()
        waiting = [sock for sock in sent if sock not in readable]
        assert [sock.recv(12) for sock in waiting] == [b"HTTP/1.1 201"] * 48
    assert len(attacker.questions()) == 1


def test_answers_have_their_connections_where_few_files_may_be_open(
    fake: FakeAnthropic, new_database: NewDatabase, new_cli: NewCli, tmp_path: Path
) -> None:
    few_files = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))\n"
    more = customized(tmp_path, few_files)
    server = serving(tmp_path / "server", fake, new_database("sqlite"), **more)
    cli, marker = logged_in(new_cli(server), server), uuid4().hex
    fake.on(marker, "a", "b", pause=0.3)
    rows = "".join(f'{{"question": "{marker} {number}"}}\n' for number in range(32))
    done = cli("batch", "-j", "32", "-", stdin=rows)
    assert done.code == 0, done
    assert len(fake.asked(marker)) == 32
    assert server.stop() == 0
    assert any("raise the limit of open files" in line for line in server.log)
    assert not any(" ERROR " in line for line in server.log)
