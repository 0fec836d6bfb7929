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
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from askcli.errors import DatabaseUnavailable
from askcli.store import deadline, engines, search
from askcli.store.pool import LongUnits, Pool

T = TypeVar("T")
P = ParamSpec("P")

# A unit of work is over, done or not, so long after it was queued: a request whose database hangs
# gets its 503 within five seconds. SQLite has more time for its one writer's queue.
UNIT_SECONDS = {"postgresql": 4.0, "sqlite": 10.0}
# A thread that is stuck even beyond that (in a name server, or a hung disk) is not waited for.
GRACE_SECONDS = 0.7

RETRY_AFTER_SECONDS = 2

log = logging.getLogger("askcli.store")


class Database:
    """Runs units of work on a database, off the event loop."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet. Raises Misused for a URL of any other database."""
        self.url = engines.parse_url(url)
        self.dialect = self.url.get_backend_name()
        self.is_sqlite = self.dialect == "sqlite"
        self.engine = engines.sqlite(self.url) if self.is_sqlite else engines.postgresql(self.url)
        self._unit_seconds = UNIT_SECONDS[self.dialect]
        self._readers = Pool(engines.READERS, "store")
        # SQLite has one writer at a time in any case: a queue before one thread cannot fail with
        # "database is locked".
        self._writers = Pool(1, "writer") if self.is_sqlite else self._readers
        self._long_entries = LongUnits()
        self.is_closed = False
        # On PostgreSQL, units that wait for a lock have threads of their own: those that need no
        # lock, or another one, do not wait behind them.
        self._waiters = Pool(engines.WAITERS, "waiters")

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(self.url.database or "") if self.is_sqlite else None

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

    async def write_entry(
        self,
        entry: search.Entry,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Like `write`, for work that stores an entry of the search index.

        Long entries, which take tenths of a second, are stored one at a time: other units wait for
        one of them, and not for all that have queued.
        """
        turn = self._long_entries.turn() if search.is_long(entry) else None
        return await self._run(
            self._writers, "BEGIN IMMEDIATE", lambda c: work(c, *args, **kwargs), turn
        )

    async def _run(
        self,
        pool: Pool,
        begin: str,
        work: Callable[[Connection], T],
        turn: AbstractAsyncContextManager[None] | None = None,
    ) -> T:
        context = contextvars.copy_context()  # the work may need the request's information
        context.run(deadline.start, self._unit_seconds)
        has_begun = False

        def work_in_thread() -> T:
            nonlocal has_begun
            has_begun = True
            return context.run(self._work, begin, work)

        try:
            async with (
                asyncio.timeout(self._unit_seconds + GRACE_SECONDS),
                turn or nullcontext(),
            ):
                while True:
                    try:
                        return await pool.run(work_in_thread, has_turn=turn is not None)
                    except _Locked:
                        pool, has_begun = self._waiters, False
        except TimeoutError:
            if not has_begun:
                raise _unavailable("is too busy") from None
            log.warning("the database does not answer")
            raise DatabaseUnavailable(
                "The database does not answer. Try again shortly.",
                may_be_done=True,
                retry_after=RETRY_AFTER_SECONDS,
            ) from None

    def _work(self, begin: str, work: Callable[[Connection], T]) -> T:
        if deadline.has_passed():
            raise _unavailable("is too busy")
        is_committing = False
        try:
            with self.transaction(begin) as connection:
                result = work(connection)
                if deadline.has_passed():
                    raise _unavailable("is too slow")
                is_committing = True
            return result
        except (DBAPIError, PoolTimeout) as error:
            if isinstance(error, DBAPIError) and _is_our_fault(error):
                raise
            if _is_locked(error) and not deadline.has_passed():
                raise _Locked from error
            log.warning("the database failed: %s", str(error).splitlines()[0])
            may_be_done = is_committing and not _is_undone(error)
            raise _unavailable(_reason(error), may_be_done=may_be_done) from error

    @contextmanager
    def transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
        """Open a transaction in this thread; it commits when the block succeeds."""
        with self.engine.connect() as connection:
            # The SQLite engine issues this statement; PostgreSQL ignores it.
            connection.execution_options(sqlite_begin=begin)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Wait for the units in progress, which have deadlines, and close; others are forgotten."""
        for pool in (self._writers, self._readers, self._waiters):
            pool.close()
        self.is_closed = True  # before SQLite removes the files of its log
        self.engine.dispose()


class _Locked(Exception):
    """A lock was not free in time: the unit was rolled back, and can run again."""


def _unavailable(reason: str, *, may_be_done: bool = False) -> DatabaseUnavailable:
    outcome = "the change may have been made" if may_be_done else "nothing was changed"
    return DatabaseUnavailable(
        f"The database {reason}; {outcome}. Try again shortly.",
        may_be_done=may_be_done,
        retry_after=RETRY_AFTER_SECONDS,
    )


_REASONS = {
    "disk is full": "has no disk space left",
    "disk I/O error": "cannot use its disk",
    "readonly": "cannot be written: it is read-only",
    "database is locked": "is locked by another process",
    "lock timeout": "is locked by another transaction",
    "statement timeout": "is too slow",
    "interrupted": "is too slow",
}


def _reason(error: Exception) -> str:
    for words, reason in _REASONS.items():
        if words in str(error):
            return reason
    return "is not available just now"


# SQLite's errors with which a COMMIT has changed nothing. After another, such as a failed fsync,
# the change may be found in the log when the database is opened again.
_UNDONE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY)


def _is_undone(error: Exception) -> bool:
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _UNDONE  # without the extension


def _is_locked(error: Exception) -> bool:
    """Whether PostgreSQL's lock_timeout has ended the wait."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) == "55P03"


def _is_our_fault(error: DBAPIError) -> bool:
    """Whether a constraint or a statement is wrong, rather than the database unavailable."""
    return type(error).__name__ in ("IntegrityError", "DataError", "ProgrammingError")
