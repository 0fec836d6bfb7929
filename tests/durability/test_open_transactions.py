"""Transactions of PostgreSQL whose server was killed, paused or cut off in the middle of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, text

from askcli.errors import DatabaseUnavailable
from askcli.store.database import Database, engines
from askcli.store.queries import users
from tests.support.databases import NewDatabase
from tests.support.people import new_user
from tests.support.waiting import eventually

IDLE_MILLISECONDS = 100


@pytest.fixture
def url(new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a PostgreSQL; open transactions may be idle for a short time."""
    monkeypatch.setitem(engines.TIMEOUTS, "idle_in_transaction_session_timeout", IDLE_MILLISECONDS)
    return new_database("postgres")


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def test_a_paused_transaction_keeps_its_locks_no_longer_than_a_unit_takes(url: str) -> None:
    async def scenario() -> None:
        user_id = await here.write(new_user, "somebody@example.org")

        def paused(connection: Connection) -> None:
            users.lock(connection, user_id)
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            eventually(lambda: not _is_connected(url, backend), seconds=3)
            users.change(connection, user_id, name="late")

        with pytest.raises(DatabaseUnavailable):
            await here.write(paused)
        row = await there.write(users.lock, user_id)
        assert row is not None
        assert row["name"] != "late"
        assert await here.write(users.lock, user_id) == row  # on another connection

    with opened(url) as here, opened(url) as there:
        asyncio.run(scenario())


def _is_connected(url: str, backend: int) -> bool:
    with psycopg.connect(url) as connection:
        query = "SELECT FROM pg_stat_activity WHERE pid = %s"
        return connection.execute(query, [backend]).rowcount == 1


def test_postgresql_looks_for_servers_that_are_gone(url: str) -> None:
    query = text("SELECT name FROM pg_settings WHERE source = 'session' AND name LIKE 'tcp%'")
    with opened(url) as database:
        names = asyncio.run(database.read(lambda connection: connection.scalars(query).all()))
    assert set(names) == engines.SERVER_KEEPALIVES.keys()


def test_a_migration_may_take_its_time(url: str) -> None:
    query = text("SELECT setting FROM pg_settings WHERE name = ANY(:names)")
    with opened(url) as database, database.transaction() as connection:
        settings = connection.scalars(query, {"names": list(engines.TIMEOUTS)}).all()
    assert settings == ["0"] * len(engines.TIMEOUTS)
