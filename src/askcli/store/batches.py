"""Deletion in batches, so that a transaction of many rows does not hold up all others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, delete, select


def remove(
    connection: Connection, key: Column[Any], condition: ColumnElement[bool], limit: int
) -> int:
    """Delete at most `limit` rows of the table of this primary key; return how many."""
    keys = select(key).where(condition).limit(limit)
    return connection.execute(delete(key.table).where(key.in_(keys))).rowcount
