"""Queries on all sessions that a user has, open and ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    delete,
    select,
    update,
)

from askcli.store.prepared import Prepared
from askcli.store.queries import notifications
from askcli.store.tables import refresh_tokens, sessions, users

_c = sessions.c


def _beyond(is_one: ColumnElement[bool], time: Column[datetime]) -> Select[Any]:
    """Select a user's sessions for which `is_one` holds, except the latest by `time`."""
    own = select(_c.id).where(_c.user_id == bindparam("user_id"), is_one)
    latest = own.order_by(time.desc(), _c.id.desc())
    keep, most = (bindparam(name, type_=Integer) for name in ("keep", "most"))
    return latest.offset(keep).limit(most)


_OPEN_BEYOND = Prepared(lambda _: _beyond(_c.ended_at.is_(None), _c.last_used_at))
_ENDED_BEYOND = Prepared(lambda _: _beyond(_c.ended_at.is_not(None), _c.ended_at))


def end_beyond(connection: Connection, user_id: UUID, keep: int, limit: int, now: datetime) -> int:
    """End the user's open sessions but for the `keep` that were used last; return how many.

    At most `limit` at once.
    """
    values = {"user_id": user_id, "keep": keep, "most": limit}
    if beyond := _OPEN_BEYOND.column(connection, values):
        connection.execute(update(sessions).where(_c.id.in_(beyond)).values(ended_at=now))
        notifications.revoked(connection, user_id)
    return len(beyond)


def remove_ended_beyond(
    connection: Connection, user_id: UUID, keep: int, limit: int, most_tokens: int
) -> None:
    """Delete the user's ended sessions but for the `keep` that ended last, at most `limit` at once.

    A guess at a password looks through all of them for its network. At most `most_tokens` of their
    refresh tokens are deleted at once, of which one may have thousands: it goes with the last.
    """
    values = {"user_id": user_id, "keep": keep, "most": limit}
    if beyond := _ENDED_BEYOND.column(connection, values):
        key, session_id = refresh_tokens.c.token_hash, refresh_tokens.c.session_id
        some = select(key).where(session_id.in_(beyond)).order_by(session_id).limit(most_tokens)
        connection.execute(delete(refresh_tokens).where(key.in_(some)))
        has_more = select(key).where(session_id == _c.id).exists()
        connection.execute(delete(sessions).where(_c.id.in_(beyond), ~has_more))


def has_network(connection: Connection, email_key: str, network: str | None) -> bool:
    """Whether the user with this email, if any, has a session, live or ended, from this network."""
    return bool(_OF_NETWORK.rows(connection, {"email_key": email_key, "network": network}))


_IS_NETWORK = sessions.c.network.is_not_distinct_from(
    bindparam("network", type_=sessions.c.network.type)
)
_OF_NETWORK = Prepared(
    lambda _: (
        select(sessions.c.id)
        .join(users, users.c.id == sessions.c.user_id)
        .where(
            users.c.email_key == bindparam("email_key"),
            _IS_NETWORK,
        )
        .limit(1)
    )
)
