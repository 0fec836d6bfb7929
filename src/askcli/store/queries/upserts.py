"""INSERT with ON CONFLICT, which SQLAlchemy has in the dialect of each database alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert(dialect: str, table: Table) -> Any:
    """Return the dialect's own INSERT into the table."""
    own: Any = sqlite if dialect == "sqlite" else postgresql
    return own.insert(table)


def upsert(dialect: str, table: Table, replaced: str) -> Insert:
    """Return the INSERT that replaces a column of a row whose primary key is there already."""
    insertion = insert(dialect, table)
    statement: Insert = insertion.on_conflict_do_update(
        index_elements=list(table.primary_key), set_={replaced: insertion.excluded[replaced]}
    )
    return statement
