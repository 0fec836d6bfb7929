"""askcli store copy: what it refuses, with nothing changed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import OperationalError

from askcli.services.clock import now
from askcli.store import deadline, migrations
from askcli.store.copies import copying, exclusive
from askcli.store.database import engines
from askcli.store.tables import processes, users
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase
from tests.support.moves import checksums, copy, opened, run_sql
from tests.support.stored import fill


def test_a_target_with_other_data_is_refused(new_database: NewDatabase, new_cli: NewCli) -> None:
    source, target, other = (new_database("sqlite", migrated=True) for _ in range(3))
    fill(source)
    fill(target, 1)
    before = checksums(target)
    done = copy(new_cli, source, target)
    assert (done.code, "has data of its own (" in done.err) == (1, True), done
    fill(other)  # as many rows
    assert copy(new_cli, source, other).code == 1
    assert checksums(target) == before


def test_a_copy_of_a_source_that_has_changed_does_not_go_on(
    new_database: NewDatabase, new_cli: NewCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = (new_database(kind, migrated=True) for kind in ("sqlite", "postgres"))
    fill(source)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(copying, "_compare", interrupted)
        done = copy(new_cli, source, target)
        assert (done.code, done.out) == (130, ""), done
    run_sql(source, "UPDATE questions SET answer = answer || '!' WHERE cost_usd > 0")
    done = copy(new_cli, source, target)
    assert (done.code, "rows of questions in the target are not those" in done.err) == (1, True)


def test_what_arrives_otherwise_than_it_was_sent_is_no_copy(
    new_database: NewDatabase, new_cli: NewCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = (new_database("sqlite", migrated=True) for _ in range(2))
    fill(source)
    insert = copying._insert

    def insert_otherwise(writer: Connection, *more: Any) -> None:
        insert(writer, *more)
        writer.execute(text("UPDATE users SET name = name || ' '"))

    monkeypatch.setattr(copying, "_insert", insert_otherwise)
    done = copy(new_cli, source, target)
    assert (done.code, done.out, "users in the target is not the same" in done.err) == (1, "", True)
    assert new_cli(DB_CONN_STRING=target).in_process("users", "list").code == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_database_in_use_is_refused(
    new_database: NewDatabase, new_cli: NewCli, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(exclusive, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0)
    one, other = (new_database(kind, migrated=True) for _ in range(2))
    fill(one)
    for used in (one, other):
        with opened(used) as database, database.reading() as connection:
            connection.execute(select(users.c.id)).all()
            done = copy(new_cli, one, other)
            assert (done.code, "is in use: " in done.err, "Stop all its servers" in done.err) == (
                1,
                True,
                True,
            ), done
    with opened(one) as database, database.transaction() as connection:
        connection.execute(update(processes).values(heartbeat_at=now()))
    done = copy(new_cli, one, other)
    assert (done.code, "a server was answering there" in done.err) == (1, True), done
    assert checksums(other)["users"]["rows"] == 0


def test_nobody_writes_to_a_source_that_is_read(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0)
    for kind, error in (("sqlite", "locked"), ("postgres", "lock timeout")):
        url = new_database(kind, migrated=True)
        fill(url)
        with (
            opened(url) as source,
            exclusive.connection_to(source) as reader,
            exclusive.unchanging(reader),
            opened(url) as other,
            deadline.within(5),
            pytest.raises(OperationalError, match=error),
            other.transaction() as connection,
        ):
            connection.execute(update(users).values(name="another"))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_databases_of_other_versions_are_refused(
    new_database: NewDatabase, new_cli: NewCli, kind: str
) -> None:
    ready, older, newer, next_, begun = (new_database(kind, migrated=True) for _ in range(5))
    run_sql(older, "UPDATE alembic_version SET version_num = '0001'")
    run_sql(newer, "UPDATE alembic_version SET version_num = '9999'")
    run_sql(next_, f"UPDATE alembic_version SET version_num = '{int(migrations.HEAD) + 1:04}'")
    run_sql(begun, "UPDATE alembic_version SET version_num = 'copying 0001'")  # tables of then
    for source, target, code, reason in (
        (ready, begun, 1, "by another version of askcli has not ended: begin anew"),
        (ready, older, 2, "run `askcli migrate` first (with DB_CONN_STRING of the target)"),
        (older, ready, 2, "run `askcli migrate` first"),
        (newer, ready, 1, "upgrade this one"),
        (ready, newer, 1, "the target "),
        (next_, ready, 1, "upgrade this one"),  # there may be columns that are not known here
        (ready, ready, 2, "are the same database"),
        (ready, f"sqlite:///{new_cli().home}/none.db", 1, "there is no database"),
    ):
        done = copy(new_cli, source, target)
        assert (done.code, done.out, reason in done.err) == (code, "", True), done


def test_no_password_is_an_argument_or_shown(new_database: NewDatabase, new_cli: NewCli) -> None:
    cli, secret = new_cli(), "postgresql://u:sesame@127.0.0.1:1/x"
    for words in (("--from", secret, "--to", "sqlite:///x.db"), ("--to", secret)):
        done = cli.in_process("store", "copy", *words)
        assert (done.code, "which all users of this machine could see" in done.err) == (2, True)
        assert "sesame" not in done.err
    for url in (f"{secret}?sslpassword=sesame", "mysql://u:sesame@x/y"):
        done = copy(new_cli, new_database("sqlite", migrated=True), url)
        assert (done.code != 0, "sesame" in done.err) == (True, False), done
    done = cli.in_process("store", "copy")
    assert (done.code, "ASKCLI_COPY_TO" in done.err) == (2, True)
