"""A server on a port whose SQLite file is deleted or replaced under it."""

from __future__ import annotations

import sqlite3
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
from tests.support.secrets import SECRET
from tests.support.servers import serving
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually


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
        file.unlink()
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
    for end in ends:
        file.with_name(file.name + end).unlink()
    refused = person.ask("lost?")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert server.stop(0) == 1
    assert len([line for line in server.log if " ERROR " in line]) == 1
    again = server.again()
    with person.at(again) as http:
        assert {row["id"] for row in person.questions(http)} == ids
    assert again.stop() == 0


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
        serve_worker(settings, 0, 0, lambda: None)
    assert not file.exists()
