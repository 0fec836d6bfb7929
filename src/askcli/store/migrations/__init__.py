"""Schema migrations, applied with Alembic from inside the package.

Alembic takes half a second to load, so it is loaded only where there is something to migrate.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from askcli.errors import Failed, Misused
from askcli.store.checks import bounded, check_reachable, connection_errors
from askcli.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

# The newest version in `versions/`; a test compares.
HEAD = "0018"

# In the place of a version, while `askcli store copy` fills the database: no askcli serves it.
COPYING = "copying"

# Any number: replicas that migrate at the same time do so one after the other.
_ADVISORY_LOCK = 7_202_611


def current(connection: Connection) -> str | None:
    """Return the database's schema version, None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    return version


def problem(version: str | None) -> Failed | Misused | None:
    """Return the error of a database at this version, None at HEAD."""
    if version == HEAD:
        return None
    if version == COPYING:
        return Failed(
            "a copy into this database has not ended: run the same `askcli store copy` again, "
            "which goes on, or begin anew with an empty database."
        )
    if version is not None and version > HEAD:  # numbers with leading zeros compare as text
        return Failed(
            f"the database is at version {version} and this askcli knows {HEAD}: "
            "a newer askcli has migrated it; upgrade this one."
        )
    return Misused("the database is not migrated: run `askcli migrate` first.")


def upgrade(database: Database) -> tuple[str | None, str]:
    """Migrate to the newest version; return (before, after).

    Raises Failed for a database that a newer askcli has migrated.
    """
    with database.transaction() as connection:
        if not database.is_sqlite:
            lock = text("SELECT pg_advisory_xact_lock(:key)")
            connection.execute(lock, {"key": _ADVISORY_LOCK})
        before = current(connection)
        error = problem(before)
        if isinstance(error, Failed):
            raise error
        if error:
            _migrate(connection)
        return before, HEAD


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


def make_ready(database: Database) -> None:
    """Check that the database is reachable and at this package's version.

    SQLite is migrated here; PostgreSQL is shared, so its host migrates it (`askcli migrate`).
    Raises Failed, or Misused for a PostgreSQL that is not migrated.
    """
    check_reachable(database)
    if database.is_sqlite:
        with connection_errors(database):
            upgrade(database)
    else:
        check(database)


def check(database: Database) -> None:
    """Raise Failed or Misused unless the database is at this package's version."""
    with bounded(database), database.engine.connect() as connection:
        error = problem(current(connection))
    if error:
        raise error
