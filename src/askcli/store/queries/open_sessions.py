"""Queries on all sessions that a user has, open and ended."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, select, update

from askcli.store.prepared import Prepared
from askcli.store.queries import notifications
from askcli.store.tables import sessions, users


def end_beyond(connection: Connection, user_id: UUID, keep: int, limit: int, now: datetime) -> int:
    """End the user's open sessions but for the `keep` that were used last; return how many.

    At most `limit` at once.
    """
    c = sessions.c
    is_open = c.user_id == user_id, c.ended_at.is_(None)
    latest = select(c.id).where(*is_open).order_by(c.last_used_at.desc(), c.id.desc())
    beyond = connection.scalars(latest.offset(keep).limit(limit)).all()
    if beyond:
        connection.execute(update(sessions).where(c.id.in_(beyond)).values(ended_at=now))
        notifications.revoked(connection, user_id)
    return len(beyond)


def remove_ended_beyond(connection: Connection, user_id: UUID, keep: int, limit: int) -> None:
    """Delete the user's ended sessions but for the `keep` that ended last, at most `limit` at once.

    A guess at a password looks through all of them for its network.
    """
    c = sessions.c
    latest = select(c.id).where(c.user_id == user_id, c.ended_at.is_not(None))
    latest = latest.order_by(c.ended_at.desc(), c.id.desc())
    if beyond := connection.scalars(latest.offset(keep).limit(limit)).all():
        connection.execute(delete(sessions).where(c.id.in_(beyond)))


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
