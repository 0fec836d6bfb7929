"""Whose turn it is to write to an SQLite database, of all servers and workers that use it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection

from askcli.store.database import sqlite_files


class WriteTurn:
    """The turn of one process, whose writing thread takes it for each transaction.

    SQLite's own lock is what excludes others. But who waits for that one sleeps, for up to a tenth
    of a second, and looks again; by then a busy process has begun its next transaction, and others
    waited for seconds. This lock's waiter is woken as soon as its holder ends, or dies.
    """

    def __init__(self, database: Path, open_: Callable[[], AbstractContextManager[Connection]]):
        """`open_` opens a transaction."""
        # On SQLite's log, which no other database shares, and few may open. Not on the database
        # itself: a process that closes it loses SQLite's locks on it.
        self._log = sqlite_files.log_files(Path(os.path.realpath(database)))[0]
        self._open = open_

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction in turn."""
        with self._turn(), self._open() as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Have the turn; none before SQLite has made its log, or without locks of files."""
        try:
            handle = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            yield
            return
        try:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            with suppress(OSError):  # not by closing alone: a child that begins has it open, too
                fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)
