"""Queries on API tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from askcli.store.tables import api_tokens, users


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a token."""
    connection.execute(insert(api_tokens).values(**values))


def by_hash(connection: Connection, token_hash: str) -> RowMapping | None:
    """The token whose SHA-256 this is, with its user's `disabled_at`."""
    joined = select(api_tokens, users.c.disabled_at).join(users)
    found = joined.where(api_tokens.c.token_hash == token_hash)
    return connection.execute(found).mappings().first()


def living(connection: Connection, ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Which of these tokens are there and not expired, their users not disabled."""
    joined = select(api_tokens.c.id).join(users).where(api_tokens.c.id.in_(ids))
    found = joined.where(users.c.disabled_at.is_(None), api_tokens.c.expires_at > now)
    return set(connection.execute(found).scalars())


def of_user(connection: Connection, user_id: UUID) -> Sequence[RowMapping]:
    """The user's tokens, the newest first."""
    found = select(api_tokens).where(api_tokens.c.user_id == user_id)
    return connection.execute(found.order_by(api_tokens.c.id.desc())).mappings().all()


def use(connection: Connection, token_id: UUID, now: datetime) -> None:
    """Note that a token was used."""
    used = update(api_tokens).where(api_tokens.c.id == token_id)
    connection.execute(used.values(last_used_at=now))


def remove(connection: Connection, user_id: UUID, token_id: UUID) -> bool:
    """Delete the user's token; False where there is none."""
    own = delete(api_tokens).where(api_tokens.c.id == token_id, api_tokens.c.user_id == user_id)
    return connection.execute(own).rowcount == 1


def remove_all(connection: Connection, user_id: UUID) -> int:
    """Delete all of a user's tokens; returns how many."""
    return connection.execute(delete(api_tokens).where(api_tokens.c.user_id == user_id)).rowcount
