"""Queries on a user's old questions, which are found by a reader and then deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from askcli.store.queries import own_range, sizes, titles, usage, users
from askcli.store.tables import questions

# Those that are being answered stay, and those whose cost is not settled yet.
HAS_ENDED = and_(questions.c.status != "answering", ~usage.is_reserved(questions.c.id))


def ids(connection: Connection, user_id: UUID, until: datetime, limit: int) -> list[UUID]:
    """Return the first of the user's questions that were asked before `until` and have ended.

    At most `limit`; fewer where they are long, whose deletion takes time.
    """
    asked_before = own_range.asked_at < until
    # Whatever its id: none may stay for a clock that was ahead when it was asked.
    return first(connection, {"user_id": user_id}, asked_before, limit)


def first(
    connection: Connection,
    values: Mapping[str, Any],
    condition: ColumnElement[bool],
    limit: int,
    filters: Set[str] = frozenset(),
) -> list[UUID]:
    """Return the first of a user's ended questions that meet the condition, as `ids` does.

    `values` are those of `own_range`, of its `filters` too.
    """
    dialect = connection.dialect.name
    key, own = own_range.of(dialect, filters)
    query = select(questions.c.id, sizes.of_texts(dialect)).where(*own, condition, HAS_ENDED)
    oldest = query.order_by(*key).limit(limit)
    # Not all at once: where SQLite reads a row's time it reads through the texts before it.
    with connection.execute(oldest, values) as candidates:
        return sizes.fitting(candidates, sizes.MAX_DELETED_BYTES)


def remove(
    connection: Connection, user_id: UUID, those: Sequence[UUID], *conditions: ColumnElement[bool]
) -> int:
    """Delete those of these questions of the user that meet the conditions; return how many.

    Not those that were started again meanwhile, nor those that another server has deleted. With
    the titles of conversations that have no other question; the user is locked for that.
    """
    users.lock(connection, user_id)
    own = questions.c.user_id == user_id, questions.c.id.in_(those)
    statement = delete(questions).where(*own, *conditions, HAS_ENDED)
    conversation_ids = connection.scalars(statement.returning(questions.c.conversation_id)).all()
    titles.remove_of_gone(connection, user_id, list(set(conversation_ids)))
    return len(conversation_ids)
