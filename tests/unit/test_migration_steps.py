"""Each migration, up and down one step, and that the version before can go on with what it made."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, inspect, text
from tools.schema import migrated
from tools.schema import schema as statements

from askcli.errors import Failed
from askcli.store import migrations
from askcli.store.database import Database
from askcli.store.migrations import newest
from tests.support.databases import NewDatabase, opened
from tests.support.migrating import migrate, schema
from tests.support.people import new_user
from tests.support.search_cases import store_question
from tests.support.soak import SOAK

# What a migration takes away, by its version, that the version before did not use any more.
CONTRACTED: dict[str, set[str]] = {}
FIRST_KEPT = 18  # from the first release on, the version before goes on; all of before were one

VERSIONS = [f"{number:04}" for number in range(1, int(migrations.HEAD) + 1)]


@pytest.fixture(params=["sqlite", "postgres"])
def connection(request: pytest.FixtureRequest, new_database: NewDatabase) -> Iterator[Connection]:
    with opened(new_database(request.param)) as connection:
        yield connection


def counts(connection: Connection) -> list[int]:
    """How many users and questions there are."""
    tables = "users", "questions"
    return [connection.execute(text(f"SELECT count(*) FROM {one}")).scalar_one() for one in tables]


def tables_of(connection: Connection) -> dict[str, Any]:
    """The schema without what search has: a new database has that of today from the start."""
    own = ("question_words", "question_index", "question_sizes", "question_vocabulary")
    return {name: has for name, has in schema(connection).items() if not name.startswith(own)}


def test_a_new_sqlite_database_has_at_once_what_the_migrations_make() -> None:
    """Where this fails after a new migration: `make schema`."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        newest.create(connection, migrations.HEAD)
        assert statements(connection) == newest.FILE.read_text() == migrated()
        assert migrations.current(connection) == migrations.HEAD
    engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_wait_for_anothers_migration_is_told_before_it_begins(
    new_database: NewDatabase, kind: str
) -> None:
    """Who starts a local server waits without a limit from then on."""
    database = Database(new_database(kind))
    with database.engine.begin() as connection:
        migrate(connection, VERSIONS[-2])
    is_told, done = Event(), list[Any]()

    def upgrade() -> None:
        done.append(migrations.upgrade(database, on_migration=is_told.set))

    other = Thread(target=upgrade)
    with migrations._alone(database):
        other.start()
        assert is_told.wait(60)
        assert not done
    other.join(60)
    assert done == [(VERSIONS[-2], migrations.HEAD)]
    assert migrations.upgrade(database, on_migration=done.clear) == (migrations.HEAD,) * 2
    assert done
    database.close()


def test_no_migration_is_told_of_a_database_that_has_none(new_database: NewDatabase) -> None:
    database = Database(new_database("sqlite"))
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of a later askcli'"))
    is_told = Event()
    with pytest.raises(Failed):
        migrations.upgrade(database, on_migration=is_told.set)
    assert not is_told.is_set()
    database.close()


def test_a_new_sqlite_database_needs_no_alembic(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)
    database = Database(new_database("sqlite", migrated=False))
    assert migrations.upgrade(database) == (None, migrations.HEAD)
    database.close()


@pytest.mark.parametrize("is_filled", [False, True])
def test_each_migration_goes_a_step_down_and_up_again(
    connection: Connection, is_filled: bool
) -> None:
    """The newest one; in the soak all of them."""
    if is_filled:
        user_id = new_user(connection, "a@example.org")
        for number in range(20):
            store_question(connection, str(user_id), f"question {number}", "an answer")
    stored = counts(connection)
    steps = list(zip(VERSIONS[-2::-1], VERSIONS[:0:-1], strict=True))
    for before, version in steps if SOAK else steps[:1]:
        newer = tables_of(connection)
        migrate(connection, before)
        older = tables_of(connection)
        migrate(connection, version)
        assert tables_of(connection) == newer, version
        migrate(connection, before)
        assert tables_of(connection) == older, version
        assert counts(connection) == stored
    migrate(connection, migrations.HEAD)
    assert counts(connection) == stored


def test_a_migration_takes_nothing_from_the_version_before(connection: Connection) -> None:
    """It can read and write as before: what is new has defaults, what it uses is there."""
    migrate(connection, VERSIONS[FIRST_KEPT - 2])
    for version in VERSIONS[FIRST_KEPT - 1 :]:
        before = columns(connection)
        migrate(connection, version)
        after = columns(connection)
        gone = before.keys() - after.keys()
        assert gone <= CONTRACTED.get(version, set()), version
        for name in after.keys() & before.keys():
            assert after[name]["nullable"] >= before[name]["nullable"], (version, name)
            assert str(after[name]["type"]) == str(before[name]["type"]), (version, name)
        tables = {name.partition(".")[0] for name in before}
        for name in after.keys() - before.keys():
            is_of_new_table = name.partition(".")[0] not in tables
            column = after[name]
            assert is_of_new_table or column["nullable"] or column["default"], (version, name)


def columns(connection: Connection) -> dict[str, Any]:
    """The columns of all tables, by table and name; not SQLite's own tables for the search."""
    inspector = inspect(connection)
    return {
        f"{table}.{column['name']}": column
        for table in inspector.get_table_names()
        if not table.startswith("question_index_")
        for column in inspector.get_columns(table)
    }
