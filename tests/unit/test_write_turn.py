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

from askcli.store.database import Database, sqlite_files
from tests.support.databases import migrated_file
from tests.support.writer import Commits, held, put, stored

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


@pytest.mark.parametrize("name", ["askcli.db", "link.db"])
def test_a_process_that_has_died_in_its_turn_ends_it(name: str, tmp_path: Path) -> None:
    file = migrated_file(tmp_path / "askcli.db")
    (tmp_path / "link.db").symlink_to("askcli.db")
    database = Database(file.replace("askcli.db", name))
    log = sqlite_files.log_files(tmp_path / "askcli.db")[0]

    async def scenario() -> str:
        await database.write(some_work)  # the log is there from now on
        handle = os.open(log, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        writing = asyncio.create_task(database.write(put, "key"))
        await asyncio.wait([writing], timeout=0.1)
        assert not writing.done()
        os.close(handle)
        return await writing

    assert asyncio.run(scenario()) == "key"
    database.close()


def test_another_database_in_the_directory_is_written_meanwhile(
    databases: tuple[Database, Database], tmp_path: Path
) -> None:
    busy, _ = databases
    other = Database(migrated_file(tmp_path / "other.db"))

    async def scenario() -> list[str]:
        async with held(busy):
            return [await other.write(put, str(number)) for number in range(2)]

    assert asyncio.run(scenario()) == ["0", "1"]
    other.close()


def test_whoever_locks_the_directory_holds_up_no_write(
    databases: tuple[Database, Database], tmp_path: Path
) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)  # as `flock DIRECTORY backup` does

    async def scenario() -> list[str]:
        return [await databases[0].write(put, str(number)) for number in range(2)]

    assert asyncio.run(scenario()) == ["0", "1"]
    os.close(handle)


def test_without_such_locks_it_is_written_out_of_turn(
    databases: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    assert asyncio.run(databases[0].write(put, "key")) == "key"
