"""Many rows in batches: deleted, so that no transaction holds up all others, or named by ids."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Integer,
    bindparam,
    delete,
    select,
)

from askcli.store.prepared import PreparedChange

MAX_IDS = 10_000  # of a statement: both databases bound its parameters


def of_ids(ids: Collection[UUID], most: int | None = None) -> Iterator[Sequence[UUID]]:
    """Yield the ids in portions: of at most so many, or of those of a statement."""
    in_order, size = list(ids), most or MAX_IDS
    for start in range(0, len(in_order), size):
        yield in_order[start : start + size]


class Removal:
    """The deletion of rows from before a time, which a condition has as a parameter `before`."""

    def __init__(self, key: Column[Any], condition: ColumnElement[bool]) -> None:
        """`key` is the primary key of the rows' table."""
        keys = select(key).where(condition).limit(bindparam("most", type_=Integer))
        self._statement = PreparedChange(delete(key.table).where(key.in_(keys)))

    def run(self, connection: Connection, before: datetime | int, limit: int) -> int:
        """Delete at most `limit` rows; return how many."""
        return self._statement.run(connection, {"before": before, "most": limit})


def before(column: Column[Any]) -> BindParameter[Any]:
    """Return the parameter, for a column that is compared with it."""
    return bindparam("before", type_=column.type)
