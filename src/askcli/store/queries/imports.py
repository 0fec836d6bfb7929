"""Queries for questions that are imported: which of them are there."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, select

from askcli.store.queries.conversations import last_id
from askcli.store.tables import questions

_c = questions.c


def present(connection: Connection, user_id: UUID, keys: Sequence[str]) -> set[str]:
    """Return those of the idempotency keys with which there are questions of the user."""
    query = select(_c.idempotency_key).where(_c.user_id == user_id, _c.idempotency_key.in_(keys))
    return {key for key in connection.scalars(query) if key}


def own(connection: Connection, user_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the ids that are the user's questions."""
    query = select(_c.id).where(_c.user_id == user_id, _c.id.in_(ids))
    return set(connection.scalars(query))


def conversations(connection: Connection, user_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the ids that are the user's conversations."""
    return {id_ for id_ in ids if last_id(connection, user_id, id_)}
