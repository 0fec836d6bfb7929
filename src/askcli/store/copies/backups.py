"""Backups of an SQLite database: a file that is whole, made while servers write, and checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from askcli.errors import Failed
from askcli.files import Replacement, errors_of, leftovers
from askcli.store import migrations

INSTRUCTIONS_PER_CHECK = 100_000  # of SQLite's machine, between two looks for a Ctrl-C

# Any database of askcli has them, of whatever version.
_TABLES = {"alembic_version", "users", "questions"}


def write(database: Path, file: Path) -> str:
    """Write a backup of a database, in place of the file; return its schema's version.

    The file appears whole, with mode 0600, or stays as it was. Raises Failed.
    """
    leftovers.remove(file)
    with errors_of(file), Replacement(file) as replacement:
        version = copy(database, replacement.temporary, name=database, may_be_next=True)
        replacement.commit_written()
    return version


def copy(source: Path, file: Path, name: Path, *, may_be_next: bool = False) -> str:
    """Write what is in a database now into an empty file; return the version of its schema.

    VACUUM INTO reads one state of it, while others write: a copy of its pages would begin anew at
    each of their writes. Nothing that was deleted is in the file. Raises Failed, with this name,
    for a database that is damaged, not of askcli, or of a newer one; `may_be_next` is whether it
    may be at the next version, as while servers are upgraded one by one.
    """
    with _opened(source, name, "mode=ro") as connection:
        connection.execute("VACUUM INTO ?", (str(file),))
    with _opened(file, name, "mode=ro&immutable=1") as connection:  # which makes no log beside it
        version = _version(connection, name, may_be_next)
        if (damage := _one(connection, "PRAGMA integrity_check(1)")) != "ok":
            raise Failed(f"{name} is damaged: {damage}.")
        if table := _one(connection, "PRAGMA foreign_key_check"):
            raise Failed(f"{name} is damaged: rows of {table} belong to others that are gone.")
    return version


@contextmanager
def _opened(file: Path, name: Path, how: str) -> Iterator[sqlite3.Connection]:
    """Open a database. Raises Failed for errors of SQLite."""
    uri = f"file:{quote(str(file.absolute()))}?{how}"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            # Python sees a signal in it; what it raises there interrupts the statement.
            connection.set_progress_handler(lambda: None, INSTRUCTIONS_PER_CHECK)
            yield connection
    except sqlite3.Error as error:
        if str(error) == "interrupted":
            raise KeyboardInterrupt from None
        raise Failed(f"cannot copy {name}: {error}.") from None


def _version(connection: sqlite3.Connection, name: Path, may_be_next: bool) -> str:
    """Return the version of the schema. Raises Failed unless it is one that this askcli knows."""
    tables = {table for (table,) in connection.execute("SELECT name FROM sqlite_schema")}
    is_ours = tables >= _TABLES
    version = _one(connection, "SELECT version_num FROM alembic_version") if is_ours else None
    if not isinstance(version, str):
        raise Failed(f"{name} is no database of askcli.")
    error = migrations.problem(version, is_exact=not may_be_next)
    if isinstance(error, Failed):
        raise Failed(f"{name}: {error.detail}")
    return version


def _one(connection: sqlite3.Connection, statement: str) -> Any:
    row = connection.execute(statement).fetchone()
    return row[0] if row else None
