"""Queries on users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from askcli.store.tables import questions, users


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a user; IntegrityError when the email is taken."""
    connection.execute(insert(users).values(**values))


def by_id(connection: Connection, user_id: UUID) -> RowMapping | None:
    """The user, None where there is none."""
    return connection.execute(select(users).where(users.c.id == user_id)).mappings().first()


def by_email(connection: Connection, email_key: str) -> RowMapping | None:
    """The user whose email is this one, without regard to case."""
    found = select(users).where(users.c.email_key == email_key)
    return connection.execute(found).mappings().first()


def lock(connection: Connection, user_id: UUID) -> RowMapping | None:
    """The user, held until the transaction ends: what is decided by it is decided in turns.

    SQLite, which has one writer at a time anyway, takes no notice of the FOR UPDATE.
    """
    held = select(users).where(users.c.id == user_id).with_for_update()
    return connection.execute(held).mappings().first()


def every(connection: Connection) -> Sequence[RowMapping]:
    """All users with the number of their questions, the oldest first."""
    asked = func.count(questions.c.id).label("questions")
    joined = select(users, asked).outerjoin(questions, questions.c.user_id == users.c.id)
    return connection.execute(joined.group_by(users.c.id).order_by(users.c.id)).mappings().all()


def change(connection: Connection, user_id: UUID, **values: Any) -> None:
    """Change columns of a user."""
    connection.execute(update(users).where(users.c.id == user_id).values(**values))


def disable(connection: Connection, user_id: UUID, moment: datetime) -> bool:
    """Disable a user; False when they are already."""
    able = update(users).where(users.c.id == user_id, users.c.disabled_at.is_(None))
    return connection.execute(able.values(disabled_at=moment)).rowcount == 1


def remove(connection: Connection, user_id: UUID) -> None:
    """Delete a user and, by the foreign keys, all that is theirs."""
    connection.execute(delete(users).where(users.c.id == user_id))
