"""Schema migrations, applied with Alembic from inside the package.

A schema serves the version of askcli that made it and the one before: migrations only add what that
one can do without, and take away what it no longer uses (CONTRIBUTING.md). Alembic takes a third of
a second to load, and 10 MiB for as long as a server runs: it is loaded only where there is
something to migrate, and a new SQLite database gets the newest schema at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from askcli.errors import Failed, Misused
from askcli.store.checks import bounded, check_reachable, connection_errors
from askcli.store.database import Database
from askcli.store.migrations import newest

if TYPE_CHECKING:
    from alembic.config import Config

# The newest version in `versions/`; a test compares.
HEAD = "0021"

# In the place of a version, while `askcli store copy` fills the database: no askcli serves it, and
# none of another version goes on, which would take the tables for its own.
_COPYING = "copying"
COPYING = f"{_COPYING} {HEAD}"

WAIT_SECONDS = 600  # on SQLite, for another process that migrates

# Any number: replicas that migrate at the same time do so one after the other.
_ADVISORY_LOCK = 7_202_611


class State(Enum):
    """What a database's schema is to this package."""

    BEHIND = "behind"
    CURRENT = "up to date"
    NEXT = "one version newer, which this askcli serves as well"
    TOO_NEW = "too new"
    COPYING = "incomplete"


def current(connection: Connection) -> str | None:
    """Return the database's schema version, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    return version


def state(version: str | None) -> State:
    """Return what a schema of this version is to this package."""
    if version is None:
        return State.BEHIND
    if version.startswith(_COPYING):
        return State.COPYING
    newer = int(version) - int(HEAD) if version.isdecimal() else 2
    if newer > 1:
        return State.TOO_NEW
    return (State.BEHIND, State.CURRENT, State.NEXT)[max(newer, -1) + 1]


def problem(version: str | None, *, is_exact: bool = False) -> Failed | Misused | None:
    """Return the error of a database at this version, None for one that this package serves.

    `is_exact` is whether the next version is none of these: there may be more than is known here.
    """
    match state(version):
        case State.COPYING if version != COPYING:
            return Failed(
                "a copy into this database by another version of askcli has not ended: begin anew "
                "with an empty database."
            )
        case State.COPYING:
            return Failed(
                "a copy into this database has not ended: run the same `askcli store copy` again, "
                "which goes on, or begin anew with an empty database."
            )
        case State.NEXT if not is_exact:
            return None
        case State.TOO_NEW | State.NEXT:
            return Failed(
                f"the database is at version {version} and this askcli knows {HEAD}: "
                "a newer askcli has migrated it; upgrade this one."
            )
        case State.BEHIND:
            at = f"is at version {version}, this askcli needs {HEAD}" if version else "is empty"
            return Misused(f"the database {at}: run `askcli migrate` first.")
    return None


def upgrade(
    database: Database, on_migration: Callable[[], object] = bool
) -> tuple[str | None, str]:
    """Migrate to this package's version, unless it is at the next; return (before, after).

    `on_migration` is called before what may take long: a migration, or the wait for another's.

    Of several processes at once one migrates, and the others find it done. Raises Failed for a
    database that a newer askcli has migrated.
    """
    if (version := version_of(database)) and isinstance(problem(version), Misused):
        on_migration()
    with _alone(database) as connection:
        before = current(connection)
        error = problem(before)
        if isinstance(error, Failed):
            raise error
        if error:
            if database.is_sqlite and newest.is_empty(connection):
                newest.create(connection, HEAD)
            else:
                _migrate(connection)
            return before, HEAD
        return before, before or HEAD


@contextmanager
def _alone(database: Database) -> Iterator[Connection]:
    """Open a transaction that waits for those of other processes that migrate."""
    with database.engine.connect() as connection:
        if database.is_sqlite:  # its writers wait for one another, here longer than a unit of work
            connection.detach()
            connection.connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")
        connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        with connection.begin():
            if not database.is_sqlite:
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                connection.execute(lock, {"key": _ADVISORY_LOCK})
            yield connection


def _migrate(connection: Connection) -> None:
    from alembic import command

    command.upgrade(config(connection), "head")


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for a connection."""
    from alembic.config import Config

    options = Config()
    options.set_main_option("script_location", str(Path(__file__).parent))
    options.attributes["connection"] = connection
    return options


def make_ready(database: Database, on_migration: Callable[[], object] = bool) -> None:
    """Check that the database is reachable and at this package's version, or the next.

    SQLite is migrated here, `on_migration` being called before; PostgreSQL is shared, so its host
    migrates it (`askcli migrate`).
    Raises Failed, or Misused for a PostgreSQL that is not migrated.
    """
    check_reachable(database)
    if database.is_sqlite:
        with connection_errors(database):
            upgrade(database, on_migration)
    else:
        check(database)


def check(database: Database) -> None:
    """Raise Failed or Misused unless the database is at this package's version, or the next."""
    if error := problem(version_of(database)):
        raise error


def version_of(database: Database) -> str | None:
    """Return the database's schema version, None for an empty database. Raises Failed."""
    with bounded(database), database.engine.connect() as connection:
        return current(connection)
