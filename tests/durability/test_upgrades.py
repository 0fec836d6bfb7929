"""Versions of the schema, and the versions of askcli that serve them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from askcli.store import migrations
from tests.support import plain_http
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, opened
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.secrets import SECRET
from tests.support.servers import serving
from tests.support.soak import SOAK

KINDS = ("sqlite", "postgres")
BEFORE, NEXT = (f"{int(migrations.HEAD) + number:04}" for number in (-1, 1))


def mark(url: str, version: str) -> None:
    """Let a database have this version, with the schema that it has."""
    with opened(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_says_what_the_schema_is_to_this_version(
    new_database: NewDatabase, new_cli: NewCli, kind: str
) -> None:
    url = new_database(kind)
    cli = new_cli(DB_CONN_STRING=url)
    for version, code, state in (
        (migrations.HEAD, 0, "up to date"),
        (NEXT, 0, "one version newer"),
        (f"{int(NEXT) + 1:04}", 9, "too new"),
        ("another", 9, "too new"),
        (BEFORE, 8, "behind"),
    ):
        mark(url, version)
        done = cli.in_process("migrate", "--check")
        assert (done.code, done.out.count("\n")) == (code, 1), (version, done)
        assert done.out.startswith(state)
        with opened(url) as connection:
            assert migrations.current(connection) == version
    empty = new_cli(DB_CONN_STRING=new_database("postgres", migrated=False)).in_process(
        "migrate", "--check"
    )
    assert (empty.code, empty.out.startswith("behind: the schema is empty")) == (8, True)
    missing = new_cli(DB_CONN_STRING=f"sqlite:///{cli.home}/none.db")
    assert missing.in_process("migrate", "--check").code == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_serves_the_next_version_of_the_schema_and_no_other_newer_one(
    new_database: NewDatabase,
    new_cli: NewCli,
    new_person: NewPerson,
    fake: FakeAnthropic,
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
) -> None:
    """A server that runs, one that starts, and the host's commands."""
    url = new_database(kind)
    running = serving(tmp_path_factory.mktemp("running"), fake, url)
    person = new_person(running)
    mark(url, NEXT)
    started = serving(tmp_path_factory.mktemp("started"), fake, url)
    cli = new_cli(DB_CONN_STRING=url, ASKCLI_ANSWERER="scripted", JWT_SECRET=SECRET)
    for server in (running, started):
        with person.at(server) as http:
            assert http.get("/readyz").status_code == 200
            assert http.post("/api/questions", json={"question": "hello"}).status_code == 201
    assert started.stop() == 0
    assert "one version newer" in cli.in_process("migrate").err
    assert cli.in_process("users", "list").code == 0
    mark(url, "9999")
    record = f"the database is at version 9999 and this askcli knows {migrations.HEAD}"
    ready = plain_http.get(f"{running.url}/readyz")
    assert (ready.status_code, record in ready.json()["detail"]) == (503, True)
    assert record in new_cli(running).in_process("status").err
    assert running.stop() == 0
    for words in (["serve", "--port", "0"], ["migrate"], ["users", "list"], ["invite", "create"]):
        done = cli(*words)
        assert (done.code, record in done.err) == (1, True), done


def test_a_server_refuses_an_older_schema_with_the_command_to_run(
    new_database: NewDatabase, new_cli: NewCli
) -> None:
    url = new_database("postgres")
    mark(url, BEFORE)
    cli = new_cli(DB_CONN_STRING=url, ASKCLI_ANSWERER="scripted", JWT_SECRET=SECRET)
    for words in (["serve", "--port", "0"], ["users", "list"]):
        done = cli(*words)
        told = f"is at version {BEFORE}, this askcli needs {migrations.HEAD}: run `askcli migrate`"
        assert (done.code, told in done.err) == (2, True), done


@pytest.mark.parametrize("kind", KINDS)
def test_of_processes_that_migrate_at_once_one_does(
    new_database: NewDatabase, new_cli: NewCli, kind: str
) -> None:
    count = 12 if SOAK else 3
    for _ in range(10 if SOAK else 1):
        cli = new_cli(DB_CONN_STRING=new_database(kind, migrated=False))
        with ThreadPoolExecutor(count) as pool:
            ended = list(pool.map(cli, ["migrate"] * count))
        assert [done.code for done in ended] == [0] * count, ended
        assert sum("Migrated the database from nothing" in done.err for done in ended) == 1, ended
