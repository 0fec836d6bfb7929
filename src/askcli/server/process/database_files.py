"""The files of an SQLite database as a process knows them, to notice that they are lost."""

from __future__ import annotations

import time
from pathlib import Path

from askcli.files.pid_file import FileIdentities
from askcli.store.database import Database, sqlite_files

# Between two looks at the files; a log that is deleted before it is known would not be missed.
CHECK_SECONDS, FIRST_CHECK_SECONDS = 1.0, 0.05

# Between two looks for requests: at each file a look gives up the interpreter's lock, which a busy
# writer takes. A look for each request was a twentieth of an ask.
REQUEST_SECONDS = 0.02


class DatabaseFiles:
    """The database's file and the files of its log; none for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        """The file is there; those of the log are known from when they are."""
        self._file = database.file
        self._main = FileIdentities([self._file] if self._file else [])
        self._connections = database.writing.connections
        self._times = self._connections.times()
        self._log = FileIdentities([], later=sqlite_files.log_files(self._file))
        self._next_look = 0.0

    def begin_look(self) -> bool:
        """Return whether a request is to look at the files: the first one in REQUEST_SECONDS."""
        if (now := time.monotonic()) < self._next_look:
            return False
        self._next_look = now + REQUEST_SECONDS
        return True

    def is_main_intact(self) -> bool:
        """Return whether the database's file is still the same."""
        return self._main.are_intact()

    def is_log_intact(self) -> bool:
        """Return whether the files of the log are still the same, as while it is open."""
        if (times := self._connections.times()) is None:
            return True  # SQLite may be deleting them, and has what was in them in the file
        if times != self._times:
            self._times = times
            self._log = FileIdentities([], later=sqlite_files.log_files(self._file))
        return self._log.are_intact() or self._connections.times() != times

    def seconds_to_next_check(self) -> float:
        """Return after how long to look again: soon, until the files of the log are known."""
        return CHECK_SECONDS if self._log.are_known() else FIRST_CHECK_SECONDS

    def set_log_aside(self) -> list[Path]:
        """Rename the log of a database that was moved or replaced; return its new names.

        SQLite would take it for that of the next file with the name, and destroy one of them.
        Connections that are open, such as those of another worker, go on with it; none is opened
        any more.
        """
        if self._file is None or self.is_main_intact():
            return []
        suffix = sqlite_files.unused_suffix(self._file, "of-replaced")
        renamed = [self._log.rename(path, suffix) for path in sqlite_files.log_files(self._file)]
        return [path for path in renamed if path]
