"""Schemas: taking one to a version, and what it has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, inspect

from askcli.store import migrations


def migrate(connection: Connection, version: str) -> None:
    from alembic import command

    current = migrations.current(connection)
    assert current
    change = command.upgrade if version > current else command.downgrade
    change(migrations.config(connection), version)


def schema(connection: Connection) -> dict[str, Any]:
    """The tables, each with its columns and indexes."""
    inspector = inspect(connection)
    return {
        name: [
            {(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)},
            {i["name"]: i["column_names"] for i in inspector.get_indexes(name)},
        ]
        for name in inspector.get_table_names()
    }
