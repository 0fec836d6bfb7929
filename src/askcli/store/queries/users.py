"""Queries on users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, insert, select, update

from askcli.store.prepared import Prepared, Record
from askcli.store.queries import limits, notifications
from askcli.store.tables import is_answering, questions, users

_BY_ID = select(users).where(users.c.id == bindparam("id"))
_READ = Prepared(lambda _: _BY_ID)
_LOCK = Prepared(lambda _: _BY_ID.with_for_update())
_BY_EMAIL = Prepared(lambda _: select(users).where(users.c.email_key == bindparam("email_key")))
_WITH_LIMIT = _BY_ID.add_columns(limits.OF_KEY.scalar_subquery().label("full_at"))
_READ_WITH_LIMIT = Prepared(lambda _: _WITH_LIMIT)
_LOCK_WITH_LIMIT = Prepared(lambda _: _WITH_LIMIT.with_for_update())


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a user. Raises IntegrityError when the email is taken."""
    connection.execute(insert(users).values(**values))


def by_id(connection: Connection, user_id: UUID) -> Record | None:
    """Return the user, None if there is none."""
    return _READ.first_by_name(connection, {"id": user_id})


def by_email(connection: Connection, email_key: str) -> Record | None:
    """Return the user with this email (see `accounts.email_key`), None if there is none."""
    return _BY_EMAIL.first_by_name(connection, {"email_key": email_key})


def lock(connection: Connection, user_id: UUID) -> Record | None:
    """Return the user, locked until the transaction ends, so that decisions are made in turn.

    SQLite ignores FOR UPDATE; it has one writer at a time anyway.
    """
    return _LOCK.first_by_name(connection, {"id": user_id})


def with_limit(connection: Connection, user_id: UUID, key: str, *, locked: bool) -> Record | None:
    """Return the user, locked if wanted, with `full_at` of a limit (`limits.full_at`), or None."""
    query = _LOCK_WITH_LIMIT if locked else _READ_WITH_LIMIT
    return query.first_by_name(connection, {"id": user_id, "key": key})


def list_all(connection: Connection) -> Sequence[RowMapping]:
    """Return all users with the number of their questions, oldest first."""
    count = func.count(questions.c.id).label("questions")
    joined = select(users, count).outerjoin(questions, questions.c.user_id == users.c.id)
    return connection.execute(joined.group_by(users.c.id).order_by(users.c.id)).mappings().all()


def change(connection: Connection, user_id: UUID, **values: Any) -> None:
    """Update columns of a user."""
    connection.execute(update(users).where(users.c.id == user_id).values(**values))


def disable(connection: Connection, user_id: UUID, timestamp: datetime) -> bool:
    """Disable a user; return False when already disabled."""
    notifications.revoked(connection, user_id)
    statement = update(users).where(users.c.id == user_id, users.c.disabled_at.is_(None))
    return connection.execute(statement.values(disabled_at=timestamp)).rowcount == 1


def remove(connection: Connection, user_id: UUID) -> None:
    """Delete a user and, by cascade, all rows that belong to them."""
    running = select(questions.c.id).where(questions.c.user_id == user_id, is_answering)
    notifications.changed(connection, connection.scalars(running).all())
    notifications.revoked(connection, user_id)
    connection.execute(delete(users).where(users.c.id == user_id))
