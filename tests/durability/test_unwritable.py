"""A database that can be read, and of which every write fails."""

from __future__ import annotations

import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.support import plain_http
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.secrets import PASSWORD, SECRET
from tests.support.servers import WITHOUT_RIGHTS, customized, serving
from tests.support.waiting import eventually

CONNECTIONS = 8  # of asks at once


def test_a_server_that_may_not_write_to_its_file_is_not_ready(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """As with a quota of the disk, which has space left."""
    server = serving(tmp_path, fake, new_database("sqlite"))
    person = new_person(server)
    limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
    assert person.ask("now?").status_code == 503
    for _ in range(2):
        answer = person.http.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert person.http.get("/api/users/me").status_code == 200
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, limits)
    assert person.http.get("/readyz").status_code == 200
    assert person.ask("and now?").status_code == 201
    assert server.stop() == 0


def log_of(url: str) -> list[Path]:
    """The files of an SQLite database's log."""
    return [Path(url.removeprefix("sqlite:///") + end) for end in ("-wal", "-shm")]


@pytest.mark.parametrize("owner", ["own", "other"])
def test_a_log_that_cannot_be_written_is_mended_or_named(
    new_database: NewDatabase, new_cli: NewCli, tmp_path: Path, owner: str
) -> None:
    url = new_database("sqlite")
    wal, shm = log_of(url)
    for file in (wal, shm):
        file.touch(mode=0o400)
    if owner == "other":
        if os.getuid() != 0:
            pytest.skip("needs root, to make a file of another user")
        os.chown(wal, 1, -1)
        os.chown(shm, 1, -1)
    more = customized(tmp_path, WITHOUT_RIGHTS)
    done = new_cli(DB_CONN_STRING=url, JWT_SECRET=SECRET, **more)("migrate")
    if owner == "own":
        assert done.code == 0, done
    else:
        assert done.code == 1
        assert f"{wal.name} and {shm.name} are read-only" in done.err


def test_a_server_writes_again_once_its_file_may_be_written(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """Also where SQLite has opened the files of its log as files to be read."""
    url = new_database("sqlite")
    database = Path(url.removeprefix("sqlite:///"))
    database.chmod(0o400)
    server = serving(tmp_path, fake, url, **customized(tmp_path, WITHOUT_RIGHTS))
    with plain_http.client(server.url) as http:
        body = {"name": "A", "email": "a@example.org", "password": PASSWORD}
        assert http.post("/api/users", json=body).status_code == 503
        database.chmod(0o600)
        try:
            eventually(lambda: http.post("/api/users", json=body).status_code == 201)
        except AssertionError as error:
            raise AssertionError("".join(server.log)) from error
    assert new_person(server).ask("and now?").status_code == 201
    assert server.stop() == 0


def test_a_server_writes_again_once_postgresql_takes_changes(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """Also on connections that were opened while it took none; and no text is lost meanwhile."""
    server = serving(tmp_path, fake, new_database("postgres"))
    person, marker = new_person(server), uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    with (
        psycopg.connect(server.database_url, autocommit=True) as other,
        ThreadPoolExecutor(CONNECTIONS) as pool,
    ):
        held = pool.submit(person.ask, marker)
        assert reply.reached.wait(60)
        name = other.execute("SELECT quote_ident(current_database())").fetchone()
        assert name
        setting = f"ALTER DATABASE {name[0]} %s default_transaction_read_only"
        other.execute(f"{setting % 'SET'} = on".encode())
        other.execute(
            b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            b"WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        eventually(lambda: "only read" in _detail(person))
        reply.release()
        asks = [pool.submit(person.ask, "now?") for _ in range(CONNECTIONS)]
        assert {one.result().status_code for one in asks} == {503}
        other.execute(b"SET default_transaction_read_only = off")
        other.execute((setting % "RESET").encode())
        eventually(lambda: person.ask("and now?").status_code == 201)
        answer = held.result()
    assert (answer.status_code, answer.json()["answer"]) == (201, "begun and ended")
    assert server.stop() == 0


def _detail(person: Person) -> str:
    """Why an ask is refused, if it is."""
    return str(person.ask("now?").json().get("detail"))
