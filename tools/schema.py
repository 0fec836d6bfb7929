"""Writes the newest schema of SQLite: what the migrations make of an empty database."""

from __future__ import annotations

from alembic import command
from sqlalchemy import Connection, create_engine

from askcli.store import migrations
from askcli.store.migrations import newest

# Not what SQLite makes by itself: indexes of constraints, and the tables of a full-text index.
STATEMENTS = """SELECT trim(sql, char(10, 32)) FROM sqlite_master AS made
    WHERE sql IS NOT NULL AND NOT EXISTS (
        SELECT * FROM pragma_table_list AS listed
        WHERE listed.name = made.name AND listed.type = 'shadow')
    ORDER BY rowid"""


def schema(connection: Connection) -> str:
    """Return the statements of a database's schema, in the order in which they were made."""
    statements = connection.exec_driver_sql(STATEMENTS).scalars()
    return "".join(statement + newest.BETWEEN for statement in statements)


def migrated() -> str:
    """Return the schema that all migrations make of an empty database."""
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            command.upgrade(migrations.config(connection), "head")
            return schema(connection)
    finally:
        engine.dispose()


if __name__ == "__main__":
    newest.FILE.write_text(migrated(), encoding="utf-8")
