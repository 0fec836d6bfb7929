"""A hang-up (SIGHUP): the secrets are read again, and no answer is lost."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from askcli.store.database import Database, urls
from askcli.store.database.bounded_connection import BoundedConnection
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.forking import ForkedProcess
from tests.support.people import NewPerson, Person
from tests.support.processes import ASKCLI, ServerProcess, environment
from tests.support.secrets import KEY, SECRET, SECRETS
from tests.support.servers import customized, server_settings, serving
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually

READ = "Read the settings again; new: {}."


# It loads the server, which takes it seconds, once there is a file of this name.
SLOW_TO_LOAD = """
import pathlib, sys, time

NAME, FILE = "askcli.server.process.serve", pathlib.Path(__file__).with_name("signalled")

class Slow:
    def find_spec(self, name, *_):
        while name == NAME and not FILE.exists():
            time.sleep(0.01)

del sys.modules[NAME]
sys.meta_path.insert(0, Slow())
"""


class WithFiles:
    """A server whose secrets are files of its home."""

    def __init__(self, home: Path, fake: FakeAnthropic, url: str, *flags: str) -> None:
        self._home = home
        home.mkdir(exist_ok=True)
        settings = server_settings(fake, url, JWT_SECRET_PREVIOUS=uuid4().hex * 2)
        for name in ("JWT_SECRET", "JWT_SECRET_PREVIOUS", "ANTHROPIC_API_KEY", "DB_CONN_STRING"):
            self.write(name, settings.pop(name))
            settings[f"{name}_FILE"] = str(home / name)
        self.server = ServerProcess(home, *flags, **settings)
        self.server.database_url = url

    def write(self, name: str, secret: str) -> None:
        SECRETS.learn(secret)
        (self._home / name).write_text(secret + "\n")

    def hang_up(self, said: str, times: int = 1) -> None:
        """Send the signal, and wait until each process has said this once more."""
        count = self.said(said)
        os.kill(self.server.pid, signal.SIGHUP)
        eventually(lambda: self.said(said) == count + times)

    def said(self, words: str) -> int:
        """How often its processes have said it."""
        return sum(words in line for line in self.server.log)


@pytest.mark.parametrize("workers", [1, 2])
def test_secrets_are_read_again_and_no_answer_is_lost(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    workers: int,
) -> None:
    one = WithFiles(tmp_path, fake, new_database("sqlite"), "--workers", str(workers))
    person, marker, key = new_person(one.server), uuid4().hex, f"sk-{uuid4().hex}"
    reply, seen = fake.on(marker, "begun", " and ended", hold_after=1), Seen(marker)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(ask_until_cut, person, one.server, seen)
        eventually(lambda: seen.text)
        one.write("ANTHROPIC_API_KEY", key)
        one.hang_up(READ.format("ANTHROPIC_API_KEY"), workers)
        later = [f"{marker[:8]} {number}" for number in range(4 * workers)]
        assert {person.ask(question).status_code for question in later} == {201}
        reply.release()
    assert seen.text[-1][1] == len("begun and ended")
    assert {fake.asked(question)[0]["key"] for question in later} == {f"Bearer {key}"}
    assert fake.asked(marker)[0]["key"] == f"Bearer {KEY}"
    one.write("ANTHROPIC_API_KEY", "")
    one.hang_up("settings stay as they were: ANTHROPIC_API_KEY_FILE names an empty file", workers)
    one.write("ANTHROPIC_API_KEY", f"{KEY}\n{key}")
    one.hang_up("settings stay as they were: anthropic_api_key: the value", workers)
    one.write("JWT_SECRET", "short")
    one.write("ANTHROPIC_API_KEY", KEY)
    one.hang_up("the settings stay as they were: JWT_SECRET is too short", workers)
    assert person.ask(marker[8:]).status_code == 201
    assert fake.asked(marker[8:])[-1]["key"] == f"Bearer {key}"
    (tmp_path / ".env").write_text("ASKCLI_MODEL=another\nASKCLI_LOG_LEVEL=warning\n")
    one.write("JWT_SECRET", uuid4().hex * 2)
    requests = sum("GET /api/users/me" in line for line in one.server.log)
    one.hang_up(READ.format("ANTHROPIC_API_KEY, ASKCLI_LOG_LEVEL, JWT_SECRET"), workers)
    eventually(lambda: one.said("These take a restart: ASKCLI_MODEL.") == workers)
    assert person.http.get("/api/users/me").status_code == 401  # by a secret that is gone
    one.hang_up(READ.format("nothing"), workers)  # whatever the log's level
    assert one.server.stop() == 0
    assert requests == sum("GET /api/users/me" in line for line in one.server.log) == 0


def test_a_directory_that_takes_a_restart_gives_no_other_secret(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    server = serving(tmp_path, fake, new_database("sqlite"), JWT_SECRET="")
    person = new_person(server)
    (tmp_path / ".env").write_text("ASKCLI_DATA_DIR=other\n")
    os.kill(server.pid, signal.SIGHUP)
    restart = "These take a restart: ASKCLI_DATA_DIR.\n"
    eventually(lambda: any(restart in line for line in server.log))
    assert any(READ.format("nothing") in line for line in server.log)
    assert person.http.get("/api/users/me").status_code == 200
    assert not (tmp_path / "other").exists()
    assert server.stop() == 0


def test_a_hang_up_is_remembered_until_a_server_that_starts_can_read_its_settings(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=0\n")
    settings = server_settings(fake, new_database("sqlite")) | customized(tmp_path, SLOW_TO_LOAD)
    variables = environment(tmp_path, **settings)
    # Of a session of its own: it has no terminal.
    server = ForkedProcess(
        [ASKCLI, "serve"], env=variables, cwd=tmp_path, stderr=PIPE, session=True
    )
    assert server.stderr
    with server.stderr as log:
        assert log.readline() == b"Read .env: PORT.\n"
        server.send_signal(signal.SIGHUP)
        (tmp_path / "signalled").touch()
        assert any(READ.format("nothing").encode() in line for line in log)
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def test_a_secret_is_changed_on_two_replicas_in_two_phases_without_a_refusal(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    """As docs/operations.md has it, with a hang-up for each step of each replica."""
    url, new = new_database("postgres"), uuid4().hex * 2
    replicas = [WithFiles(tmp_path / name, fake, url) for name in ("first", "second")]
    person = new_person(replicas[0].server)
    phases = [
        {"JWT_SECRET_PREVIOUS": new},
        {"JWT_SECRET": new, "JWT_SECRET_PREVIOUS": SECRET},
        {"JWT_SECRET_PREVIOUS": uuid4().hex * 2},  # the old one ends
    ]
    for phase in phases:
        for replica in replicas:
            for name, secret in phase.items():
                replica.write(name, secret)
            replica.hang_up(READ.format(", ".join(phase)))
            use_everywhere(person, replicas)
    assert [replica.server.stop() for replica in replicas] == [0, 0]


def use_everywhere(person: Person, replicas: list[WithFiles]) -> None:
    """Refresh at each replica, and use what it gives at both."""
    for replica in replicas:
        with person.at(replica.server) as http:
            body = {"refresh_token": person.tokens["refresh_token"]}
            person.tokens = http.post("/api/auth/refresh", json=body).json()
        person.http.headers["x-access-token"] = person.tokens["access_token"]
        for other in replicas:
            with person.at(other.server) as http:
                assert http.get("/api/users/me").status_code == 200


def test_new_connections_have_the_password_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = list[str]()

    def connect(*_: object, password: str, **__: object) -> None:
        given.append(password)
        raise psycopg.OperationalError

    monkeypatch.setattr(BoundedConnection, "connect", connect)
    database = Database("postgresql://u:before@127.0.0.1:1/x")
    for url in ("postgres://u:after@127.0.0.1:1/x", "postgres://u:after@127.0.0.1:2/x"):
        with pytest.raises(OperationalError):
            database.engine.connect()
        new = urls.parse(url)
        if urls.is_same_database(new, database.url):
            database.url = new
    assert given == ["before", "after"]
    assert database.url.port == 1
    database.close()
