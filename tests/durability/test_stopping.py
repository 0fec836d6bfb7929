"""A server that is stopped finishes its answers, or keeps what they have."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.support import plain_http
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, ServerBehindProxy
from tests.support.servers import server_settings, serving
from tests.support.small_disk import fill, small_disk
from tests.support.streams import Seen, ask_until_cut
from tests.support.waiting import eventually


@pytest.mark.parametrize(("drain", "status"), [("30", "answered"), ("1", "interrupted")])
def test_a_stopping_server_finishes_or_keeps_its_answers(
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
    drain: str,
    status: str,
) -> None:
    url = new_database("sqlite")
    # All at once: one user has three quarters of these slots.
    settings = {"ASKCLI_DRAIN_SECONDS": drain, "ASKCLI_MAX_RUNNING": "70"}
    server = serving(tmp_path, fake, url, **settings)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    asks = [Seen(f"{marker} {number}") for number in range(50)]
    with ThreadPoolExecutor(51) as pool:
        for ask in asks:
            pool.submit(ask_until_cut, person, server, ask)
        eventually(lambda: all(ask.text for ask in asks))
        stopping = pool.submit(server.stop)
        ready = f"{server.url}/readyz"
        eventually(lambda: plain_http.get(ready).status_code == 503)
        refused = person.ask("one more")
        assert (refused.status_code, refused.json()["code"]) == (503, "shutting_down")
        assert int(refused.headers["retry-after"]) > 0
        if status == "answered":
            reply.release()
        assert stopping.result() == 0
    reply.release()
    error = server.first_error()
    assert not error, error
    after = server.again()
    with person.at(after) as http:
        rows = person.questions(http)
    assert len(rows) == 50
    text = {"answered": "begun and ended", "interrupted": "begun"}[status]
    assert {(row["status"], row["answer"]) for row in rows} == {(status, text)}
    assert after.stop() == 0


def test_a_server_takes_questions_until_proxies_have_noticed_that_it_leaves(
    fake: FakeAnthropic, new_database: NewDatabase, new_person: NewPerson, tmp_path: Path
) -> None:
    server = serving(tmp_path, fake, new_database("sqlite"), ASKCLI_LEAVE_SECONDS="3600")
    person = new_person(server)
    assert "connection" not in person.ask("before").headers
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(server.stop)
        eventually(lambda: plain_http.get(f"{server.url}/readyz").status_code == 503)
        late = person.ask("one more")
        assert (late.json()["status"], late.headers["connection"]) == ("answered", "close")
        with person.http.stream("GET", f"/api/questions/{late.json()['id']}/events") as events:
            assert events.headers["connection"] == "close"
        os.kill(server.pid, signal.SIGQUIT)  # as a second Ctrl-C
        assert stopping.result() == 0


def test_a_closed_terminal_is_a_request_to_stop(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, new_cli: NewCli
) -> None:
    url = new_database("sqlite")
    terminal = new_cli(**server_settings(fake, url)).terminal("serve", "--port", "0")
    terminal.expect(r"serves (http://\S+)")
    server = ServerBehindProxy(terminal.match[1], url)
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    seen = Seen(marker)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(ask_until_cut, person, server, seen)
        eventually(lambda: seen.text)
        os.close(terminal.child_fd)
        eventually(lambda: plain_http.get(f"{server.url}/readyz").status_code == 503)
        reply.release()
        assert terminal.ptyproc.wait() == 0
    assert seen.text[-1][1] == len("begun and ended")


def test_answers_that_cannot_be_stored_make_the_stop_a_failure(
    fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        url = f"sqlite:///{disk / 'askcli.db'}"
        server = serving(tmp_path / "home", fake, url, ASKCLI_DRAIN_SECONDS="1")
        person = new_person(server)
        marker = uuid4().hex
        reply = fake.on(marker, "begun", "x" * 2**20, hold_after=1)
        seen = Seen(marker)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ask_until_cut, person, server, seen)
            eventually(lambda: seen.text)
            fill(disk)
            reply.release()
            eventually(lambda: [line for line in server.log if "database failed" in line])
            assert server.stop() == 1
    assert any("error: 1 answer could not be stored to the end" in line for line in server.log)


def test_a_server_ends_whatever_fails_at_its_stop(
    fake: FakeAnthropic, new_database: NewDatabase, new_person: NewPerson, tmp_path: Path
) -> None:
    server = serving(tmp_path, fake, url := new_database("postgres"))
    person = new_person(server)
    marker = uuid4().hex
    reply = fake.on(marker, "begun", " and ended", hold_after=1)
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url, autocommit=True) as database:
        asked = pool.submit(person.ask, marker)
        eventually(lambda: database.execute("SELECT 1 FROM processes").fetchone())
        reply.release()
        assert asked.result().json()["status"] == "answered"
        database.execute("ALTER TABLE processes RENAME TO processes_gone")
    assert server.stop() == 0
    assert 'relation "processes" does not exist' in "".join(server.log)
