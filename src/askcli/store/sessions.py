"""Queries on sessions and their refresh tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Select, delete, exists, insert, select, update

from askcli.store.tables import refresh_tokens, sessions, users


def add(
    connection: Connection, values: Mapping[str, Any], token_hash: str, created_at: datetime
) -> None:
    """Insert a session with its first refresh token."""
    connection.execute(insert(sessions).values(**values))
    add_token(connection, values["id"], token_hash, created_at)


def add_token(
    connection: Connection, session_id: UUID, token_hash: str, created_at: datetime
) -> None:
    """Insert a refresh token of a session."""
    connection.execute(
        insert(refresh_tokens).values(
            token_hash=token_hash, session_id=session_id, created_at=created_at
        )
    )


def _open(now: datetime) -> Select[Any]:
    """Sessions that have neither ended nor expired, with whether their user is disabled."""
    joined = select(sessions, users.c.disabled_at).join(users, users.c.id == sessions.c.user_id)
    return joined.where(sessions.c.ended_at.is_(None), sessions.c.expires_at > now)


def live(connection: Connection, session_id: UUID, now: datetime) -> RowMapping | None:
    """The session and its user's `disabled_at`; None when it has ended or expired."""
    found = _open(now).where(sessions.c.id == session_id)
    return connection.execute(found).mappings().first()


def living(connection: Connection, ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Which of these sessions are live, their users not disabled."""
    found = _open(now).where(sessions.c.id.in_(ids), users.c.disabled_at.is_(None))
    return set(connection.execute(found.with_only_columns(sessions.c.id)).scalars())


def of_user(connection: Connection, user_id: UUID, now: datetime) -> Sequence[RowMapping]:
    """The user's live sessions, the newest first."""
    found = _open(now).where(sessions.c.user_id == user_id).order_by(sessions.c.id.desc())
    return connection.execute(found).mappings().all()


def knows(connection: Connection, user_id: UUID, network: str) -> bool:
    """Whether the user has logged in from this network, as far as sessions are remembered."""
    own = exists().where(sessions.c.user_id == user_id, sessions.c.network == network)
    return bool(connection.execute(select(own)).scalar())


def use_token(connection: Connection, token_hash: str, now: datetime) -> bool:
    """Mark a refresh token as used; False when it is unknown or was used before.

    One statement, so that of any number of callers at once exactly one gets True.
    """
    used = update(refresh_tokens).where(
        refresh_tokens.c.token_hash == token_hash, refresh_tokens.c.used_at.is_(None)
    )
    return connection.execute(used.values(used_at=now)).rowcount == 1


def owner_of(connection: Connection, token_hash: str) -> tuple[UUID, UUID] | None:
    """The user and the session that a refresh token was given to, None if it never was."""
    found = select(sessions.c.user_id, sessions.c.id).join(refresh_tokens)
    row = connection.execute(found.where(refresh_tokens.c.token_hash == token_hash)).first()
    return (row[0], row[1]) if row else None


def has_token(connection: Connection, token_hash: str) -> bool:
    """Whether this refresh token was ever given out."""
    return owner_of(connection, token_hash) is not None


def used_at(connection: Connection, token_hash: str) -> datetime | None:
    """When a refresh token was used for the first time."""
    found = select(refresh_tokens.c.used_at).where(refresh_tokens.c.token_hash == token_hash)
    moment: datetime | None = connection.execute(found).scalar()
    return moment


def renew(connection: Connection, session_id: UUID, now: datetime, expires_at: datetime) -> None:
    """Note that a session was used, and put off its end."""
    renewed = update(sessions).where(sessions.c.id == session_id)
    connection.execute(renewed.values(last_used_at=now, expires_at=expires_at))


def end(connection: Connection, user_id: UUID, session_id: UUID, now: datetime) -> bool:
    """End the user's session; False when there is none that has not ended."""
    own = update(sessions).where(
        sessions.c.id == session_id, sessions.c.user_id == user_id, sessions.c.ended_at.is_(None)
    )
    return connection.execute(own.values(ended_at=now)).rowcount == 1


def end_all(
    connection: Connection, user_id: UUID, now: datetime, besides: UUID | None = None
) -> int:
    """End the user's sessions, all or all but one; returns how many."""
    own = update(sessions).where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
    if besides is not None:
        own = own.where(sessions.c.id != besides)
    return connection.execute(own.values(ended_at=now)).rowcount


def prune(connection: Connection, before: datetime) -> int:
    """Forget sessions that were over before this; returns how many."""
    over = delete(sessions).where((sessions.c.ended_at < before) | (sessions.c.expires_at < before))
    return connection.execute(over).rowcount
