"""A PostgreSQL that hangs instead of refusing, and locks that others hold in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, migrated, postgres_in
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.secrets import PASSWORD, SECRET
from tests.support.servers import serving
from tests.support.waiting import eventually

THREADS = 12  # more requests at once than the server has threads for its database


@dataclass
class Postgres:
    """A PostgreSQL of this module's own, behind a proxy."""

    pid: int
    proxy: Proxy
    url: str

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop all its processes, as a machine does that has no memory left."""
        pids = [self.pid, *_children(self.pid)]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Drop all packets, as a network does during a failover."""
        self.proxy.stall()
        try:
            yield
        finally:
            self.proxy.flow()


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[Postgres]:
    base = Path(tempfile.mkdtemp(prefix="askcli-hanging-postgres-"))
    base.chmod(0o755)
    server = postgres_in(base, "stop")
    directory = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
    try:
        with Proxy(f"{directory}/.s.PGSQL.5432") as proxy:
            port = proxy.url.rpartition(":")[2]
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            yield Postgres(server.get_pid(), proxy, migrated(url))
    finally:
        server.cleanup()
        shutil.rmtree(base)


Hang = Callable[[Postgres], AbstractContextManager[None]]


@pytest.mark.parametrize("hang", [Postgres.stopped, Postgres.out_of_reach])
def test_a_database_that_hangs_is_503_and_comes_back_without_a_restart(
    own_postgres: Postgres,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    hang: Hang,
) -> None:
    server = serving(tmp_path, fake, own_postgres.url, ASKCLI_DRAIN_SECONDS="1")
    person = new_person(server)
    with ThreadPoolExecutor(THREADS) as pool:
        with hang(own_postgres):
            for call in (_ask, _whoami, _ready):
                begin = time.monotonic()
                calls = [pool.submit(call, person) for _ in range(THREADS)]
                for answer in (one.result() for one in calls):
                    assert answer.status_code == 503
                    assert answer.json()["code"] == "database_unavailable"
                    assert int(answer.headers["retry-after"]) > 0
                assert time.monotonic() - begin < 20  # five, on a machine with nothing else to do
            assert person.http.get("/healthz").status_code == 200
        # Not at the first try: the proxy resets all connections when one of the old ones breaks.
        assert eventually(lambda: _statuses(pool, person) == {201}, seconds=120)
    with hang(own_postgres):
        assert server.stop() == 0


# While the connection is made, and while the server looks at the tables.
@pytest.mark.parametrize("replied_bytes", [100, 1000])
def test_a_database_that_hangs_at_the_start_is_one_error(
    own_postgres: Postgres, new_cli: NewCli, replied_bytes: int
) -> None:
    cli = new_cli(ASKCLI_ANSWERER="scripted", DB_CONN_STRING=own_postgres.url, JWT_SECRET=SECRET)
    own_postgres.proxy.stall_after(replied_bytes)
    process = cli.start("serve", "--port", "0", stderr=subprocess.PIPE)
    try:
        code = process.wait(60)
    finally:
        own_postgres.proxy.flow()
        process.kill()
        _, error = process.communicate()
    assert (code, error.count(b"\n")) == (1, 1), error
    assert error.startswith(b"askcli: error: cannot use the database postgresql://"), error


def test_a_database_that_takes_no_changes_is_not_ready(
    postgres_server: ServerProcess, new_person: NewPerson
) -> None:
    import psycopg

    person = new_person(postgres_server)
    with psycopg.connect(postgres_server.database_url, autocommit=True) as other:
        name = other.execute("SELECT quote_ident(current_database())").fetchone()
        assert name
        database = f"ALTER DATABASE {name[0]}"
        end_others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert _ready(person).status_code == 200
        other.execute(f"{database} SET default_transaction_read_only = on".encode())
        other.execute(end_others.encode())
        problem = _ready(person)
        other.execute(b"SET default_transaction_read_only = off")
        other.execute(f"{database} RESET default_transaction_read_only".encode())
        other.execute(end_others.encode())
    assert (problem.status_code, problem.json()["code"]) == (503, "database_unavailable")
    assert "default_transaction_read_only is on" in problem.json()["detail"]
    assert eventually(lambda: _ready(person).status_code == 200)


def _statuses(pool: ThreadPoolExecutor, person: Person) -> set[int]:
    """The statuses of as many asks at once as take every thread and connection."""
    asking = [pool.submit(_ask, person) for _ in range(THREADS)]
    return {one.result().status_code for one in asking}


def _ask(person: Person) -> httpx2.Response:
    return person.ask("is there a database?")


def _whoami(person: Person) -> httpx2.Response:
    return person.http.get("/api/users/me")


def _ready(person: Person) -> httpx2.Response:
    return person.http.get("/readyz")


def _log_in(person: Person) -> httpx2.Response:
    login = {"email": person.email, "password": PASSWORD}
    return person.http.post("/api/auth/login", json=login)


@pytest.fixture(scope="module")
def postgres_server(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    url = migrated(new_database("postgres"))
    server = serving(tmp_path_factory.mktemp("server"), fake, url)
    yield server
    assert server.stop() == 0


@contextmanager
def locked(server: ServerProcess, statement: str, *parameters: Any) -> Iterator[None]:
    """Hold the locks of a statement from another connection."""
    import psycopg

    with psycopg.connect(server.database_url) as other:
        other.execute(statement.encode(), parameters)
        yield
        other.rollback()


@pytest.mark.parametrize(
    ("statement", "blocked"),
    [
        ("LOCK TABLE audit", _log_in),
        ("SELECT id FROM users WHERE email = %s FOR UPDATE", _ask),
    ],
)
def test_who_waits_for_a_lock_holds_up_nobody_else(
    postgres_server: ServerProcess,
    new_person: NewPerson,
    statement: str,
    blocked: Callable[[Person], httpx2.Response],
) -> None:
    alice, bob = new_person(postgres_server), new_person(postgres_server)
    parameters = (alice.email,) if "%s" in statement else ()
    with ThreadPoolExecutor(2 * THREADS) as pool:
        with locked(postgres_server, statement, *parameters):
            waiting: list[Future[httpx2.Response]] = [
                pool.submit(blocked, alice) for _ in range(2 * THREADS)
            ]
            assert [_ask(bob).status_code for _ in range(5)] == [201] * 5
            assert {one.result().status_code for one in waiting} == {503}
        assert blocked(alice).status_code in (200, 201)
