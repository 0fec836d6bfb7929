"""Statements of PostgreSQL that are sent together: what fails, when, and what is left of it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, bindparam, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from askcli.errors import DatabaseUnavailable
from askcli.services.clock import now
from askcli.store.database import Database, poolers
from askcli.store.database.pipelined_connection import PipelinedConnection
from askcli.store.prepared import Prepared, PreparedChange
from askcli.store.tables import limits, users
from tests.support.databases import NewDatabase
from tests.support.proxy import Proxy

ADD = PreparedChange(insert(limits))
COUNT = Prepared(lambda _: select(func.count()).where(limits.c.full_at >= bindparam("least")))
ADD_SLOWLY = PreparedChange(
    text("INSERT INTO limits SELECT :key, 1 FROM (SELECT pg_sleep(9)) AS slow")
)


@pytest.fixture
def database(new_database: NewDatabase) -> Iterator[Database]:
    database = Database(new_database("postgres"))
    poolers.use_prepared(database.engine)  # as its listener does
    yield database
    database.close()


def count(connection: Connection) -> int:
    row = COUNT.first(connection, {"least": 0})
    assert row is not None
    return int(row[0])


def add(connection: Connection, *keys: str) -> None:
    for key in keys:
        ADD.run_later(connection, {"key": key, "full_at": 1})


def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each has, as it begins."""
    numbers: list[int] = []
    run_all = PipelinedConnection._run_all

    def noted(self: Any) -> Any:
        numbers.append(len(self._later))
        return run_all(self)

    monkeypatch.setattr(PipelinedConnection, "_run_all", noted)
    return numbers


def test_what_waits_goes_with_the_next_statement_or_with_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(database.write(count))  # the connection is made
    numbers = round_trips(monkeypatch)

    def work(connection: Connection) -> list[int]:
        counts = [count(connection)]
        add(connection, "a", "b")
        counts.append(count(connection))
        add(connection, "c")
        counts += connection.scalars(select(func.count()).select_from(limits))  # by a cursor
        add(connection, "d", "e")
        return counts

    async def scenario() -> None:
        assert await database.write(work) == [0, 2, 3]
        assert await database.read(count) == 5

    asyncio.run(scenario())
    assert numbers == [2, 3, 1, 3, 1]


def test_what_fails_with_commit_has_changed_nothing(database: Database) -> None:
    """And the connection, with the statements that are prepared there, goes on."""

    async def scenario() -> None:
        for number in range(8):
            await database.write(add, f"{number}")
            with pytest.raises(IntegrityError):
                await database.write(add, "other", f"{number}")
            assert await database.write(count) == number + 1

    asyncio.run(scenario())


def test_a_statement_that_is_ended_with_commit_is_told_as_undone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 50")
        add(connection, "a")
        ADD_SLOWLY.run_later(connection, {"key": "b"})

    async def scenario() -> None:
        with pytest.raises(DatabaseUnavailable) as failure:
            await database.write(work)
        assert not failure.value.may_be_done
        assert "too slow" in str(failure.value)
        assert await database.read(count) == 0

    asyncio.run(scenario())


def message(kind: bytes, content: bytes) -> bytes:
    """A message of PostgreSQL's."""
    return kind + struct.pack("!i", 4 + len(content)) + content


# What a pooler says in place of the results, where it has lost the server: PgBouncer, and one that
# keeps the connection.
LOST = message(b"E", b"SFATAL\0VFATAL\0C08P01\0Mserver conn crashed?\0\0")
LOST_AND_READY = message(b"E", b"SERROR\0VERROR\0C08006\0Mlost\0\0") + message(b"Z", b"I")


@pytest.mark.parametrize("told", [LOST, LOST_AND_READY])
def test_a_pooler_that_has_lost_the_results_tells_nothing_of_the_commit(
    postgres: str, new_database: NewDatabase, told: bytes
) -> None:
    """All was sent, and PostgreSQL has committed: the first result that is missing is BEGIN's."""
    (directory,) = parse_qs(urlsplit(postgres).query)["host"]
    with Proxy(f"{directory}/.s.PGSQL.5432") as proxy:
        name = urlsplit(new_database("postgres")).path
        database = Database(f"postgresql://postgres@{urlsplit(proxy.url).netloc}{name}")

        async def scenario() -> None:
            assert await database.read(count) == 0
            proxy.lose_the_reply_to(b"COMMIT", told=told)
            with pytest.raises(DatabaseUnavailable) as failure:
                await database.write(add, "a")
            assert failure.value.may_be_done
            assert await database.read(count) == 1

        asyncio.run(scenario())
        database.close()


def test_statements_that_are_prepared_outlive_a_savepoint(database: Database) -> None:
    """At whose end psycopg lets PostgreSQL forget all that were prepared."""
    with database.transaction() as connection:
        for number in range(16):
            add(connection, f"{number}")
            savepoint = connection.begin_nested()
            add(connection, f"more {number}")
            connection.execute(select(func.count()).select_from(users))
            savepoint.rollback()
            assert count(connection) == number + 1


def test_a_statement_is_prepared_once_however_often_it_is_sent(database: Database) -> None:
    with database.transaction() as connection:
        add(connection, *map(str, range(20)))
        assert count(connection) == 20
        add(connection, *map(str, range(20, 30)))
        assert count(connection) == 30
        names = connection.exec_driver_sql("SELECT name FROM pg_prepared_statements").all()
        assert len(names) == 1


def test_a_value_that_is_refused_leaves_what_waits_as_it_is(database: Database) -> None:
    with database.transaction() as connection:
        add(connection, "a")
        with pytest.raises(DBAPIError):
            add(connection, "b\0")
        add(connection, "c")
        assert count(connection) == 2


def test_what_waits_is_rolled_back_with_the_rest(database: Database) -> None:
    def work(connection: Connection) -> UUID:
        count(connection)
        add(connection, uuid4().hex)
        raise ValueError(now())

    async def scenario() -> None:
        with pytest.raises(ValueError):
            await database.write(work)
        assert await database.write(count) == 0

    asyncio.run(scenario())


PREPARED = text("SELECT name FROM pg_prepared_statements")


def test_nothing_is_prepared_before_it_is_known_that_no_pooler_is_between(
    new_database: NewDatabase,
) -> None:
    """A pooler's connection would have other statements by the same names."""
    database = Database(new_database("postgres"))

    def prepared() -> int:
        for _ in range(2 * poolers.PREPARED_AFTER):
            with database.transaction() as connection:
                add(connection, uuid4().hex)
                count(connection)
        with database.transaction() as connection:
            return len(connection.execute(PREPARED).all())

    assert prepared() == 0
    poolers.use_prepared(database.engine)
    assert prepared() >= 4  # BEGIN, COMMIT and these two
    poolers.use_pooler(database.engine)
    with database.transaction() as connection:
        connection.exec_driver_sql("DEALLOCATE ALL")
    assert prepared() == 0
    database.close()


def test_a_statement_has_one_name_on_all_connections(new_database: NewDatabase) -> None:
    names = list[str | None]()
    for _ in range(2):
        database = Database(new_database("postgres"))
        poolers.use_prepared(database.engine)
        for _ in range(2 * poolers.PREPARED_AFTER):
            with database.transaction() as connection:
                count(connection)
                if names:  # in another order than on the first one
                    add(connection, uuid4().hex)
        of_count = text("SELECT name FROM pg_prepared_statements WHERE statement LIKE '%count%'")
        with database.transaction() as connection:
            names.append(connection.execute(of_count).scalars().first())
        database.close()
    assert names[0]
    assert names[0] == names[1]
