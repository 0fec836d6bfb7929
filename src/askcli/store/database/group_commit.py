"""SQLite's one writer: units that have queued up are committed together, each in a savepoint.

A COMMIT waits for the disk, however much it commits. No unit has an outcome, not even a failure,
before the COMMIT has returned: what it has found may be another's that is not stored yet. A unit
that fails is rolled back alone. Where SQLite has rolled back all, or could not commit, each unit
runs again in a transaction of its own, so that no other is at fault for its failure.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from askcli.store.database import failures
from askcli.store.database.pool import Turns, Use
from askcli.store.database.threads import Threads
from askcli.store.database.unit import Unit

T = TypeVar("T")

# So long after a group's first unit no further one begins: its outcome waits for theirs. What has
# queued up beyond that, or beyond the number, is in the next group.
GROUP_SECONDS = 0.02
GROUP_UNITS = 100

# Units of owners that may be in the queue; others wait until it is their turn, which a busy event
# loop gives them a tenth of a second later.
OWNED_UNITS = 16


class _Member(Generic[T]):
    """A unit in the queue, and its outcome."""

    def __init__(self, unit: Unit[T]) -> None:
        self.unit = unit
        self.has_ended = asyncio.get_running_loop().create_future()
        self.error: BaseException | None = None
        self._result: T

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for it."""
        return not self.has_ended.done()

    def run(self, connection: Connection) -> None:
        """Run it; its outcome is that of its last run."""
        self.error = None
        self._result = self.unit.run(connection)

    def end(self) -> None:
        """Let `outcome` return, unless nobody waits any more."""
        if self.is_wanted:
            self.has_ended.set_result(None)

    async def outcome(self) -> T:
        """Return what the unit has returned, or raise its error, once that is certain."""
        await self.has_ended
        if self.error is not None:
            raise self.error
        return self._result


class GroupCommit:
    """The writer's queue and thread."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._transaction = transaction
        self._thread = Threads(1, "writer")
        self._queue = deque[_Member[Any]]()
        self._turns = Turns(OWNED_UNITS)

    def start(self) -> None:
        """Start the thread, so that `run` does not."""
        self._thread.start()

    async def run(self, unit: Unit[T]) -> T:
        """Return what the unit returns, once it is committed.

        Raises DatabaseUnavailable, and the unit is not done, where the thread cannot be started;
        RuntimeError when this is closed.
        """
        async with self._turns.turn(has_turn=unit.is_long):
            member = _Member(unit)
            self._queue.append(member)
            try:
                # A call for each: those whose units were in an earlier one's group find no more.
                self._thread.run(self._commit_next)
            except BaseException:
                with suppress(ValueError):  # a thread that has ended since has taken it
                    self._queue.remove(member)
                    raise
            return await member.outcome()

    def close(self) -> None:
        """Wait for the units in progress; others are forgotten."""
        self._thread.close()
        for member in self._queue:
            member.has_ended.get_loop().call_soon_threadsafe(member.has_ended.cancel)

    def use(self) -> Use:
        """Return how the thread is used."""
        return Use(1, self._thread.busy, len(self._queue) + self._turns.waiting)

    def _commit_next(self) -> None:
        while self._queue:
            member = self._queue.popleft()
            if member.is_wanted:
                self._commit(member, self._more())
                return

    def _more(self) -> Iterator[_Member[Any]]:
        """Take members from the queue as long as a group may have more."""
        until = time.monotonic() + GROUP_SECONDS
        for _ in range(1, GROUP_UNITS):
            if not self._queue or self._queue[0].unit.is_long or time.monotonic() > until:
                return
            member = self._queue.popleft()
            if member.is_wanted:
                yield member

    def _commit(self, first: _Member[Any], more: Iterator[_Member[Any]]) -> None:
        """Run and commit units together; their outcomes are certain when this returns."""
        group, is_committing = [first], False
        try:
            with self._transaction() as connection:
                first.run(connection)
                for member in () if first.unit.is_long else more:
                    group.append(member)
                    _run_in_savepoint(connection, member)
                is_committing = True
        except BaseException as error:  # noqa: BLE001 - it is raised where the unit is waited for
            may_be_done = is_committing and not failures.is_undone(error)
            if len(group) > 1 and not may_be_done:
                self._commit_alone(group, error, is_committing=is_committing)
                return
            for member in group:
                has_worked = member.error is None
                member.error = failures.failure(error, may_be_done=may_be_done and has_worked)
        _end(group)

    def _commit_alone(
        self, group: list[_Member[Any]], error: BaseException, *, is_committing: bool
    ) -> None:
        """Run units again, of which nothing was committed, in a transaction each."""
        if not is_committing and group[-1].unit.is_over:
            group[-1].error = failures.failure(error, may_be_done=False)
            _end([group.pop()])
        for member in group:
            self._commit(member, iter(()))


def _run_in_savepoint(connection: Connection, member: _Member[Any]) -> None:
    """Run a unit; it fails alone. Raises its error where SQLite has rolled back everything."""
    sqlite: Any = connection.connection.dbapi_connection
    sqlite.execute("SAVEPOINT unit")
    try:
        member.run(connection)
    except BaseException as error:
        if not sqlite.in_transaction:
            raise
        sqlite.execute("ROLLBACK TO unit")
        member.error = failures.failure(error, may_be_done=False)
    sqlite.execute("RELEASE unit")


def _end(group: Sequence[_Member[Any]]) -> None:
    """Give the outcomes to those who wait, with one call for each event loop."""
    for loop in {member.has_ended.get_loop() for member in group}:
        own = [member for member in group if member.has_ended.get_loop() is loop]
        with suppress(RuntimeError):  # it is closed
            loop.call_soon_threadsafe(_end_in_loop, own)


def _end_in_loop(group: Sequence[_Member[Any]]) -> None:
    for member in group:
        member.end()
