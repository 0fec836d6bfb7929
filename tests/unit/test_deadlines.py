"""A unit of work has a deadline, whatever its thread is stuck in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from askcli.errors import DatabaseUnavailable
from askcli.store import database as module
from askcli.store.database import Database
from askcli.store.tables import limits
from tests.support.databases import migrated_file


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database whose units have little time."""
    monkeypatch.setattr(module, "UNIT_SECONDS", {"sqlite": 0.3})
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.2)
    opened = Database(migrated_file(tmp_path / "askcli.db"))
    yield opened
    opened.close()


def test_a_stuck_thread_is_not_waited_for_and_stores_nothing_afterwards(database: Database) -> None:
    go_on, stored = threading.Event(), threading.Event()

    def stuck(connection: Connection) -> None:
        connection.execute(insert(limits).values(key="k", full_at=1))
        stored.set()
        assert go_on.wait(60)

    async def scenario() -> None:
        with pytest.raises(DatabaseUnavailable, match="does not answer"):
            await database.write(stuck)
        assert stored.is_set()
        go_on.set()  # the same thread writes next, once it has rolled back
        assert await database.write(lambda c: c.execute(select(limits.c.key)).all()) == []

    asyncio.run(scenario())


def test_a_statement_of_sqlite_ends_at_the_deadline(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 20)  # for a thread that is late on a busy machine
    endless = text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    )
    with pytest.raises(DatabaseUnavailable, match="too slow"):
        asyncio.run(database.read(lambda connection: connection.execute(endless).all()))
