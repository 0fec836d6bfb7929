"""Checks of a database before a server or a command uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError

from askcli.errors import Failed
from askcli.store import deadline
from askcli.store.database import Database, sqlite_files, urls
from askcli.store.queries import limits

# A database may take connections and answer nothing.
CHECK_SECONDS = 5.0

# With less, a disk may take a short question, and not its answer.
LEAST_FREE_BYTES = 256 * 1024

# Schemas in which PostgreSQL looks for no tables, because the user may not, and one of askcli is.
_UNUSABLE_SCHEMAS = text("""
    SELECT nspname, current_user FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = 'alembic_version' AND to_regclass('alembic_version') IS NULL
    AND nspname = ANY(regexp_split_to_array(current_setting('search_path'), ' *, *'))
    AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE')
""")


def unwritable_reason(connection: Connection) -> str | None:
    """Return why the database takes no changes, None when it takes them as far as can be seen."""
    if connection.dialect.name == "sqlite":
        return _full_disk_reason(Path(connection.engine.url.database or ""))
    is_standby, is_read_only = connection.execute(
        text("SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'")
    ).one()
    if is_standby:
        return "its database is a standby, which takes no changes"
    if is_read_only:
        return "its database takes no changes (default_transaction_read_only is on)"
    return None


def write(connection: Connection) -> None:
    """Write what nobody sees: the use of a limit, and its end."""
    key = f"check {uuid4()}"
    limits.take(connection, key, 0, 1, 1)
    limits.reset(connection, key)


def _full_disk_reason(file: Path) -> str | None:
    try:
        disk = os.statvfs(file)
    except OSError:
        return None
    blocks = disk.f_bfree if os.geteuid() == 0 else disk.f_bavail  # some are kept for root
    is_known = disk.f_blocks > 0  # a file system in user space may tell nothing
    is_full = is_known and blocks * disk.f_frsize < LEAST_FREE_BYTES
    return "its database's disk has no space left" if is_full else None


def check_reachable(database: Database) -> None:
    """Raise Failed, with the reason but no password, when the database cannot be opened.

    Also for a PostgreSQL database whose encoding has not all characters, as an answer that was
    shown could not be stored; and for one whose tables its user does not see, as it looks empty.
    """
    with bounded(database), database.engine.connect() as connection:
        if not database.is_sqlite:
            _check_encoding(connection, database.url)
            _check_schema(connection, database.url)


def _check_schema(connection: Connection, url: URL) -> None:
    for schema, user in connection.execute(_UNUSABLE_SCHEMAS):
        raise Failed(
            f"cannot use the database {urls.shown(url)}: the user {user} lacks the right to use "
            f"its schema {schema}; its owner can: GRANT USAGE ON SCHEMA {schema} TO {user}."
        )


def _check_encoding(connection: Connection, url: URL) -> None:
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise Failed(
            f"cannot use the database {urls.shown(url)}: its encoding is {encoding}, which does "
            "not store all text. Create one with ENCODING 'UTF8' TEMPLATE template0, and move what "
            "is in this one with pg_dump."
        )


@contextmanager
def bounded(database: Database) -> Iterator[None]:
    """Raise Failed for errors of the database, and after CHECK_SECONDS."""
    with deadline.within(CHECK_SECONDS):
        try:
            with connection_errors(database):
                yield
        except Exception:
            if not deadline.has_passed():
                raise
            raise Failed(
                f"cannot use the database {urls.shown(database.url)}: it does not answer"
            ) from None


def _read_only(file: Path) -> list[str]:
    """Return the names of an SQLite database's files that are there and cannot be written."""
    files = file, *sqlite_files.log_files(file)
    return [one.name for one in files if one.exists() and not os.access(one, os.W_OK)]


@contextmanager
def connection_errors(database: Database) -> Iterator[None]:
    """Raise Failed, with the reason but no password, for errors of the database.

    KeyboardInterrupt for a statement of SQLite that a Ctrl-C has interrupted: what Python raises as
    SQLite asks it for the deadline interrupts the statement, and is forgotten.
    """
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).splitlines()[0]
        if database.is_sqlite and reason == "interrupted" and not deadline.has_passed():
            raise KeyboardInterrupt from None
        if database.file and (read_only := _read_only(database.file)):
            reason = f"{' and '.join(read_only)} {'is' if len(read_only) == 1 else 'are'} read-only"
        url = urls.shown(database.url)
        raise Failed(f"cannot use the database {url}: {reason}") from None
