"""Queries on API tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from askcli.store.prepared import Prepared, Record
from askcli.store.queries import batches, lists, notifications
from askcli.store.tables import api_tokens, users


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a token."""
    connection.execute(insert(api_tokens).values(**values))


def by_hash(connection: Connection, token_hash: str) -> Record | None:
    """Return the token with this SHA-256 and its user's `disabled_at`, None if there is none."""
    return _BY_HASH.first_by_name(connection, {"token_hash": token_hash})


_WITH_USER = select(api_tokens, users.c.disabled_at).join(users)
_BY_HASH = Prepared(lambda _: _WITH_USER.where(api_tokens.c.token_hash == bindparam("token_hash")))


def filter_valid(connection: Connection, ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Return which of these tokens are valid: not expired, their users not disabled."""
    return set(_VALID.column(connection, {"ids": lists.of_ids(connection, ids), "now": now}))


_NOW = bindparam("now", type_=api_tokens.c.expires_at.type)
_VALID = Prepared(
    lambda dialect: (
        select(api_tokens.c.id)
        .join(users)
        .where(lists.among(dialect, api_tokens.c.id))
        .where(users.c.disabled_at.is_(None), api_tokens.c.expires_at > _NOW)
    )
)


def of_user(connection: Connection, user_id: UUID) -> Sequence[RowMapping]:
    """Return the user's tokens, newest first."""
    statement = select(api_tokens).where(api_tokens.c.user_id == user_id)
    return connection.execute(statement.order_by(api_tokens.c.id.desc())).mappings().all()


def use(connection: Connection, token_hash: str, now: datetime) -> None:
    """Set a token's time of last use."""
    statement = update(api_tokens).where(api_tokens.c.token_hash == token_hash)
    connection.execute(statement.values(last_used_at=now))


def remove(connection: Connection, user_id: UUID, token_id: UUID) -> bool:
    """Delete the user's token; return False if there is none."""
    statement = delete(api_tokens).where(
        api_tokens.c.id == token_id, api_tokens.c.user_id == user_id
    )
    is_removed = connection.execute(statement).rowcount == 1
    if is_removed:
        notifications.revoked(connection, user_id)
    return is_removed


def remove_all(connection: Connection, user_id: UUID) -> int:
    """Delete all of a user's tokens; return how many."""
    notifications.revoked(connection, user_id)
    return connection.execute(delete(api_tokens).where(api_tokens.c.user_id == user_id)).rowcount


def remove_expired(connection: Connection, user_id: UUID, now: datetime) -> int:
    """Delete those of a user's tokens that have expired; return how many."""
    own = api_tokens.c.user_id == user_id, api_tokens.c.expires_at <= now
    return connection.execute(delete(api_tokens).where(*own)).rowcount


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` tokens that expired before this time; return how many."""
    return _EXPIRED.run(connection, before, limit)


_EXPIRED = batches.Removal(
    api_tokens.c.id, api_tokens.c.expires_at < batches.before(api_tokens.c.expires_at)
)
