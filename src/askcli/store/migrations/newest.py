"""The newest schema, at once: that of a new SQLite database, without Alembic.

`make schema` writes its statements into `newest.sql`.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

FILE = Path(__file__).with_name("newest.sql")
BETWEEN = ";\n\n"  # the statements


def is_empty(connection: Connection) -> bool:
    """Whether nothing was ever made in an SQLite database."""
    return connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first() is None


def create(connection: Connection, version: str) -> None:
    """Make the newest schema, which is that of `version`, in an empty SQLite database."""
    for statement in FILE.read_text(encoding="utf-8").split(BETWEEN)[:-1]:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (version,))
