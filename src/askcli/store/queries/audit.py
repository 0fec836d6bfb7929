"""Queries on the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, insert, select

from askcli.store.prepared import PreparedChange
from askcli.store.queries import batches
from askcli.store.tables import audit

_ADD = PreparedChange(insert(audit))
_OLD = batches.Removal(audit.c.id, audit.c.at < batches.before(audit.c.at))


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert an entry."""
    _ADD.run(connection, values)


def newest(
    connection: Connection, limit: int | None, user_id: UUID | None = None, event: str | None = None
) -> Sequence[RowMapping]:
    """Return the newest entries first, optionally of one user or one event."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if user_id is not None:
        query = query.where(audit.c.user_id == user_id)
    if event is not None:
        query = query.where(audit.c.event == event)
    return connection.execute(query).mappings().all()


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` entries from before this time; return how many."""
    return _OLD.run(connection, before, limit)
