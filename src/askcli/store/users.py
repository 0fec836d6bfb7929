"""Queries on users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, insert, select

from askcli.store.tables import users


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
