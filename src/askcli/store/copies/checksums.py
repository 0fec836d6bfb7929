"""Checksums of tables, the same for the same rows on either database.

A row is a line of JSON, whose values are as SQLAlchemy returns them and in the order of the
columns; the rows are in the order of their primary keys, as bytes. No more than a few rows are in
memory at a time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, String, Table, select

# A question and its answer may have megabytes.
ROWS_IN_MEMORY = 10


@dataclass
class Checksum:
    """The number and the SHA-256 of a table's rows."""

    rows: int = 0
    _hash: Any = field(default_factory=hashlib.sha256, compare=False)

    def add(self, row: Iterable[Any]) -> None:
        """Add the next row."""
        line = json.dumps(list(row), default=_text, ensure_ascii=False, separators=(",", ":"))
        self._hash.update(line.encode() + b"\n")
        self.rows += 1

    @property
    def digest(self) -> str:
        """The SHA-256 of the rows so far, in hexadecimal."""
        return str(self._hash.hexdigest())

    def is_same(self, other: Checksum) -> bool:
        """Whether the rows are the same."""
        return (self.rows, self.digest) == (other.rows, other.digest)


def of_rows(rows: Iterable[Iterable[Any]]) -> Checksum:
    """Return the checksum of rows that are in order."""
    checksum = Checksum()
    for row in rows:
        checksum.add(row)
    return checksum


@contextmanager
def in_order(connection: Connection, table: Table) -> Iterator[Iterator[Row[Any]]]:
    """Read all rows of a table in the order of their primary keys."""
    key = [_by_bytes(column, connection.dialect.name) for column in table.primary_key]
    few = {"yield_per": ROWS_IN_MEMORY}
    with connection.execute(select(table).order_by(*key), execution_options=few) as result:
        yield iter(result)


def of_table(connection: Connection, table: Table) -> Checksum:
    """Return the checksum of all rows of a table."""
    with in_order(connection, table) as rows:
        return of_rows(rows)


def _by_bytes(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return the column such that its order is that of bytes, whatever the database's own is."""
    is_text = isinstance(column.type, String)
    return column.collate("C") if is_text and dialect == "postgresql" else column


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, UUID):
        return value.hex
    raise TypeError(type(value).__name__)  # no column has values of another type
