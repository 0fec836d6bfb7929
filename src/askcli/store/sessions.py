"""Queries on sessions and their refresh tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, insert, select, update

from askcli.store.tables import refresh_tokens, sessions


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


def live(connection: Connection, session_id: UUID, now: datetime) -> RowMapping | None:
    """The session, None when it has ended or expired."""
    found = select(sessions).where(
        sessions.c.id == session_id, sessions.c.ended_at.is_(None), sessions.c.expires_at > now
    )
    return connection.execute(found).mappings().first()


def use_token(connection: Connection, token_hash: str, now: datetime) -> bool:
    """Mark a refresh token as used; False when it is unknown or was used before.

    One statement, so that of any number of callers at once exactly one gets True.
    """
    used = update(refresh_tokens).where(
        refresh_tokens.c.token_hash == token_hash, refresh_tokens.c.used_at.is_(None)
    )
    return connection.execute(used.values(used_at=now)).rowcount == 1


def token(connection: Connection, token_hash: str) -> RowMapping | None:
    """A refresh token's row, None for one that was never given out."""
    found = select(refresh_tokens).where(refresh_tokens.c.token_hash == token_hash)
    return connection.execute(found).mappings().first()


def renew(connection: Connection, session_id: UUID, now: datetime, expires_at: datetime) -> None:
    """Note that a session was used, and put off its end."""
    renewed = update(sessions).where(sessions.c.id == session_id)
    connection.execute(renewed.values(last_used_at=now, expires_at=expires_at))


def end(connection: Connection, session_id: UUID, now: datetime) -> None:
    """End a session; ending it again changes nothing."""
    ended = update(sessions).where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
    connection.execute(ended.values(ended_at=now))
