"""The database: one engine, and the threads that talk to it.

SQLAlchemy Core is synchronous here on purpose: in a bounded pool of threads it is faster than
either async driver stack (docs/adr/0003-store.md), and one code serves both databases. A unit of
work is a function of a connection; it runs in one transaction that commits when it returns and
rolls back when it raises.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from askcli.errors import DatabaseUnavailable, Failed, Misused
from askcli.files import private_directory

T = TypeVar("T")
P = ParamSpec("P")

READERS = 8
BUSY_SECONDS = 5
QUEUE_SECONDS = 10.0

log = logging.getLogger("askcli.store")


class Database:
    """Runs units of work on a database, off the event loop."""

    def __init__(self, url: str) -> None:
        """Open nothing yet. Raises Misused for a URL that is neither SQLite nor PostgreSQL."""
        self.url = _checked(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store")
        # SQLite has one writer at a time whatever we do: queueing in one thread of ours is fair,
        # and cannot run into "database is locked".
        self._writers = ThreadPoolExecutor(1) if self.is_sqlite else self._readers

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of `work(connection, …)` in a transaction that only reads."""
        return await self._run(self._readers, "BEGIN", lambda c: work(c, *args, **kwargs))

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of `work(connection, …)` in a transaction that may write.

        Raises DatabaseUnavailable when the database cannot be reached or does not take it.
        """
        return await self._run(self._writers, "BEGIN IMMEDIATE", lambda c: work(c, *args, **kwargs))

    async def _run(
        self, pool: ThreadPoolExecutor, begin: str, work: Callable[[Connection], T]
    ) -> T:
        late = time.monotonic() + QUEUE_SECONDS
        return await asyncio.get_running_loop().run_in_executor(pool, self._work, begin, work, late)

    def _work(self, begin: str, work: Callable[[Connection], T], late: float) -> T:
        if time.monotonic() > late:
            # Behind others that each waited for a locked database: better told than kept waiting.
            raise _unavailable("is too busy")
        try:
            with self.engine.connect() as connection:
                # The SQLite listener below says BEGIN, and which one; PostgreSQL needs no telling.
                connection.execution_options(sqlite_begin=begin)
                with connection.begin():
                    return work(connection)
        except (DBAPIError, PoolTimeout) as error:
            if isinstance(error, DBAPIError) and _is_our_fault(error):
                raise
            log.warning("the database failed: %s", str(error).splitlines()[0])
            raise _unavailable(_reason(error)) from error

    def close(self) -> None:
        """Wait for what is under way, then close."""
        self._writers.shutdown()
        self._readers.shutdown()
        self.engine.dispose()


def _unavailable(reason: str) -> DatabaseUnavailable:
    return DatabaseUnavailable(
        f"The database {reason}; nothing was changed. Try again shortly.", retry_after=2
    )


_REASONS = {
    "disk is full": "has no disk space left",
    "disk I/O error": "cannot use its disk",
    "readonly": "cannot be written: it is read-only",
    "locked": "is locked by another process",
}


def _reason(error: Exception) -> str:
    for words, reason in _REASONS.items():
        if words in str(error):
            return reason
    return "is not available just now"


def _is_our_fault(error: DBAPIError) -> bool:
    """A broken constraint or a wrong statement, rather than a database that is away or full."""
    return type(error).__name__ in ("IntegrityError", "DataError", "ProgrammingError")


def _checked(text: str) -> URL:
    try:
        url = make_url(text)
        known = url.drivername in ("sqlite", "postgresql", "postgresql+psycopg")
    except (ArgumentError, ValueError):
        known = False
    if not known:
        # Never the string itself: it may hold a password.
        raise Misused(
            "DB_CONN_STRING is not a database URL that askcli knows: "
            "use sqlite:///path/to/file.db or postgresql://user:password@host/name."
        )
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    return url


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise Misused("DB_CONN_STRING must name a file for SQLite: sqlite:///path/to/file.db.")
    path = Path(url.database)
    if not path.parent.exists():
        private_directory(path.parent)
    engine = create_engine(url, pool_size=READERS + 1, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "do_connect")
    def create(*_: Any) -> None:
        with suppress(OSError):  # SQLite says better what is wrong with the path
            path.touch(mode=0o600)  # its WAL file takes the same mode

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5},
    )


def check_reachable(database: Database) -> None:
    """Raises Failed when the database cannot be opened, saying why but no password."""
    with telling_why(database), database.engine.connect():
        pass


@contextmanager
def telling_why(database: Database) -> Iterator[None]:
    """Turn a database that cannot be used into Failed, saying why but no password."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        file = Path(database.url.database or "")
        if database.is_sqlite and file.exists() and not os.access(file, os.W_OK):
            reason = "the file is read-only"
        shown = database.url.render_as_string(hide_password=True)
        raise Failed(f"cannot use the database {shown}: {reason}") from None
