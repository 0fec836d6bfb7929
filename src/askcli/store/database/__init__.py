"""The database: one engine, and a bounded number of threads that use it.

SQLAlchemy Core is synchronous here on purpose: in threads it is faster than either async driver
stack (docs/adr/0003-store.md), and one code serves both databases. A unit of work is a function of
a connection; its transaction commits when it has returned and rolls back when it raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from askcli.errors import DatabaseUnavailable
from askcli.store import deadline, search
from askcli.store.database import admission, engines, failures, urls
from askcli.store.database.group_commit import GroupCommit
from askcli.store.database.pool import LongUnits, Pool, Turn
from askcli.store.database.timing import timed
from askcli.store.database.unit import Connect, Disconnected, Locked, RunUnit, Unit, Work, bound
from askcli.store.database.write_turn import WriteTurn
from askcli.store.database.writing import Writing

T = TypeVar("T")
P = ParamSpec("P")

# A unit is over, done or not, so long after it was queued: a request whose database hangs gets its
# 503 within five seconds. SQLite has more time for its one writer's queue.
UNIT_SECONDS = {"postgresql": 4.0, "sqlite": 10.0}
# A thread that is stuck even beyond that (in a name server, or a hung disk) is not waited for.
GRACE_SECONDS = 0.7


class Database:
    """Runs units of work on a database, off the event loop."""

    def __init__(self, url: str, connections: int = engines.CONNECTIONS) -> None:
        """Connect to nothing yet, later to PostgreSQL so often. Raises Misused for another URL."""
        self.url = urls.parse(url)
        self.dialect = self.url.get_backend_name()
        self.is_sqlite = self.dialect == "sqlite"
        self.engine = engines.create(self.url, connections, lambda: self.url.password)
        self._reading = self.engine.execution_options(**engines.READING[self.dialect])
        self._beginning = engines.beginning(self.engine)
        self.unit_seconds = UNIT_SECONDS[self.dialect]
        readers, waiters = engines.threads(self.dialect, connections)
        self._readers = Pool(readers, "store", min(readers, engines.EAGER[self.dialect]))
        # SQLite has one writer at a time: what queues before one thread finds no locked database.
        turn = WriteTurn(self.file, self.transaction) if self.file else None
        self._writer = GroupCommit(turn.transaction) if turn else None
        self._long = LongUnits()
        self.is_closed = False
        self.has_lost_log = False  # one of the files of SQLite's log was deleted, while it is open
        self.writing = Writing(self.engine)
        # For units of PostgreSQL's that wait for a lock: no others wait behind them.
        self._waiters = Pool(waiters, "waiters", waiters)
        self.pools = {"writers": self._writer or self._waiters, "readers": self._readers}

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(self.url.database or "") if self.is_sqlite else None

    def start_threads(self) -> None:
        """Start all threads, so that none is started later, when memory may be short."""
        for threads in self.pools.values():
            threads.start()

    async def read(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return `work(connection, …)`, which only reads; each statement sees what is committed."""
        run = partial(self._in_pool, self.reading)
        return await self._run(run, bound(work, *args, **kwargs), is_read=True)

    async def write(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return `work(connection, …)`, run in a transaction that may write.

        The work may run more than once: it has no effects but those in the database. Raises
        DatabaseUnavailable when the database cannot be reached or does not take it.
        """
        return await self._run(self._write, bound(work, *args, **kwargs))

    async def write_entry(
        self,
        entry: search.Entry,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Like `write`, or `write_long`, for work that stores an entry of the search index."""
        turn = self._long.turn if search.is_long(entry) else None
        return await self._run(self._write, bound(work, *args, **kwargs), turn)

    async def write_long(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like `write`, for work of tenths of a second: others wait for one such unit at most."""
        return await self._run(self._write, bound(work, *args, **kwargs), self._long.turn)

    async def check_writing(self, work: Callable[[Connection], None]) -> None:
        """Do work that certainly writes, if a write has failed since, or this was done long ago.

        Another unit's success shows nothing: it may have changed none. Raises DatabaseUnavailable.
        """
        if self.writing.is_to_be_checked:
            await self.write(work)
            self.writing.succeeded()

    async def _run(
        self, run: RunUnit[T], work: Work[T], turn: Turn | None = None, *, is_read: bool = False
    ) -> T:
        """Run a unit; the first one of a request checks its caller before its work."""
        if (pending := admission.pending()) is None:
            return await self._run_unit(run, work, turn, is_read)
        checked = pending.before(work)
        with deadline.within(self.unit_seconds):  # with what an unsettled caller needs
            return await pending.admit(lambda: self._run_unit(run, checked, turn, is_read))

    @timed
    async def _run_unit(
        self, run: RunUnit[T], work: Work[T], turn: Turn | None, is_read: bool
    ) -> T:
        """Run a unit in the time that it has; in a turn of long ones if given."""
        seconds = deadline.at_most(self.unit_seconds)
        unit = Unit(work, seconds, is_long=turn is not None, is_read=is_read)
        try:
            async with asyncio.timeout(seconds + GRACE_SECONDS), turn() if turn else nullcontext():
                return await run(unit)
        except TimeoutError:
            if not unit.has_begun:
                raise failures.unavailable("is too busy") from None
            raise failures.no_answer(may_be_done=not is_read) from None

    async def check_caller(self) -> None:
        """Check the caller of the current request, unless a unit of work has done so."""
        if (pending := admission.pending()) is None:
            return
        if pending.failure is not None:
            raise pending.failure
        await self.read(lambda _: None)

    async def read_in_transaction(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like `read`, for work with settings of its own for a transaction."""
        run = partial(self._in_pool, partial(self.transaction, "BEGIN"))
        return await self._run(run, bound(work, *args, **kwargs), is_read=True)

    async def _write(self, unit: Unit[T]) -> T:
        try:
            if self._writer is not None:
                return await self._writer.run(unit)
            return await self._in_pool(self.transaction, unit)
        except DatabaseUnavailable as error:
            self.writing.failed(error, may_renew=not self.has_lost_log)
            raise

    async def _in_pool(self, connect: Connect, unit: Unit[T]) -> T:
        """Run it on a connection of its own, again and elsewhere when it waits for a lock."""
        pool, work = self._readers, partial(self._work, connect, unit)
        while True:
            try:
                return await pool.run(work, has_turn=unit.is_long)
            except Locked:
                pool, unit.has_begun = self._waiters, False

    def _work(self, connect: Connect, unit: Unit[T]) -> T:
        unit.begin()
        try:
            return unit.within(partial(self._transact, connect))
        except Disconnected:  # an idle connection was dead: on a new one, once
            return unit.within(partial(self._transact, connect, is_first=False))

    def _transact(self, connect: Connect, unit: Unit[T], *, is_first: bool = True) -> T:
        is_committing = False
        try:
            with connect() as connection:
                result = unit.work(connection)
                is_committing = not unit.is_read
            return result
        except Exception as error:
            in_time = not deadline.has_passed()
            if failures.is_locked(error) and in_time:
                raise Locked from error
            if is_first and in_time and not is_committing and failures.is_disconnection(error):
                raise Disconnected from error
            may_be_done = is_committing and not failures.is_undone(error)
            failure = failures.failure(error, may_be_done=may_be_done)
            if failure is error:
                raise
            raise failure from error

    def reading(self) -> Connection:
        """Open a connection in this thread without a transaction, which is two round trips."""
        return self._reading.connect()

    @contextmanager
    def transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[Connection]:
        """Open a transaction in this thread; it commits when the block succeeds."""
        with self._beginning[begin].connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Wait for the units in progress, which have deadlines, and close; others are forgotten."""
        for threads in self.pools.values():
            threads.close()
        if self.has_lost_log:
            engines.save_log(self._reading)
        self.is_closed = True  # before SQLite removes the files of its log
        self.engine.dispose()
