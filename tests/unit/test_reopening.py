"""Connections that are opened anew: none of the old ones stays open, or is joined by a new one."""

from __future__ import annotations

import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from askcli.files.pid_file import FileIdentities
from askcli.server.process.database_files import DatabaseFiles
from askcli.store import deadline
from askcli.store.database import Database, reopening, sqlite_files
from tests.support.databases import NewDatabase
from tests.support.waiting import eventually


def open_files(database: Database) -> int:
    """How often this process has the database's file open."""
    name, count = str(database.file), 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(link.readlink()) == name
    return count


def test_connections_in_use_are_closed_once_they_are_given_back(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reopening, "LEAST_SECONDS", 0.0)
    with closing(Database(new_database("sqlite"))) as database:
        for _ in range(3):
            with database.reading(), database.reading():
                database.writing.connections.reopen()
            assert open_files(database) == 0
        with database.reading():
            assert open_files(database) == 1
        assert open_files(database) == 1  # it stays in the pool


def test_connections_are_opened_anew_once_a_second_at_most(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reopening, "LEAST_SECONDS", 60.0)
    with closing(Database(new_database("sqlite"))) as database:
        database.writing.connections.reopen()
        with database.reading():
            database.writing.connections.reopen()
        assert open_files(database) == 1


def test_a_new_connection_is_none_of_the_old_ones_whatever_the_clock_says(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(new_database("sqlite"))) as database:
        database.writing.connections.reopen()
        monkeypatch.setattr(time, "time", lambda: 0.0)
        with database.reading():
            pass
        assert database.writing.connections.times() is not None  # so that a lost log is noticed
        assert open_files(database) == 1


def test_a_new_connection_of_sqlites_waits_for_the_last_old_one(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would share what that one could only read."""
    is_waiting = threading.Event()

    def for_long(_seconds: float) -> float:
        is_waiting.set()
        return 60.0

    monkeypatch.setattr(deadline, "at_most", for_long)
    files: list[int] = []

    def read() -> None:
        with database.reading():
            files.append(open_files(database))

    with closing(Database(new_database("sqlite"))) as database:
        reader = threading.Thread(target=read)
        with database.reading():
            database.writing.connections.reopen()
            is_waiting.clear()
            reader.start()
            assert is_waiting.wait(60)
            assert not files
        eventually(lambda: files)
        reader.join(60)
    assert files == [1]


def test_a_log_that_sqlite_deletes_with_the_last_old_connection_is_not_lost(
    new_database: NewDatabase,
) -> None:
    with closing(Database(new_database("sqlite"))) as database:
        with database.reading():
            files = DatabaseFiles(database)
            assert files.is_log_intact()
            database.writing.connections.reopen()
            assert files.is_log_intact()
        assert not any(path.exists() for path in sqlite_files.log_files(database.file))
        assert files.is_log_intact()
        with database.transaction():
            assert files.is_log_intact()
        sqlite_files.log_files(database.file)[0].unlink()
        assert not files.is_log_intact()


def test_the_log_of_a_database_that_this_process_has_not_open_is_anothers(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It deletes the log with its last connection."""
    monkeypatch.setattr(reopening, "LEAST_SECONDS", 0.0)
    url = new_database("sqlite")
    with closing(Database(url)) as database, closing(Database(url)) as another:
        files = DatabaseFiles(database)
        for leave in (Connection.invalidate, Connection.detach):
            with another.transaction():
                assert files.is_log_intact()
            another.writing.connections.reopen()
            assert not any(path.exists() for path in sqlite_files.log_files(database.file))
            assert files.is_log_intact()
            with database.reading() as connection:
                assert files.is_log_intact()
                leave(connection)
            assert files.is_log_intact()


def test_a_log_that_sqlite_deletes_while_it_is_looked_at_is_not_lost(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database(new_database("sqlite"))) as database:
        with database.reading():
            files = DatabaseFiles(database)
            assert files.is_log_intact()
        are_intact = FileIdentities.are_intact

        def closed_first(identities: FileIdentities) -> bool:
            database.writing.connections.reopen()
            return are_intact(identities)

        monkeypatch.setattr(FileIdentities, "are_intact", closed_first)
        assert files.is_log_intact()


@pytest.mark.parametrize("moment", ["connect", "checkin"])
def test_a_connection_that_is_opened_or_given_back_just_then_is_closed(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """It returns to the pool that was replaced, after its idle connections have been closed."""
    monkeypatch.setattr(reopening, "LEAST_SECONDS", 60.0)
    with closing(Database(new_database("sqlite"))) as database:
        is_first = moment == "connect"  # before it is known to be open, or after it was looked at
        reopen = database.writing.connections.reopen
        event.listen(database.engine, moment, lambda *_: reopen(), insert=is_first)
        with database.reading():
            pass
        with database.reading():
            assert open_files(database) == 1
