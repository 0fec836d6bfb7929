"""A server on a port whose SQLite file is deleted or replaced under it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from askcli.errors import Failed
from askcli.server.process.serve import serve_worker
from askcli.settings import Settings
from tests.support import plain_http
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.secrets import SECRET
from tests.support.servers import server_settings, serving
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually, until_files_are_looked_at


def test_a_server_whose_database_is_deleted_refuses_all_and_ends(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    file = tmp_path / "askcli.db"
    server = serving(tmp_path, fake, f"sqlite:///{file}")
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    seen = Seen(marker)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)  # the server ends after this answer
        _delete(file)
        for refused in (person.ask("lost?"), plain_http.get(f"{server.url}/readyz")):
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert "deleted or replaced" in refused.json()["detail"]
        reply.release()
        assert server.stop(0) == 1
    errors = [line for line in server.log if " ERROR " in line]
    assert len(errors) == 1
    assert f"{file} was deleted or replaced" in errors[0]
    assert any(f"new, empty database: {file}" in line for line in server.log)
    assert not file.exists()


@pytest.mark.parametrize("ends", [["-wal"], ["-shm"], ["-wal", "-shm"]])
def test_a_server_whose_databases_log_is_deleted_refuses_all_and_keeps_what_it_has(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path, ends: list[str]
) -> None:
    """What was stored last is in it, and nowhere else until SQLite moves it."""
    file = tmp_path / "askcli.db"
    server = serving(tmp_path, fake, f"sqlite:///{file}")
    person = new_person(server)
    ids = {person.ask(f"question {number}").json()["id"] for number in range(9)}
    _delete(*(file.with_name(file.name + end) for end in ends))
    refused = person.ask("lost?")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert server.stop(0) == 1
    assert len([line for line in server.log if " ERROR " in line]) == 1
    again = server.again()
    with person.at(again) as http:
        assert {row["id"] for row in person.questions(http)} == ids
    assert again.stop() == 0


def test_what_was_in_a_deleted_log_is_saved_though_another_process_has_it_open(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """SQLite saves a log when the last process closes it, which may be killed before that."""
    file = tmp_path / "askcli.db"
    server = serving(tmp_path, fake, f"sqlite:///{file}")
    person = new_person(server)
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM users')"
    arguments = [sys.executable, "-c", f"{code}; print(flush=True); input()", str(file)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        ids = {person.ask(f"question {number}").json()["id"] for number in range(9)}
        _delete(*(file.with_name(file.name + end) for end in ("-wal", "-shm")))
        assert person.ask("lost?").status_code == 503
        assert server.stop(0) == 1
        other.kill()
    again = server.again()
    with person.at(again) as http:
        assert {row["id"] for row in person.questions(http)} == ids
    assert again.stop() == 0


def test_workers_whose_databases_log_is_deleted_all_end_and_keep_what_they_have(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """One that is started while another one still answers would keep SQLite from saving the log."""
    file = tmp_path / "askcli.db"
    server = ServerProcess(tmp_path, "--workers", "2", **server_settings(fake, f"sqlite:///{file}"))
    person, both = new_person(server), server.workers()
    ids = {person.ask(f"question {number}").json()["id"] for number in range(7)}
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    seen = Seen(marker)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)
        _delete(*(file.with_name(file.name + end) for end in ("-wal", "-shm")))
        eventually(
            lambda: server.workers() != both and (has_told(server) or len(server.workers()) == 2)
        )
        reply.release()
        assert server.stop(0) == 1
    again = server.again()
    with person.at(again) as http:
        rows = person.questions(http)
    assert ids < {row["id"] for row in rows}
    assert rows[0]["answer"] == "begun and ended"
    assert again.stop() == 0


def _delete(*files: Path) -> None:
    """Delete files, and wait until a request looks at them again."""
    for file in files:
        file.unlink()
    until_files_are_looked_at()


def has_told(server: ServerProcess) -> bool:
    """Whether the parent of workers has said that it ends all of them."""
    return any("all of them end" in line for line in server.log)


@pytest.mark.parametrize("flags", [[], ["--workers", "2"]])
def test_the_log_of_a_database_that_was_replaced_is_set_aside(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path, flags: list[str]
) -> None:
    """SQLite would apply it to the file that has taken the place, which destroys that."""
    file, backup, before = (tmp_path / name for name in ("askcli.db", "backup.db", "before.db"))
    server = ServerProcess(tmp_path, *flags, **server_settings(fake, f"sqlite:///{file}"))
    person = new_person(server)
    kept = person.ask("in both").json()["id"]
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
        for number in range(30):
            person.ask(f"in the old one {number} " + "many words " * 500)
        source.execute("PRAGMA wal_checkpoint(PASSIVE)")
        for number in range(5):
            person.ask(f"late {number}")
        file.rename(before)
        backup.rename(file)
        until_files_are_looked_at()
        assert person.ask("lost?").status_code == 503
        assert server.stop(0) == 1
    (log,) = tmp_path.glob("askcli.db-wal.of-replaced-*")
    assert any(str(log) in line for line in server.log)
    again = server.again()
    with person.at(again) as http:
        assert [row["id"] for row in person.questions(http)] == [kept]
        assert http.post("/api/questions", json={"question": "more"}).status_code == 201
    assert again.stop() == 0
    with closing(sqlite3.connect(file)) as one:
        assert one.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    log.rename(tmp_path / "before.db-wal")  # as the error says
    with closing(sqlite3.connect(before)) as old:
        assert old.execute("SELECT count(*) FROM questions").fetchone() == (36,)


def test_what_sqlite_does_with_its_log_is_no_loss(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    file = tmp_path / "askcli.db"
    server = serving(tmp_path, fake, f"sqlite:///{file}")
    person = new_person(server)
    for mode in ("PASSIVE", "TRUNCATE", "RESTART"):
        with closing(sqlite3.connect(file)) as other:
            other.execute(f"PRAGMA wal_checkpoint({mode})")
            other.execute("VACUUM")
        assert person.ask(mode).status_code == 201
    assert server.stop() == 0
    assert not [line for line in server.log if " ERROR " in line]


def test_a_worker_creates_no_database_in_place_of_a_deleted_one(tmp_path: Path) -> None:
    file = tmp_path / "askcli.db"
    settings = Settings(db_conn_string=f"sqlite:///{file}", jwt_secret=SECRET, answerer="scripted")
    with pytest.raises(Failed, match=f"{file} was deleted: put it back"):
        serve_worker(lambda: settings, 0, 0, lambda: None)
    assert not file.exists()
