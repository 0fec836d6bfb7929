"""A database that can be read, and of which every write fails."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import plain_http
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ASKCLI, WithoutRights, environment
from tests.support.secrets import PASSWORD, SECRET
from tests.support.servers import server_settings, serving
from tests.support.waiting import eventually


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


needs_setpriv = pytest.mark.skipif(
    os.getuid() == 0 and not shutil.which("setpriv"), reason="needs setpriv"
)


@needs_setpriv
@pytest.mark.parametrize("owner", ["own", "other"])
def test_a_log_that_cannot_be_written_is_mended_or_named(
    new_database: NewDatabase, tmp_path: Path, owner: str
) -> None:
    url = new_database("sqlite", migrated=True)
    wal, shm = log_of(url)
    for file in (wal, shm):
        file.touch(mode=0o400)
    if owner == "other":
        if os.getuid() != 0:
            pytest.skip("needs root, to make a file of another user")
        os.chown(wal, 1, -1)
        os.chown(shm, 1, -1)
    command = subprocess.run(
        [*WithoutRights.prefix, ASKCLI, "migrate"],
        env=environment(tmp_path, DB_CONN_STRING=url, JWT_SECRET=SECRET),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if owner == "own":
        assert command.returncode == 0, command.stderr
    else:
        assert command.returncode == 1
        assert f"{wal.name} and {shm.name} are read-only" in command.stderr


@needs_setpriv
def test_a_server_writes_again_once_its_file_may_be_written(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """Also where SQLite has opened the files of its log as files to be read."""
    url = new_database("sqlite", migrated=True)
    database = Path(url.removeprefix("sqlite:///"))
    database.chmod(0o400)
    server = WithoutRights(tmp_path, **server_settings(fake, url))
    with plain_http.client(server.url) as http:
        body = {"name": "A", "email": "a@example.org", "password": PASSWORD}
        assert http.post("/api/users", json=body).status_code == 503
        database.chmod(0o600)
        eventually(lambda: http.post("/api/users", json=body).status_code == 201)
    assert new_person(server).ask("and now?").status_code == 201
    assert server.stop() == 0
