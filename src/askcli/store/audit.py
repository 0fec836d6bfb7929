"""Queries on the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, delete, insert, select

from askcli.store.tables import audit


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert an entry."""
    connection.execute(insert(audit).values(**values))


def newest(
    connection: Connection, limit: int | None, user_id: UUID | None = None, event: str | None = None
) -> Sequence[RowMapping]:
    """The newest entries, the newest first; all, or a user's, or those of one event."""
    found = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if user_id is not None:
        found = found.where(audit.c.user_id == user_id)
    if event is not None:
        found = found.where(audit.c.event == event)
    return connection.execute(found).mappings().all()


def prune(connection: Connection, before: datetime) -> int:
    """Forget what happened before this; returns how many entries."""
    return connection.execute(delete(audit).where(audit.c.at < before)).rowcount
