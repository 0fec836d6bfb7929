"""Many rows in batches: deleted, so that no transaction holds up all others, or named by ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Connection, delete, select

MAX_IDS = 10_000  # of a statement: both databases bound its parameters


def of_ids(ids: Collection[UUID], most: int | None = None) -> Iterator[Sequence[UUID]]:
    """Yield the ids in portions: of at most so many, or of those of a statement."""
    in_order, size = list(ids), most or MAX_IDS
    for start in range(0, len(in_order), size):
        yield in_order[start : start + size]


def remove(
    connection: Connection, key: Column[Any], condition: ColumnElement[bool], limit: int
) -> int:
    """Delete at most `limit` rows of the table of this primary key; return how many."""
    keys = select(key).where(condition).limit(limit)
    return connection.execute(delete(key.table).where(key.in_(keys))).rowcount
