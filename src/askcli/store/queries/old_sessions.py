"""Deletion of sessions that ended or expired long ago, and of their refresh tokens."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, or_, select

from askcli.store.queries import batches
from askcli.store.tables import refresh_tokens, sessions

_BEFORE = batches.before(sessions.c.expires_at)
_IS_OLD = or_(sessions.c.ended_at < _BEFORE, sessions.c.expires_at < _BEFORE)
_OLD = batches.Removal(sessions.c.id, _IS_OLD)
_TOKENS = batches.Removal(
    refresh_tokens.c.token_hash,
    refresh_tokens.c.session_id.in_(select(sessions.c.id).where(_IS_OLD)),
)


def prune_tokens(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` tokens of the sessions that `prune` deletes; return how many.

    A session may have thousands, which its own deletion would delete all at once.
    """
    return _TOKENS.run(connection, before, limit)


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Delete at most `limit` sessions that ended or expired before this time; return how many."""
    return _OLD.run(connection, before, limit)
