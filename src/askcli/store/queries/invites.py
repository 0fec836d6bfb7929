"""Queries on invites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    exists,
    insert,
    select,
    update,
)

from askcli.store.queries import batches
from askcli.store.tables import invites


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert an invite."""
    connection.execute(insert(invites).values(**values))


def _is_valid(code_hash: str, now: datetime) -> ColumnElement[bool]:
    return and_(
        invites.c.code_hash == code_hash, invites.c.uses_left > 0, invites.c.expires_at > now
    )


def is_valid(connection: Connection, code_hash: str, now: datetime) -> bool:
    """Whether an invite is valid."""
    return bool(connection.execute(select(exists().where(_is_valid(code_hash, now)))).scalar())


def use(connection: Connection, code_hash: str, now: datetime) -> bool:
    """Use an invite once; return False when it is unknown, used up or expired.

    One statement, so that the last use is granted once.
    """
    statement = update(invites).where(_is_valid(code_hash, now))
    return connection.execute(statement.values(uses_left=invites.c.uses_left - 1)).rowcount == 1


def list_all(connection: Connection) -> Sequence[RowMapping]:
    """Return all invites, newest first."""
    return connection.execute(select(invites).order_by(invites.c.id.desc())).mappings().all()


def remove(connection: Connection, invite_id: UUID) -> bool:
    """Delete an invite; return False if there is none."""
    return connection.execute(delete(invites).where(invites.c.id == invite_id)).rowcount == 1


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` invites that expired before this time; return how many."""
    return _EXPIRED.run(connection, before, limit)


_EXPIRED = batches.Removal(
    invites.c.id, invites.c.expires_at < batches.before(invites.c.expires_at)
)
