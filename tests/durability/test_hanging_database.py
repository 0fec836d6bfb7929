"""A PostgreSQL that hangs instead of refusing, and locks that others hold in it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import pytest

from askcli.store import checks, database
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, migrated, postgres_in
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.own_postgres import hung
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.proxy import Proxy
from tests.support.secrets import PASSWORD, SECRET
from tests.support.servers import customized, serving
from tests.support.soak import SOAK, report, seeded
from tests.support.waiting import eventually

# Instead of 4 and 5, so that each refusal comes sooner.
IMPATIENCE = """
from askcli.store import checks, database

database.UNIT_SECONDS["postgresql"] = checks.CHECK_SECONDS = 1.5
"""

HANGS, LOST_REPLIES = (4, 200) if SOAK else (1, 5)
THREADS = 12  # more requests at once than the server has threads for its database


@dataclass
class Postgres:
    """A PostgreSQL of this module's own, behind a proxy."""

    pid: int
    proxy: Proxy
    url: str

    def stopped(self) -> AbstractContextManager[None]:
        """Stop all its processes."""
        return hung(self.pid)

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Drop all packets, as a network does during a failover."""
        self.proxy.stall()
        try:
            yield
        finally:
            self.proxy.flow()


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
    assert (database.UNIT_SECONDS["postgresql"], checks.CHECK_SECONDS) == (4, 5)
    more = customized(tmp_path, IMPATIENCE) | {"ASKCLI_DRAIN_SECONDS": "1"}
    server = serving(tmp_path, fake, own_postgres.url, **more)
    person = new_person(server)
    calls = [_ask, _whoami, _ready]
    random = seeded()
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(HANGS):
            with hang(own_postgres):
                for call in calls:
                    _refused(pool, person, call)
                assert person.http.get("/healthz").status_code == 200
            # Not at the first try: the proxy resets all connections when an old one breaks.
            assert eventually(lambda: _statuses(pool, person) == {201}, seconds=120)
            random.shuffle(calls)
    with hang(own_postgres):
        assert server.stop() == 0


# While the connection is made, and while the server looks at the tables.
@pytest.mark.parametrize("replied_bytes", [100, 1000])
def test_a_database_that_hangs_at_the_start_is_one_error(
    own_postgres: Postgres, new_cli: NewCli, tmp_path: Path, replied_bytes: int
) -> None:
    more = customized(tmp_path, IMPATIENCE) | {"ASKCLI_ANSWERER": "scripted"}
    cli = new_cli(DB_CONN_STRING=own_postgres.url, JWT_SECRET=SECRET, **more)
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

    person, url = new_person(postgres_server), postgres_server.database_url
    with psycopg.connect(url, autocommit=True) as other:
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
    assert (problem.status_code, problem.json()["code"]) == (503, "database_unavailable")
    assert "default_transaction_read_only is on" in problem.json()["detail"]
    assert eventually(lambda: _ready(person).status_code == 200)
    # Others that were opened meanwhile can only read, until a write on each has failed.
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(end_others.encode())


def _refused(
    pool: ThreadPoolExecutor, person: Person, call: Callable[[Person], httpx2.Response]
) -> None:
    """Call as often at once as takes every thread; each call is refused in time."""
    begin = time.monotonic()
    calls = [pool.submit(call, person) for _ in range(THREADS)]
    for answer in (one.result() for one in calls):
        assert answer.status_code == 503
        assert answer.json()["code"] == "database_unavailable"
        assert int(answer.headers["retry-after"]) > 0
    assert time.monotonic() - begin < 20  # five, on a machine with nothing else to do


def test_a_reply_of_the_database_that_is_lost_repeats_nothing(
    own_postgres: Postgres, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """Its connections break after any number of bytes: a commit may have happened all the same."""
    server = serving(tmp_path, fake, own_postgres.url)
    person, random = new_person(server), seeded()
    refusals = Counter[str]()
    for key in (keys := [uuid4().hex for _ in range(LOST_REPLIES)]):
        own_postgres.proxy.cut_after(random.randrange(500, 8000))
        own_postgres.proxy.cut()
        while (answer := _answer(person, key)) is None or answer.status_code != 201:
            refusals[answer.json()["code"] if answer else "timed out"] += 1
            assert answer is None or answer.status_code == 503
            own_postgres.proxy.cut_after(random.randrange(500, 8000))
        assert answer.json()["answer"] == f"You asked: {key}"
    own_postgres.proxy.cut_after(None)
    own_postgres.proxy.cut()
    rows = eventually(lambda: _rows(person))
    assert sorted(row["question"] for row in rows) == sorted(keys)
    assert {row["status"] for row in rows} == {"answered"}
    assert [len(fake.asked(key)) for key in keys] == [1] * len(keys)
    report(f"{LOST_REPLIES} asks on connections that break: {dict(refusals)}, none twice")
    assert server.stop() == 0


def _rows(person: Person) -> list[dict[str, Any]]:
    """The user's questions, once the database is reached again."""
    return person.questions() if _ready(person).status_code == 200 else []


def _statuses(pool: ThreadPoolExecutor, person: Person) -> set[int]:
    """The statuses of as many asks at once as take every thread and connection."""
    asking = [pool.submit(_ask, person) for _ in range(THREADS)]
    return {one.result().status_code for one in asking}


def _ask(person: Person, key: str = "", timeout: float = 60) -> httpx2.Response:
    headers, body = {"idempotency-key": key or uuid4().hex}, {"question": key or "here?"}
    return person.http.post("/api/questions", json=body, headers=headers, timeout=timeout)


def _answer(person: Person, key: str) -> httpx2.Response | None:
    """Ask; None where nothing comes, as all connections may break before an end is stored."""
    try:
        return _ask(person, key, timeout=10)
    except httpx2.ReadTimeout:
        return None


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
    url = new_database("postgres")
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
