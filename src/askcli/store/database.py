"""The database: one engine, and the threads that talk to it.

SQLAlchemy Core is synchronous here on purpose: in a bounded pool of threads it is faster than
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
        """Open nothing yet. Raises Misused for a URL that is neither SQLite nor PostgreSQL."""
        self.url = engines.checked(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = engines.sqlite(self.url) if self.is_sqlite else engines.postgresql(self.url)
        self._readers = ThreadPoolExecutor(engines.READERS, thread_name_prefix="store")
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
        context = contextvars.copy_context()  # the work may need the request's information
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, context.run, self._work, begin, work, late)

    def _work(self, begin: str, work: Callable[[Connection], T], late: float) -> T:
        if time.monotonic() > late:
            # Behind others that each waited for a locked database: better told than kept waiting.
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
        """A transaction in this thread, which may write; commits at the end of the block."""
        with self.engine.connect() as connection:
            # SQLite's engine says BEGIN, and which one; PostgreSQL needs no telling.
            connection.execution_options(sqlite_begin=begin)
            with connection.begin():
                yield connection

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
