"""Servers and workers that share an SQLite database write to it in turn."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from askcli.store.database import Database
from tests.support.databases import migrated_file
from tests.support.writer import Commits, put, stored

WRITES = 20
# Of a busy process, to one of another that has to wait for it: with SQLite's own waiting some forty
# to some hundreds, in turn one or two.
MOST_COMMITS = 10


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """The database as two processes have it open."""
    file = migrated_file(tmp_path / "askcli.db")
    opened = Database(file), Database(file)
    yield opened
    for database in opened:
        database.close()


def some_work(_: Connection) -> None:
    time.sleep(0.002)  # what a group of units takes; the next one waits already


async def keep_busy(database: Database) -> None:
    while True:
        await database.write(some_work)


def test_a_busy_process_lets_another_write(databases: tuple[Database, Database]) -> None:
    busy, other = databases

    async def scenario() -> int:
        commits = Commits(busy)
        writers = [asyncio.create_task(keep_busy(busy)) for _ in range(2)]
        await busy.write(some_work)
        begun = commits.number
        for number in range(WRITES):
            await other.write(put, str(number))
        most = commits.number - begun
        for writer in writers:
            writer.cancel()
        await busy.write(some_work)  # after theirs
        return most

    assert asyncio.run(scenario()) < WRITES * MOST_COMMITS
    assert len(stored(other)) == WRITES


def test_a_process_that_has_died_in_its_turn_ends_it(databases: tuple[Database, Database]) -> None:
    database, _ = databases
    assert database.file
    handle = os.open(database.file.parent, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)

    async def scenario() -> str:
        writing = asyncio.create_task(database.write(put, "key"))
        await asyncio.wait([writing], timeout=0.1)
        assert not writing.done()
        os.close(handle)
        return await writing

    assert asyncio.run(scenario()) == "key"


def test_without_such_locks_it_is_written_out_of_turn(
    databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    assert asyncio.run(databases[0].write(put, "key")) == "key"
