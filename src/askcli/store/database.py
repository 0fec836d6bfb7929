"""The database: one engine, and a bounded pool of threads that use it.

SQLAlchemy Core is synchronous here on purpose: in threads it is faster than
either async driver stack (docs/adr/0003-store.md), and one code serves both databases. A unit of
work is a function of a connection; it runs in one transaction that commits when it returns and
rolls back when it raises.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from askcli.errors import DatabaseUnavailable, Failed
from askcli.store import engines

T = TypeVar("T")
P = ParamSpec("P")

QUEUE_SECONDS = 10.0

log = logging.getLogger("askcli.store")


class Database:
    """Runs units of work on a database, off the event loop."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet. Raises Misused for a URL of any other database."""
        self.url = engines.parse_url(url)
        self.dialect = self.url.get_backend_name()
        self.is_sqlite = self.dialect == "sqlite"
        self.engine = engines.sqlite(self.url) if self.is_sqlite else engines.postgresql(self.url)
        self._readers = ThreadPoolExecutor(engines.READERS, thread_name_prefix="store")
        # SQLite has one writer at a time in any case: a queue before one thread is fair, and cannot
        # fail with "database is locked".
        self._writers = ThreadPoolExecutor(1) if self.is_sqlite else self._readers

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return `work(connection, …)`, run in a read-only transaction."""
        return await self._run(self._readers, "BEGIN", lambda c: work(c, *args, **kwargs))

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return `work(connection, …)`, run in a transaction that may write.

        Raises DatabaseUnavailable when the database cannot be reached or does not take it.
        """
        return await self._run(self._writers, "BEGIN IMMEDIATE", lambda c: work(c, *args, **kwargs))

    async def _run(
        self, pool: ThreadPoolExecutor, begin: str, work: Callable[[Connection], T]
    ) -> T:
        deadline = time.monotonic() + QUEUE_SECONDS
        context = contextvars.copy_context()  # the work may need the request's information
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, context.run, self._work, begin, work, deadline)

    def _work(self, begin: str, work: Callable[[Connection], T], deadline: float) -> T:
        if time.monotonic() > deadline:
            # The work before it waited for a locked database: fail rather than wait on.
            raise _unavailable("is too busy")
        try:
            with self.transaction(begin) as connection:
                return work(connection)
        except (DBAPIError, PoolTimeout) as error:
            if isinstance(error, DBAPIError) and _is_our_fault(error):
                raise
            log.warning("the database failed: %s", str(error).splitlines()[0])
            raise _unavailable(_reason(error)) from error

    @contextmanager
    def transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
        """Open a transaction in this thread; it commits when the block succeeds."""
        with self.engine.connect() as connection:
            # The SQLite engine issues this statement; PostgreSQL ignores it.
            connection.execution_options(sqlite_begin=begin)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Wait for the work in progress, then close."""
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
    """Whether a constraint or a statement is wrong, rather than the database unavailable."""
    return type(error).__name__ in ("IntegrityError", "DataError", "ProgrammingError")


def check_reachable(database: Database) -> None:
    """Raise Failed, with the reason but no password, when the database cannot be opened."""
    with connection_errors(database), database.engine.connect():
        pass


@contextmanager
def connection_errors(database: Database) -> Iterator[None]:
    """Raise Failed, with the reason but no password, for errors of the database."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        file = Path(database.url.database or "")
        if database.is_sqlite and file.exists() and not os.access(file, os.W_OK):
            reason = "the file is read-only"
        url = database.url.render_as_string(hide_password=True)
        raise Failed(f"cannot use the database {url}: {reason}") from None
