"""Puts a backup in the place of an SQLite database, which is kept under another name."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from askcli.errors import Failed
from askcli.files import Replacement, errors_of, leftovers, private_directory
from askcli.store.copies import backups
from askcli.store.database import sqlite_files

# Where all connections to an SQLite database that is open hold a lock, and new ones take one
# (PENDING_BYTE of its file format, with the bytes after it).
_LOCK_START, _LOCK_LENGTH = 0x40000000, 512


def restore(file: Path, database: Path) -> tuple[str, Path | None]:
    """Put a backup in the place of a database, with its owner and mode.

    Returns the version of its schema, and where the database is now that was there. Raises Failed,
    with nothing changed, for a file that is no whole database of askcli, or of a newer one, while a
    process uses the database, and where its file is missing but not its log.
    """
    database = database.resolve()  # a link stays one
    if not database.parent.exists():
        private_directory(database.parent)
    leftovers.remove(database)
    old = database.stat() if database.exists() else None
    mode = old.st_mode & 0o777 if old else 0o600
    with errors_of(database), Replacement(database, mode=mode) as replacement:
        version = backups.copy(file, replacement.temporary, name=file)
        if old:
            _keep_owner(replacement.file.fileno(), old, database)
        os.fsync(replacement.file.fileno())  # which may fail, so before anything is changed
        if not database.exists():
            _refuse_log(database)
            replacement.commit_written()
            return version, None
        with _locked(database):
            aside = _set_aside(database)
            replacement.commit_written()
    return version, aside


def _keep_owner(handle: int, old: os.stat_result, database: Path) -> None:
    """Give the new file the owner of the old one, whose server could not open it otherwise."""
    try:
        os.fchown(handle, old.st_uid, old.st_gid)
    except OSError:
        is_open_to_group = old.st_mode & 0o070
        if old.st_uid != os.fstat(handle).st_uid or is_open_to_group:
            raise Failed(
                f"the database {database} belongs to another user or group, and would be yours "
                "alone: run this as the server's user."
            ) from None


def _refuse_log(database: Path) -> None:
    """Raise Failed where the log of a database is there whose file is missing.

    SQLite would apply it to the backup. Its process may have been killed, or have it open still.
    """
    logs = [log for log in sqlite_files.log_files(database) if log.exists() and log.stat().st_size]
    if logs:
        names = " and ".join(log.name for log in logs)
        raise Failed(
            f"the file of the database {database} is missing, and its log {names}, with its latest "
            "changes, is there: stop the server that may have it open, put the file back or move "
            f"{names} away, then run this again."
        )


def _set_aside(database: Path) -> Path:
    """Give the database a second name, and its log, which would be taken for the new one's."""
    aside = database.with_name(database.name + sqlite_files.unused_suffix(database, "replaced"))
    aside.hardlink_to(database)
    for log, new in zip(
        sqlite_files.log_files(database), sqlite_files.log_files(aside), strict=True
    ):
        if log.exists():  # only of a database that SQLite cannot open
            log.rename(new)
    return aside


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """Keep all other processes from the database. Raises Failed when one has it open."""
    with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as connection:
        if _lock(connection, database):
            yield
            return
    with database.open("rb+") as file:
        _lock_bytes(file.fileno(), database)
        yield


def _lock(connection: sqlite3.Connection, database: Path) -> bool:
    """Lock the database, whose log is folded into it; False where SQLite cannot read it."""
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise _in_use(database) from None
        raise Failed(f"cannot use {database}: {error}.") from None
    except sqlite3.DatabaseError:
        return False
    return True


def _lock_bytes(handle: int, database: Path) -> None:
    """Lock the bytes on which all connections of SQLite have a lock."""
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_LENGTH, _LOCK_START)
    except (BlockingIOError, PermissionError):
        raise _in_use(database) from None


def _in_use(database: Path) -> Failed:
    return Failed(
        f"another process has the database {database} open: stop the server first "
        "(`askcli serve --stop` stops the one on demand), then run this again."
    )
