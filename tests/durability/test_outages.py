"""A database that goes away, is locked, read-only or on a full disk."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psutil
import pytest

from askcli.store import database
from askcli.store.database import engines
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, migrated, postgres_in
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import FreshServer
from tests.support.secrets import SECRET
from tests.support.servers import customized, serving
from tests.support.small_disk import fill, small_disk
from tests.support.soak import SOAK, seeded
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A PostgreSQL that this test may stop and start."""
    base = Path(tempfile.mkdtemp(prefix="askcli-own-postgres-"))
    base.chmod(0o755)
    server = postgres_in(base, "stop")
    yield server
    server.cleanup()
    shutil.rmtree(base)


def test_a_database_that_goes_away_comes_back_to_everything(
    own_postgres: Any, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path, new_cli: NewCli
) -> None:
    url = own_postgres.get_uri()
    assert new_cli(DB_CONN_STRING=url)("migrate").code == 0
    server = serving(tmp_path, fake, url)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    seen = Seen(marker)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)
        own_postgres.stop()
        back = time.monotonic() + (10 if SOAK else 2)
        reply.release()  # the model ends its answer while there is no database
        while time.monotonic() < back:
            for answer in (person.http.get("/api/users/me"), person.ask("now?")):
                assert answer.status_code == 503
                assert answer.json()["code"] == "database_unavailable"
                assert int(answer.headers["retry-after"]) > 0
            assert person.http.get("/healthz").status_code == 200
            assert person.http.get("/readyz").status_code == 503
        own_postgres.start()
        asking.result()
    rows = eventually(lambda: _settled(person))
    assert rows
    (row,) = rows
    assert (row["status"], row["answer"]) == ("answered", "begun and ended")
    assert server.stop() == 0


if SOAK:  # workers of their own take long to start

    def test_workers_killed_while_the_database_is_away_come_back_with_it(
        own_postgres: Any, new_person: NewPerson, tmp_path: Path
    ) -> None:
        url, random = migrated(own_postgres.get_uri()), seeded()
        settings = {"DB_CONN_STRING": url, "JWT_SECRET": SECRET, "ASKCLI_ANSWERER": "scripted"}
        server = FreshServer(tmp_path, "--workers", "2", **settings)
        person, parent = new_person(server), psutil.Process(server.pid)
        for _ in range(8):
            eventually(lambda: len(parent.children()) == 2)
            own_postgres.stop()
            logged = len(server.log)
            workers = {child.pid for child in parent.children()}
            for pid in random.sample(sorted(workers), random.randint(1, 2)):
                os.kill(pid, signal.SIGKILL)
            eventually(lambda logged=logged: "did not start" in "".join(server.log[logged:]))  # type: ignore[misc]
            own_postgres.start()
            eventually(lambda: _answers(person))
        assert server.stop() == 0


def _answers(person: Person) -> bool:
    try:
        return person.ask("now?").status_code == 201
    except httpx2.TransportError:  # its worker has been killed
        return False


def _settled(person: Person) -> list[dict[str, Any]] | None:
    if person.http.get("/readyz").status_code != 200:
        return None
    rows = person.questions()
    return rows if all(row["status"] != "answering" for row in rows) else None


# Instead of 10 and 5, so that who waits for the lock learns sooner that it is not let go.
IMPATIENCE = """
from askcli.store import database
from askcli.store.database import engines

database.UNIT_SECONDS["sqlite"], engines.BUSY_SECONDS = 2.0, 1
"""


def test_a_cancel_while_nothing_can_be_written_is_told(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """It is stored once that is possible."""
    url = new_database("sqlite")
    server = serving(tmp_path, fake, url, **customized(tmp_path, IMPATIENCE))
    person, seen = new_person(server), Seen(uuid4().hex)
    reply = fake.on(seen.key, "begun", " never", hold_after=1)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)
        path = f"/api/questions/{person.questions()[0]['id']}"
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        refused = person.http.post(f"{path}/cancel")
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        other.execute("ROLLBACK")
        other.close()
        asking.result()
    row = person.http.post(f"{path}/cancel").json()
    assert (row["status"], row["answer"]) == ("cancelled", "begun")
    reply.release()
    assert server.stop() == 0


def test_a_locked_sqlite_is_waited_for_and_told(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    assert (database.UNIT_SECONDS["sqlite"], engines.BUSY_SECONDS) == (10, 5)
    url = new_database("sqlite")
    server = serving(tmp_path, fake, url, **customized(tmp_path, IMPATIENCE))
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    seen = Seen(marker)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        reply.release()
        refused = person.ask("now?")
        assert refused.status_code == 503
        assert "locked by another process" in refused.json()["detail"]
        assert person.http.get("/api/users/me").status_code == 200  # readers go on
        if SOAK:
            time.sleep(5)
        other.execute("ROLLBACK")
        other.close()
        asking.result()
    assert person.ask("and now?").status_code == 201
    rows = {row["question"]: row for row in person.questions()}
    assert (rows[marker]["status"], rows[marker]["answer"]) == ("answered", "begun and ended")
    assert server.stop() == 0


def test_a_full_disk_is_told_and_got_over(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        server = serving(tmp_path / "home", fake, f"sqlite:///{disk / 'askcli.db'}")
        person = new_person(server)
        stored = person.ask("kept").json()["id"]
        unused = person.http.post("/api/tokens", json={"name": "x", "scopes": ["read"]}).json()
        marker = uuid4().hex
        filler = fill(disk)
        refused = eventually(lambda: _refused(person, marker))
        assert refused
        assert refused.json()["code"] == "database_unavailable"
        assert "has no disk space left; nothing was changed" in refused.json()["detail"]
        accepted = [row for row in person.questions() if marker in row["question"]]
        assert len(fake.asked(marker)) == len(accepted)
        readiness = person.http.get("/readyz")
        assert readiness.status_code == 503
        assert "disk has no space left" in readiness.json()["detail"]
        for token in ({}, {"x-access-token": unused["token"]}):
            assert person.http.get(f"/api/questions/{stored}", headers=token).json()["answer"]
        filler.unlink()
        assert person.http.get("/readyz").status_code == 200
        assert person.ask("there is room again").status_code == 201
        assert len({row["id"] for row in person.questions()} & {stored}) == 1
        assert server.stop() == 0


def _refused(person: Person, marker: str) -> httpx2.Response | None:
    answer = person.ask(marker + "x" * 50_000)
    return answer if answer.status_code == 503 else None


def test_a_read_only_database_is_told_at_the_start(
    fake: FakeAnthropic, new_person: NewPerson, new_cli: NewCli, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "8m") as disk:
        url = f"sqlite:///{disk / 'askcli.db'}"
        server = serving(tmp_path / "home", fake, url)
        stored = new_person(server).ask("kept").json()["answer"]
        assert server.stop() == 0
        remount = ["mount", "-o", "remount", str(disk)]
        subprocess.run([*remount[:2], "remount,ro", str(disk)], check=True)
        cli = new_cli(ASKCLI_ANSWERER="scripted", DB_CONN_STRING=url)
        done = cli("serve", "--port", "0")
        assert (done.code, done.err.count("\n")) == (1, 1), done
        assert "read-only" in done.err
        subprocess.run([*remount[:2], "remount,rw", str(disk)], check=True)
        again = server.again()
        assert stored in [row["answer"] for row in stored_rows(disk / "askcli.db")]
        assert again.stop() == 0


def stored_rows(path: Path) -> list[dict[str, Any]]:
    """All questions in a database file."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute("SELECT * FROM questions")]
    connection.close()
    return rows
