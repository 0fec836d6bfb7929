"""Connections that PostgreSQL has closed while they were idle: who finds one notices nothing."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Connection, select, text

from askcli.errors import DatabaseUnavailable
from askcli.store.database import Database
from askcli.store.prepared import Prepared
from askcli.store.tables import users
from tests.support.databases import NewDatabase
from tests.support.people import new_user

_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid != pg_backend_pid()"
)


def terminate_others(url: str) -> None:
    other = Database(url)
    with other.transaction() as connection:
        assert connection.execute(_OTHERS).all()
    other.close()


def test_a_unit_runs_again_on_a_new_connection(new_database: NewDatabase) -> None:
    async def scenario() -> None:
        url = new_database("postgres")
        database, runs = Database(url), list[str]()

        def work(connection: Connection) -> int:
            runs.append("run")
            return int(connection.execute(text("SELECT 1")).scalar_one())

        for use in (database.read, database.write, database.read_in_transaction):
            assert await use(work) == 1
            await asyncio.to_thread(terminate_others, url)
            assert await use(work) == 1
        assert len(runs) == 9
        database.close()

    asyncio.run(scenario())


def test_what_may_be_done_is_not_done_again(new_database: NewDatabase) -> None:
    """Where the connection breaks as the unit commits."""

    async def scenario() -> None:
        url = new_database("postgres")
        database, runs = Database(url), list[str]()

        def work(connection: Connection) -> None:
            runs.append("run")
            new_user(connection, "a@example.org")
            terminate_others(url)

        with pytest.raises(DatabaseUnavailable) as failure:
            await database.write(work)
        assert failure.value.may_be_done
        assert runs == ["run"]
        database.close()

    asyncio.run(scenario())


def test_a_statement_of_the_driver_finds_all_connections_dead_at_once(
    new_database: NewDatabase,
) -> None:
    """And not one after the other, of which the second would fail the unit."""

    async def scenario() -> None:
        url = new_database("postgres")
        database, runs = Database(url), list[str]()
        prepared = Prepared(lambda _: select(users.c.id))

        def work(connection: Connection) -> int:
            runs.append("run")
            return len(prepared.rows(connection, {}))

        together = threading.Barrier(3)

        def wait(connection: Connection) -> int:
            together.wait(30)  # so that each has a connection of its own
            return work(connection)

        await asyncio.gather(*(database.read(wait) for _ in range(3)))
        await asyncio.to_thread(terminate_others, url)
        runs.clear()
        assert [await database.read(work) for _ in range(3)] == [0, 0, 0]
        assert len(runs) == 4
        database.close()

    asyncio.run(scenario())
