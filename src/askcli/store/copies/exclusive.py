"""A database for one process alone: no server writes to it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import OperationalError

from askcli.errors import Failed
from askcli.store.columns import metadata
from askcli.store.database import Database, shared_clock, urls
from askcli.store.tables import processes

# What a process that was just killed had open is closed within this time.
WAIT_SECONDS = 5.0
POLL_SECONDS = 0.1
# A server that answers gives a sign of life twice a second.
FRESH_SECONDS = 15

# Of this user alone: of a server, or of a pooler before it. Others' may be a monitor's.
_OTHERS = text(
    """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND usename = current_user AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
)


@contextmanager
def connection_to(database: Database) -> Iterator[Connection]:
    """Connect to a database that no server uses, as far as can be seen.

    An SQLite file stays locked against all other processes until the database is closed. Raises
    Failed when another process uses it.
    """
    database.engine.dispose()  # its pool's connections would be others
    with database.engine.connect() as connection:
        if database.is_sqlite:
            _lock_file(connection, database)
        else:
            _wait_until_alone(connection, database)
        _refuse_answering(connection, database)
        yield connection


@contextmanager
def unchanging(connection: Connection) -> Iterator[None]:
    """Read one state of the database during the block, in which nobody changes it.

    Raises Failed for a PostgreSQL that somebody is writing to.
    """
    if connection.dialect.name == "sqlite":  # locked already
        with connection.begin():
            yield
        return
    tables = ", ".join(metadata.tables)
    connection.execution_options(isolation_level="REPEATABLE READ")
    with connection.begin():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(WAIT_SECONDS * 1000)}")
        try:
            connection.exec_driver_sql(f"LOCK TABLE {tables} IN SHARE MODE")
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
                raise
            raise _in_use(urls.shown(connection.engine.url), "somebody is writing to it") from None
        yield


def _lock_file(connection: Connection, database: Database) -> None:
    connection.execution_options(sqlite_begin="")
    with connection.begin():
        connection.exec_driver_sql("PRAGMA locking_mode = EXCLUSIVE")
    connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
    try:
        with connection.begin():
            pass
    except OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        raise _in_use(urls.shown(database.url), "another process has it open") from None


def _wait_until_alone(connection: Connection, database: Database) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while others := _count_others(connection):
        if time.monotonic() > deadline:
            reason = f"its user has {others} other connection{'s' if others > 1 else ''} to it"
            raise _in_use(urls.shown(database.url), reason)
        time.sleep(POLL_SECONDS)


def _count_others(connection: Connection) -> int:
    with connection.begin():
        return int(connection.execute(_OTHERS).scalar_one())


def _refuse_answering(connection: Connection, database: Database) -> None:
    """Raise Failed where a server of another database user, or of another machine, is answering."""
    with connection.begin():
        now = shared_clock.now(connection)
        last = connection.scalar(select(func.max(processes.c.heartbeat_at)))
    if last and abs(now - last) < timedelta(seconds=FRESH_SECONDS):
        reason = f"a server was answering there within the last {FRESH_SECONDS} seconds"
        raise _in_use(urls.shown(database.url), reason)


def _in_use(url: str, reason: str) -> Failed:
    return Failed(
        f"{url} is in use: {reason}. Stop all its servers first (`askcli serve --stop` stops the "
        "one on demand), keep them stopped, and run this again."
    )
