"""Queries on sessions and their refresh tokens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Connection,
    RowMapping,
    Select,
    bindparam,
    case,
    insert,
    select,
    update,
)

from askcli.store.prepared import Prepared, PreparedChange, Record
from askcli.store.queries import lists, notifications
from askcli.store.tables import refresh_tokens, sessions, users


def add(
    connection: Connection, values: Mapping[str, Any], token_hash: str, created_at: datetime
) -> None:
    """Insert a session with its first refresh token."""
    _ADD.run(connection, {**values, "used_generation": 0})
    add_token(connection, values["id"], token_hash, 0, created_at)


def add_token(
    connection: Connection,
    session_id: UUID,
    token_hash: str,
    generation: int,
    created_at: datetime,
) -> None:
    """Insert a refresh token of a session."""
    of_session = {"session_id": session_id, "generation": generation, "created_at": created_at}
    _ADD_TOKEN.run(connection, {"token_hash": token_hash, **of_session})


def _open(now: datetime | BindParameter[datetime]) -> Select[Any]:
    """Select live sessions (neither ended nor expired) with their users' `disabled_at`."""
    joined = select(sessions, users.c.disabled_at).join(users, users.c.id == sessions.c.user_id)
    return joined.where(sessions.c.ended_at.is_(None), sessions.c.expires_at > now)


_OPEN = _open(bindparam("now", type_=sessions.c.expires_at.type))
_LIVE = _OPEN.where(sessions.c.id == bindparam("id"))
_READ_LIVE = Prepared(lambda _: _LIVE)
_SUPERSEDED_AT = select(refresh_tokens.c.superseded_at).where(
    refresh_tokens.c.session_id == sessions.c.id,
    refresh_tokens.c.generation == bindparam("generation"),
)
_USABLE = _OPEN.where(users.c.disabled_at.is_(None))
_OF_TOKEN = refresh_tokens.c.token_hash == bindparam("token")
_LIVE_OF_TOKEN = Prepared(
    lambda _: _USABLE.where(sessions.c.id.in_(select(refresh_tokens.c.session_id).where(_OF_TOKEN)))
)
_TOKEN = Prepared(
    lambda _: (
        select(refresh_tokens, sessions.c.user_id, sessions.c.used_generation)
        .join(sessions)
        .where(_OF_TOKEN)
    )
)
_ADD, _ADD_TOKEN = PreparedChange(insert(sessions)), PreparedChange(insert(refresh_tokens))
_CHANGE_TOKEN = PreparedChange(update(refresh_tokens).where(_OF_TOKEN))
_CHANGE = update(sessions).where(sessions.c.id == bindparam("session"))
_USE_GENERATION = PreparedChange(
    _CHANGE.where(sessions.c.used_generation < bindparam("generation"))
)
_UNTIL = bindparam("until", type_=sessions.c.expires_at.type)
_LATEST = case((sessions.c.expires_at > _UNTIL, sessions.c.expires_at), else_=_UNTIL)
_RENEW = PreparedChange(_CHANGE.values(expires_at=_LATEST))
_LIVE_IDS = Prepared(
    lambda dialect: _USABLE.where(lists.among(dialect, sessions.c.id)).with_only_columns(
        sessions.c.id, maintain_column_froms=True
    )
)
# Of each request, and no more columns than it needs.
_CHECKED = Prepared(
    lambda _: _LIVE.with_only_columns(
        sessions.c.user_id,
        sessions.c.used_generation,
        users.c.disabled_at,
        _SUPERSEDED_AT.scalar_subquery().label("superseded_at"),
        maintain_column_froms=True,
    )
)


class LiveSession(NamedTuple):
    """What there is of a live session about its tokens of one generation."""

    user_id: UUID
    used_generation: int
    disabled_at: datetime | None
    superseded_at: datetime | None


def live(connection: Connection, session_id: UUID, now: datetime) -> Record | None:
    """Return the live session and its user's `disabled_at`; None when it has ended or expired."""
    return _READ_LIVE.first_by_name(connection, {"id": session_id, "now": now})


def live_with_token(
    connection: Connection, session_id: UUID, generation: int, now: datetime
) -> LiveSession | None:
    """Return what a check of a session and its tokens of this generation needs, if it is live."""
    row = _CHECKED.first(connection, {"id": session_id, "generation": generation, "now": now})
    return LiveSession(*row) if row else None


def live_of_token(connection: Connection, token_hash: str, now: datetime) -> Record | None:
    """Return the live session of a refresh token, its user not disabled."""
    values = {"token": token_hash, "now": now}
    return _LIVE_OF_TOKEN.first_by_name(connection, values)


def filter_live(connection: Connection, ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Return which of these sessions are live, their users not disabled."""
    return set(_LIVE_IDS.column(connection, {"ids": lists.of_ids(connection, ids), "now": now}))


def of_user(connection: Connection, user_id: UUID, now: datetime) -> Sequence[RowMapping]:
    """Return the user's live sessions, newest first."""
    query = _open(now).where(sessions.c.user_id == user_id).order_by(sessions.c.id.desc())
    return connection.execute(query).mappings().all()


def use_token(connection: Connection, token_hash: str, now: datetime) -> None:
    """Set the time at which a refresh token gave its newest successor, the last time."""
    _CHANGE_TOKEN.run(connection, {"token": token_hash, "used_at": now})


def supersede_token(connection: Connection, token_hash: str, now: datetime) -> None:
    """Mark a refresh token as superseded, and the access tokens of its generation with it."""
    _CHANGE_TOKEN.run(connection, {"token": token_hash, "superseded_at": now})


def successor(connection: Connection, session_id: UUID, generation: int) -> RowMapping | None:
    """Return the refresh token that follows this generation and is not superseded."""
    query = select(refresh_tokens).where(
        refresh_tokens.c.session_id == session_id,
        refresh_tokens.c.generation > generation,
        refresh_tokens.c.superseded_at.is_(None),
    )
    return connection.execute(query.order_by(refresh_tokens.c.generation)).mappings().first()


def token(connection: Connection, token_hash: str) -> Record | None:
    """Return a refresh token with its session's `user_id` and `used_generation`.

    None if it was never issued.
    """
    return _TOKEN.first_by_name(connection, {"token": token_hash})


def use_generation(connection: Connection, session_id: UUID, generation: int) -> None:
    """Note that tokens of this generation are in use."""
    values = {"session": session_id, "used_generation": generation, "generation": generation}
    _USE_GENERATION.run(connection, values)


def renew(connection: Connection, session_id: UUID, now: datetime, expires_at: datetime) -> None:
    """Set a session's time of last use, and extend it.

    Never shorten it: the clock may be behind, and what it stored would end the session once the
    clock is set.
    """
    values = {"session": session_id, "last_used_at": now, "until": expires_at}
    _RENEW.run(connection, values)


def end(connection: Connection, user_id: UUID, session_id: UUID, now: datetime) -> bool:
    """End the user's session; return False when there is none or it has ended."""
    statement = update(sessions).where(
        sessions.c.id == session_id, sessions.c.user_id == user_id, sessions.c.ended_at.is_(None)
    )
    is_ended = connection.execute(statement.values(ended_at=now)).rowcount == 1
    if is_ended:
        notifications.revoked(connection, user_id)
    return is_ended


def end_all(
    connection: Connection, user_id: UUID, now: datetime, besides: UUID | None = None
) -> int:
    """End all of the user's sessions, or all but one; return how many."""
    statement = update(sessions).where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
    if besides is not None:
        statement = statement.where(sessions.c.id != besides)
    notifications.revoked(connection, user_id)
    return connection.execute(statement.values(ended_at=now)).rowcount
