"""Prepared statements that PostgreSQL refuses from some moment on."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Connection, insert, select

from askcli.errors import DatabaseUnavailable
from askcli.store.database import Database, poolers
from askcli.store.prepared import Prepared, PreparedChange
from askcli.store.tables import limits
from tests.support.databases import NewDatabase

KEYS = select(limits.c.key)
OWN, ADD = Prepared(lambda _: KEYS), PreparedChange(insert(limits))
CHANGES = ["ALTER TABLE limits ALTER key TYPE text", "DEALLOCATE ALL"]


def own(connection: Connection) -> int:
    return len(OWN.rows(connection, {}))


def by_cursor(connection: Connection) -> int:
    return len(connection.execute(KEYS).all())


def add(connection: Connection, key: str) -> None:
    ADD.run_later(connection, {"key": key, "full_at": 1})


def run(database: Database, statement: str) -> None:
    """Run it on the connection that the next unit has, without its driver's knowledge."""
    with database.engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver
        driver.pgconn.exec_(statement.encode())


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("work", [own, by_cursor])
@pytest.mark.parametrize("use", ["read", "write"])
def test_a_statement_that_is_stale_is_prepared_anew(
    new_database: NewDatabase, use: str, work: object, change: str
) -> None:
    """On a new connection: the types of its results were changed, or this one has forgotten it."""
    database = Database(new_database("postgres"))
    poolers.use_prepared(database.engine)

    async def scenario() -> None:
        unit = getattr(database, use)
        for _ in range(2 * poolers.PREPARED_AFTER):
            assert await unit(work) == 0
        run(database, change)
        for _ in range(2 * poolers.PREPARED_AFTER):
            assert await unit(work) == 0

    asyncio.run(scenario())
    database.close()


def test_one_that_is_stale_as_a_unit_commits_leaves_the_next_unit_alone(
    new_database: NewDatabase,
) -> None:
    database = Database(new_database("postgres"))
    poolers.use_prepared(database.engine)

    async def scenario() -> None:
        for number in range(2 * poolers.PREPARED_AFTER):
            await database.write(add, f"{number}")
        run(database, "DEALLOCATE ALL")
        with pytest.raises(DatabaseUnavailable):
            await database.write(add, "a")
        await database.write(add, "a")

    asyncio.run(scenario())
    database.close()
