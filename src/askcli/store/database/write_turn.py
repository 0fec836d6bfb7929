"""Whose turn it is to write to an SQLite database, of all servers and workers that use it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection


class WriteTurn:
    """The turn of one process, whose writing thread takes it for each transaction.

    SQLite's own lock is what excludes others. But who waits for that one sleeps, for up to a tenth
    of a second, and looks again; by then a busy process has begun its next transaction, and others
    waited for seconds. This lock's waiter is woken as soon as its holder ends, or dies.
    """

    def __init__(self, database: Path, open_: Callable[[], AbstractContextManager[Connection]]):
        """`open_` opens a transaction."""
        # Not the database itself: a process that closes it loses SQLite's locks on it.
        self._directory = database.parent
        self._open = open_
        self._handle: int | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction in turn; out of turn where the file system has no such locks."""
        self._flock(fcntl.LOCK_EX)
        try:
            with self._open() as connection:
                yield connection
        finally:
            self._flock(fcntl.LOCK_UN)

    def _flock(self, operation: int) -> None:
        with suppress(OSError):
            if self._handle is None:
                self._handle = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._handle, operation)

    def close(self) -> None:
        """Close the lock, once nothing is written any more."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
