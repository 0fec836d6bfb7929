"""The files of an SQLite database: its own, and those of its log."""

from __future__ import annotations

import errno
import itertools
import os
import sqlite3
import stat
import time
from contextlib import suppress
from pathlib import Path


def log_files(database: Path | None) -> list[Path]:
    """Return SQLite's files with the latest changes, the same while the database is open."""
    return [database.with_name(database.name + end) for end in ("-wal", "-shm") if database]


def unused_suffix(database: Path, word: str) -> str:
    """Return a suffix for names of the database or of its log that are set aside, with the time.

    No file has such a name, of several that are set aside within one second.
    """
    first = f".{word}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    later = (f"{first}.{number}" for number in itertools.count(2))
    return next(
        suffix for suffix in itertools.chain([first], later) if _is_unused(database, suffix)
    )


def _is_unused(database: Path, suffix: str) -> bool:
    aside = database.with_name(database.name + suffix)
    logs = [log.with_name(log.name + suffix) for log in log_files(database)]
    return not any(map(os.path.lexists, (aside, *log_files(aside), *logs)))


def exists(path: Path) -> bool:
    """Return whether the file is there. Raises OSError where that cannot be known.

    From Python 3.14 on, Path.exists and its like return False then.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return False
    return True


def is_file(path: Path) -> bool:
    """Return whether the file is there, and an ordinary one. Raises OSError as `exists` does."""
    return exists(path) and path.is_file()


def create(path: Path) -> None:
    """Create the database's file, if it is missing, and mend the modes of those of the log.

    Raises OperationalError where the log of another one is there: SQLite would delete it.
    """
    log = log_files(path)[0]
    if not exists(path) and log.exists() and log.stat().st_size:
        raise sqlite3.OperationalError(
            f"its file is missing, and {log.name}, with its latest changes, is there: put the file "
            f"back, or move {log.name} away"
        )
    with suppress(OSError):  # SQLite reports errors of the path better
        path.touch(mode=0o600)  # its WAL file gets the same mode
        _mend_modes(path)


def _mend_modes(path: Path) -> None:
    """Give the files of the log the mode that the database has now.

    SQLite makes them with the mode that it has then: were it read-only, they would remain so.
    """
    mode = path.stat().st_mode & 0o777
    for file in filter(Path.exists, log_files(path)):
        status = file.lstat()
        is_own_file = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if is_own_file and status.st_mode & 0o777 != mode:
            file.chmod(mode)
