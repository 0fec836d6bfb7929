"""The schema's versions, applied with Alembic from inside the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from askcli.errors import Failed, Misused
from askcli.store.database import Database, check_reachable, telling_why

# Any number: replicas that start at once take turns at the one schema.
_ADVISORY_LOCK = 7_202_611


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


@cache
def head() -> str:
    """The newest schema version that this package knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def current(connection: Connection) -> str | None:
    """The database's schema version, None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema to the newest version; returns (before, after)."""
    with database.transaction() as connection:
        if not database.is_sqlite:
            lock = text("SELECT pg_advisory_xact_lock(:key)")
            connection.execute(lock, {"key": _ADVISORY_LOCK})
        before = current(connection)
        try:
            command.upgrade(_config(connection), "head")
        except CommandError:
            raise Failed(
                f"the database is at version {before}, which this askcli does not know: "
                "it was made by a newer one; upgrade askcli."
            ) from None
        return before, head()


def make_ready(database: Database) -> None:
    """Make sure that the database is reachable and at this package's version.

    SQLite is migrated here; PostgreSQL is shared, so its host says when (`askcli migrate`).
    Raises Failed, or Misused for a PostgreSQL that is not migrated.
    """
    check_reachable(database)
    if database.is_sqlite:
        with telling_why(database):
            upgrade(database)
        return
    with database.engine.connect() as connection:
        if current(connection) != head():
            raise Misused("the database is not migrated: run `askcli migrate` first.")
