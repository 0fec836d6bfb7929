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

    SQLite's own lock is what excludes others. But a process that waits for that one sleeps for up
    to a tenth of a second and looks again; by then a busy process has begun its next transaction,
    and others waited for seconds. Who waits for this lock is woken as soon as its holder ends.
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
        """Hold the turn during the block; none without a log yet, or without locks of files."""
        handle = self._opened_log()
        if handle is None:
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

    def _opened_log(self) -> int | None:
        with suppress(OSError):
            return os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
        return None
